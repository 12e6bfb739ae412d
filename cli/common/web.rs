//! The HTTP client: few requests, bounded responses, no redirects.

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::pem;
use ureq::config::Config;
use ureq::http::{HeaderMap, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, RequestBuilder};
use url::{Host, Url};

use super::secret::Secret;

/// Timeout of a whole request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest response body: a CRL of 100,000 certificates has 4 MB.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// A resolver that gives one address for every name.
#[derive(Clone, Copy, Debug)]
pub struct FixedAddress(pub SocketAddr);

impl Resolver for FixedAddress {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

/// An unreachable authority, or an invalid answer. The exit code differs from that of a refusal.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// A response of any status.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
}

impl Answer {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Parses a URL that is https, or http on this machine.
///
/// # Errors
/// When it is not such a URL.
pub fn safe_url(text: &str) -> Result<Url> {
    // The parser's own message ("relative URL without a base") does not help.
    let url = Url::parse(text).map_err(|_| anyhow!("{text:?} is not a URL; write it as https://ca.example.org"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            bail!(
                "{text:?} does not begin with https://; http:// is for this machine (127.0.0.1) only; write https://…"
            )
        }
        _ => bail!("{text:?} does not begin with https://; write it as https://ca.example.org"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        bail!("{text:?} has more than scheme, host, port and path");
    }
    Ok(url)
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The variable with a file of root certificates, as OpenSSL, curl and Go read it.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// An HTTP client that trusts the root certificate `root` (PEM).
///
/// Without one, it trusts those of `SSL_CERT_FILE`, else those of browsers.
/// With `at` it connects there, whatever the URL's host.
///
/// # Errors
/// When the root certificate cannot be read.
pub fn agent(root: Option<&str>, at: Option<SocketAddr>) -> Result<Agent> {
    let mut config = Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")))
        // A token must not be sent elsewhere, and no address of ours redirects.
        .max_redirects(0);
    if let Some(ders) = trusted(root)? {
        let roots: Vec<_> = ders.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        config = config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build());
    }
    Ok(match at {
        // A proxy would connect in our place.
        Some(address) => {
            Agent::with_parts(config.proxy(None).build(), DefaultConnector::default(), FixedAddress(address))
        }
        None => config.build().into(),
    })
}

/// The DER of the root certificates to trust; `None` for those of browsers.
fn trusted(root: Option<&str>) -> Result<Option<Vec<Vec<u8>>>> {
    if let Some(root) = root {
        return pem::read_certificates(root).context("the root certificate cannot be read").map(Some);
    }
    let Some(file) = std::env::var_os(CERTIFICATES).filter(|file| !file.is_empty()) else { return Ok(None) };
    let unusable = || {
        let shown = Path::new(&file).display();
        format!("cannot read {shown}, which {CERTIFICATES} names as the file of trusted root certificates")
    };
    let bytes = std::fs::read(&file).with_context(unusable)?;
    // The text around certificates may be in any encoding.
    pem::read_certificates(&String::from_utf8_lossy(&bytes)).with_context(unusable).map(Some)
}

/// Sends a GET request.
///
/// # Errors
/// When the server does not answer, or the body is too long.
pub fn get(agent: &Agent, url: &Url) -> Result<Answer> {
    answered(url, direct(agent.get(url.as_str()), url).call())
}

/// Sends a HEAD request.
///
/// # Errors
/// As [`get`].
pub fn head(agent: &Agent, url: &Url) -> Result<Answer> {
    answered(url, direct(agent.head(url.as_str()), url).call())
}

/// Sends a text of this media type in a POST request.
///
/// # Errors
/// As [`get`].
pub fn post(agent: &Agent, url: &Url, media_type: &str, body: &str) -> Result<Answer> {
    answered(url, direct(agent.post(url.as_str()), url).header("Content-Type", media_type).send(body))
}

/// Headers whose values are secrets.
pub type SecretHeaders = [(&'static str, Secret)];

/// Sends a GET request with a bearer token and further headers.
///
/// # Errors
/// As [`get`].
pub fn get_as(agent: &Agent, url: &Url, token: &Secret, more: &SecretHeaders) -> Result<Answer> {
    answered(url, signed_in(direct(agent.get(url.as_str()), url), token, more).call())
}

/// Sends JSON in a POST request with a bearer token and further headers.
///
/// # Errors
/// As [`get`].
pub fn post_as(agent: &Agent, url: &Url, (token, more): (&Secret, &SecretHeaders), json: &str) -> Result<Answer> {
    let request = signed_in(direct(agent.post(url.as_str()), url), token, more);
    answered(url, request.header("Content-Type", "application/json").send(json))
}

/// A request that no proxy sends to this machine: it cannot reach our loopback addresses.
fn direct<B>(request: RequestBuilder<B>, url: &Url) -> RequestBuilder<B> {
    if is_loopback(url) { request.config().proxy(None).build() } else { request }
}

/// Adds a bearer token and further headers.
fn signed_in<B>(request: RequestBuilder<B>, token: &Secret, more: &SecretHeaders) -> RequestBuilder<B> {
    let request = request.header("Authorization", format!("Bearer {}", token.reveal()));
    more.iter().fold(request, |request, (name, value)| request.header(*name, value.reveal()))
}

/// Reads what came. The library's errors never quote what was sent.
fn answered(url: &Url, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
    let response = response.map_err(|error| silent(url, &error))?;
    answer(response).with_context(|| format!("cannot read the response of {url}"))
}

/// Turns a transport error into its reason and what to do.
fn silent(url: &Url, error: &ureq::Error) -> anyhow::Error {
    let reason = error.to_string();
    let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let host = url.host_str().unwrap_or_default();
    let hint = if has(&["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]) {
        "its certificate is not from a trusted CA: pass the root to trust with --root FILE".to_owned()
    } else if has(&["NotValidForName"]) {
        format!("its certificate is not valid for {host:?}: use the authority's BASE_URL")
    } else if has(&["Expired", "NotValidYet"]) {
        "its certificate has expired or is not valid yet: check this machine's clock, or have the server renew it"
            .to_owned()
    } else if has(&["Certificate", "certificate"]) {
        format!("its certificate was refused ({reason}); pass the root to trust with --root FILE")
    } else if has(&[
        "InvalidContentType",
        "corrupt message",
        "InvalidMessage",
        "http parse fail",
        "protocol:",
        "unexpected end of file",
    ]) {
        match url.scheme() {
            "https" => format!(
                "the server does not speak https ({reason}): check host and port, or write http:// for 127.0.0.1"
            ),
            _ => format!("the server does not speak http ({reason}): try https://"),
        }
    } else if has(&["host not found"]) {
        format!("the host {host:?} is unknown: check the URL, and this machine's resolver")
    } else if has(&["refused", "Connection"]) {
        format!("connection refused ({reason}): start the server, or check host and port of the URL")
    } else if has(&["imeout", "timed out"]) {
        format!("{reason}: try again, or check the network")
    } else {
        reason
    };
    anyhow!("{url} does not answer: {hint}")
}

/// Reads a response to its end.
///
/// # Errors
/// When it is cut off, or too long.
pub fn answer(mut response: Response<ureq::Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    response.body_mut().as_reader().take(MAX_ANSWER_BYTES + 1).read_to_end(&mut body)?;
    if body.len() as u64 > MAX_ANSWER_BYTES {
        bail!("it is longer than {MAX_ANSWER_BYTES} bytes");
    }
    let headers = response.headers().clone();
    Ok(Answer { status, body, retry_after, headers })
}

/// Foreign text for a terminal: one line without control characters, at most 500 characters.
pub fn plain(text: &str) -> String {
    clean(text).chars().take(500).collect()
}

/// As [`plain`], of any length.
///
/// Characters that reorder text or have no width are escaped: a name could look like another.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            c if is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character reorders the text around it, or has no width.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_leaves_this_machine() {
        for good in ["https://a.test/x", "http://127.0.0.1:1/x", "http://localhost", "http://[::1]:5/"] {
            assert!(safe_url(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.test",
            "http://127.0.0.1.a.test",
            "ftp://localhost",
            "x",
            "https://u:p@a.test",
            "https://a.test?q",
        ] {
            assert!(safe_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn foreign_text_has_no_control_characters() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a [2Jb ");
    }
}
