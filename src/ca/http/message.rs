//! Requests and responses, independent of the host.

use super::address::ClientAddress;
use super::routes::Urls;
use crate::records::Problem;
use crate::values::{Time, b64};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Maximum length of a request body in bytes. A finalize with a CSR of 100 long names stays below 50 kB, Boulder's
/// limit; reading a longer body is aborted.
pub const MAX_BODY: usize = 64 * 1024;

/// Path of an operation with a longer body: the rows that a recovery carries.
pub const RECOVERY: &str = "/admin/v1/recovery";

/// Path of another one: rows of a backup.
pub const RESTORE_ROWS: &str = "/admin/v1/restoration/rows";

/// Maximum length of their bodies in bytes. A row with a part of a long CRL has a megabyte.
pub const MAX_RESTORE_BODY: usize = 4 * 1024 * 1024;

/// Maximum length of the body of a request to this path.
pub fn max_body(path: &str) -> usize {
    if matches!(path, RESTORE_ROWS | RECOVERY) { MAX_RESTORE_BODY } else { MAX_BODY }
}

/// A request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, `OPTIONS` or another, upper case.
    pub method: String,
    /// Scheme and authority of the requested URL, as `https://ca.example.org`: see [`crate::ca::front::transport`].
    pub url_origin: String,
    /// Path with query, as in the request line.
    pub path: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Authorization` header, for GETs and operator routes only; ACME does not use it.
    pub authorization: Option<String>,
    /// The `Cf-Access-Jwt-Assertion` header, for operator routes.
    pub access: Option<String>,
    /// The `Accept` header of a GET or a form; it chooses between page and text.
    pub accept: Option<String>,
    /// The `Origin` header, for operator routes.
    pub origin: Option<String>,
    /// The `Sec-Fetch-Site` header, for operator routes.
    pub fetch_site: Option<String>,
    /// The `If-None-Match` header of a GET.
    pub if_none_match: Option<String>,
    /// The end of the endpoint's TLS certificate, by the header [`ENDPOINT_UNTIL`]. Only its sender reads it back.
    pub endpoint_until: Option<Time>,
    /// Whether the faults of a test CA leave it alone, by the header [`EXEMPTING`].
    pub exempt: bool,
    /// Cloudflare's id of the request, from its header `Cf-Ray`.
    pub ray: Option<String>,
    /// The client address, if known.
    pub address: Option<ClientAddress>,
    /// The body; `None` if it exceeded [`max_body`].
    pub body: Option<Vec<u8>>,
}

/// The request header in which `serve` tells the end of its TLS certificate.
pub const ENDPOINT_UNTIL: &str = "selvedge-endpoint-until";

/// The request header that exempts from the faults of a test CA: `off`.
pub const EXEMPTING: &str = "Selvedge-Faults";

/// The response header that names the fault of a test CA.
pub const FAULTED: &str = "Selvedge-Fault";

/// A response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header lines in order; repeated names stay separate lines.
    pub headers: Vec<(String, String)>,
    /// The body; [`Body::Bytes`] only for certificates and CRLs.
    pub body: Body,
}

/// A response body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// UTF-8 text, possibly empty.
    Text(String),
    /// Octets.
    Bytes(Vec<u8>),
}

impl Body {
    /// Its octets.
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Whether a client's `If-None-Match` names the version with this tag (RFC 9110 §13.1.2).
pub fn names_version(if_none_match: Option<&str>, tag: &str) -> bool {
    let same = |one: &str| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag;
    if_none_match.is_some_and(|tags| tags.split(',').any(|one| same(one.trim())))
}

/// The media type of problem documents (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// Bytes of a body's digest in its `ETag`.
const TAG_BYTES: usize = 12;

impl Response {
    /// An empty response.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::Text(String::new()) }
    }

    /// A response with a body of this media type.
    pub fn text(status: u16, media_type: &str, body: String) -> Self {
        Self { body: Body::Text(body), ..Self::empty(status) }.with("Content-Type", media_type)
    }

    /// A JSON response. The media type has no parameters: acme.sh compares it literally.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    /// A problem document (RFC 9457) with its headers.
    pub fn problem(problem: &Problem) -> Self {
        let mut response =
            Self::text(problem.status, PROBLEM, problem.document().to_string()).with("Content-Language", "en");
        if let Some(location) = &problem.location {
            response = response.with("Location", location);
        }
        if let Some(terms) = &problem.terms {
            response = response.linked(terms, "terms-of-service");
        }
        if let Some(help) = &problem.help {
            response = response.linked(help, "help");
        }
        if let Some(seconds) = problem.retry_after {
            response = response.with("Retry-After", &seconds.to_string());
        }
        response
    }

    /// Adds a header line.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Location`.
    pub fn located(self, url: &str) -> Self {
        self.with("Location", url)
    }

    /// Adds a separate `Link` header for this relation. acme.sh reads lines, so relations are not merged.
    /// docs/DIVERGENCES.md describes what the runtime makes of them.
    pub fn linked(self, url: &str, relation: &str) -> Self {
        self.with("Link", &format!("<{url}>;rel=\"{relation}\""))
    }

    /// Adds `Retry-After` in whole seconds, at least one.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with("Retry-After", &seconds.max(1).to_string())
    }

    /// Adds the link to the directory, which every other response has (RFC 8555 §7.1).
    pub fn indexed(self, urls: &Urls) -> Self {
        self.linked(&urls.directory(), "index")
    }

    /// Adds an `ETag` to a response that caches may store, unless it has one.
    ///
    /// If the client has this version already, the response becomes a 304 (RFC 9110 §13.1.2, §15.4.5).
    pub fn conditional(mut self, if_none_match: Option<&str>) -> Self {
        let stored = self.header("Cache-Control").is_some_and(|control| control.starts_with("public"));
        if self.status != 200 || !stored {
            return self;
        }
        let tag = match self.header("ETag") {
            Some(tag) => tag.to_owned(),
            None => {
                let digest = Sha256::digest(self.body.octets());
                let tag = format!("\"{}\"", b64::encode(digest.get(..TAG_BYTES).unwrap_or_default()));
                self = self.with("ETag", &tag);
                tag
            }
        };
        if names_version(if_none_match, &tag) {
            self.headers.retain(|(name, _)| name != "Content-Type");
            return Self { status: 304, body: Body::Text(String::new()), ..self };
        }
        self
    }

    /// Adds a nonce (RFC 8555 §6.5) and forbids caching.
    pub fn with_nonce(mut self, nonce: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Cache-Control");
        self.with("Replay-Nonce", nonce).with("Cache-Control", "no-store")
    }

    /// Allows scripts of other origins (RFC 8555 §6.1): there are no cookies to protect.
    pub fn exposed(self) -> Self {
        self.with("Access-Control-Allow-Origin", "*")
            .with("Access-Control-Expose-Headers", "Link, Replay-Nonce, Location, Retry-After, X-Request-Id")
    }

    /// Adds the id of the request: a header, and a member of a problem document.
    ///
    /// An empty id is not added.
    pub fn identified(mut self, request: &str) -> Self {
        if request.is_empty() {
            return self;
        }
        let is_problem = self.header("Content-Type") == Some(PROBLEM);
        if let Body::Text(text) = &mut self.body
            && is_problem
            && text.ends_with('}')
        {
            text.pop();
            text.push_str(&format!(",\"request\":\"{request}\"}}"));
        }
        self.with("X-Request-Id", request)
    }

    /// Whether its status is a success.
    pub fn is_success(&self) -> bool {
        self.status < 300
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The result of a handler; both become a response.
pub type Answer = Result<Response, Problem>;

pub(in crate::ca) fn unknown_path() -> Problem {
    Problem::malformed("There is nothing at this URL. Take the URLs from the directory.").with_status(404)
}
