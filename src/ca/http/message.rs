//! Requests and responses as the CA sees them, whatever the host speaks.

use super::address::ClientAddress;
use super::routes::Urls;
use crate::records::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest request body read, in bytes. A finalize with a CSR of 100 long names stays below 50 kB (Boulder's
/// limit); a longer body is refused while it is read.
pub const MAX_BODY: usize = 64 * 1024;

/// A request as it came in.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, `OPTIONS` or another, upper case.
    pub method: String,
    /// Scheme and authority of the URL that was asked for, as `https://ca.example.org`: see [`crate::ca::front::transport`].
    pub asked: String,
    /// Path with query, as in the request line.
    pub path: String,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Authorization` header of a GET, and where operators are asked for; nothing of ACME looks at it.
    pub authorization: Option<String>,
    /// The `Cf-Access-Jwt-Assertion` header, where operators are asked for.
    pub access: Option<String>,
    /// The `Accept` header of a GET: a page is shown to browsers, which ask for one.
    pub accept: Option<String>,
    /// The `Origin` header, where operators are asked for.
    pub origin: Option<String>,
    /// The `Sec-Fetch-Site` header, where operators are asked for.
    pub fetch_site: Option<String>,
    /// The `If-None-Match` header of a GET.
    pub if_none_match: Option<String>,
    /// Where it comes from, as far as that is known.
    pub address: Option<ClientAddress>,
    /// The body; `None` when it was longer than [`MAX_BODY`] and not read to its end.
    pub body: Option<Vec<u8>>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Header lines in order; a name may stand several times and must stay several lines.
    pub headers: Vec<(String, String)>,
    /// The body; text, but for the issuer certificate, whose bytes the host takes from [`Body::Bytes`].
    pub body: Body,
}

/// A response body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// UTF-8 text, perhaps empty.
    Text(String),
    /// Octets.
    Bytes(Vec<u8>),
}

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

    /// A problem document (RFC 9457) with the headers that belong to it.
    pub fn problem(problem: &Problem) -> Self {
        let mut response = Self::text(problem.status, "application/problem+json", problem.document().to_string())
            .with("Content-Language", "en");
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

    /// The same response with one more header line.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With `Location`.
    pub fn located(self, url: &str) -> Self {
        self.with("Location", url)
    }

    /// With a `Link` header of its own for this relation: acme.sh reads lines, so relations are not merged here. What
    /// the runtime does with them on the wire, docs/DIVERGENCES.md says.
    pub fn linked(self, url: &str, relation: &str) -> Self {
        self.with("Link", &format!("<{url}>;rel=\"{relation}\""))
    }

    /// With `Retry-After` in whole seconds, at least one.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with("Retry-After", &seconds.max(1).to_string())
    }

    /// With what every response but the directory carries: the link to the directory (RFC 8555 §7.1).
    pub fn indexed(self, urls: &Urls) -> Self {
        self.linked(&urls.directory(), "index")
    }

    /// With a nonce (RFC 8555 §6.5), and never cached on the way.
    pub fn with_nonce(mut self, nonce: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Cache-Control");
        self.with("Replay-Nonce", nonce).with("Cache-Control", "no-store")
    }

    /// For scripts of other origins too (RFC 8555 §6.1): there are no cookies to protect, so they may read everything.
    pub fn exposed(self) -> Self {
        self.with("Access-Control-Allow-Origin", "*")
            .with("Access-Control-Expose-Headers", "Link, Replay-Nonce, Location, Retry-After")
    }

    /// Whether it tells of success.
    pub fn is_success(&self) -> bool {
        self.status < 300
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What a handler returns: either way a response is made of it.
pub type Answer = Result<Response, Problem>;

pub(in crate::ca) fn unknown_path() -> Problem {
    Problem::malformed("There is nothing at this URL. Take the URLs from the directory.").with_status(404)
}
