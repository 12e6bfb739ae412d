//! HTTP as a client: few requests, bounded answers, no surprises on the way.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::pem;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use url::{Host, Url};

use super::secret::Secret;

/// How long a request may take, all in all.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer that is read: a list of 100,000 revoked certificates has 4 MB.
const LONGEST: u64 = 16 * 1024 * 1024;

/// An answer, whatever its status.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// When to come again, where it says so.
    pub retry_after: Option<String>,
}

/// Reads a URL that is asked for over https, or, on this machine, over http.
///
/// # Errors
/// When it is none.
pub fn safe_url(text: &str) -> Result<Url> {
    let url = Url::parse(text).with_context(|| format!("{text:?} is no URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_here(&url) => {}
        _ => bail!("{text:?} does not begin with https://; anything else is taken for this machine (127.0.0.1) only"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        bail!("{text:?} has more than scheme, host, port and path");
    }
    Ok(url)
}

/// Whether a URL leads to this machine.
pub fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What asks. It trusts the root certificate `root` (PEM) if there is one, else those that browsers trust.
///
/// # Errors
/// When the root certificate cannot be read.
pub fn agent(root: Option<&str>) -> Result<Agent> {
    let mut config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")))
        // A token must not follow to another place, and no address of ours redirects.
        .max_redirects(0);
    if let Some(root) = root {
        let ders = pem::read_certificates(root).context("the root certificate cannot be read")?;
        let roots: Vec<_> = ders.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        config = config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build());
    }
    Ok(config.build().into())
}

/// Asks for a URL.
///
/// # Errors
/// When there is no answer, or one that is too long.
pub fn get(agent: &Agent, url: &Url) -> Result<Answer> {
    let request = agent.get(url.as_str()).config();
    // A proxy that the environment names cannot reach this machine's own addresses.
    let request = if is_here(url) { request.proxy(None) } else { request };
    let response = request.build().call().map_err(|error| anyhow!("{url} does not answer: {error}"))?;
    answer(response).with_context(|| format!("the answer of {url} cannot be read"))
}

/// Asks for a URL as the one who has this token.
///
/// # Errors
/// As [`get`].
pub fn get_as(agent: &Agent, url: &Url, token: &Secret) -> Result<Answer> {
    let request = agent.get(url.as_str()).config();
    let request = if is_here(url) { request.proxy(None) } else { request };
    let request = request.build().header("Authorization", format!("Bearer {}", token.reveal()));
    // The library's errors say what failed, never what was sent.
    let response = request.call().map_err(|error| anyhow!("{url} does not answer: {error}"))?;
    answer(response).with_context(|| format!("the answer of {url} cannot be read"))
}

/// Sends JSON to a URL as the one who has this token.
///
/// # Errors
/// As [`get`].
pub fn post_as(agent: &Agent, url: &Url, token: &Secret, json: &str) -> Result<Answer> {
    let request = agent.post(url.as_str()).config();
    let request = if is_here(url) { request.proxy(None) } else { request };
    let request = request.build().header("Authorization", format!("Bearer {}", token.reveal()));
    let request = request.header("Content-Type", "application/json");
    let response = request.send(json).map_err(|error| anyhow!("{url} does not answer: {error}"))?;
    answer(response).with_context(|| format!("the answer of {url} cannot be read"))
}

/// Reads an answer to its end.
///
/// # Errors
/// When it breaks off, or is too long.
pub fn answer(mut response: Response<ureq::Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    response.body_mut().as_reader().take(LONGEST + 1).read_to_end(&mut body)?;
    if body.len() as u64 > LONGEST {
        bail!("it is longer than {LONGEST} bytes");
    }
    Ok(Answer { status, body, retry_after })
}

/// A text from elsewhere, in one line without control characters, for a terminal; the beginning of a long one.
pub fn plain(text: &str) -> String {
    clean(text).chars().take(500).collect()
}

/// As [`plain`], of any length: for what was asked for.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
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
    fn what_others_say_cannot_drive_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\n"), "a [2Jb ");
    }
}
