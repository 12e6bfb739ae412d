//! HTTP as a client: few requests, bounded answers, no surprises on the way.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::pem;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::{Host, Url};

use super::secret::Secret;

/// How long a request may take, all in all.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest answer that is read: a list of 100,000 revoked certificates has 4 MB.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// One address, for every name: what is asked for goes nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct FixedAddress(pub SocketAddr);

impl Resolver for FixedAddress {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

/// The authority was not asked, or did not answer as it should: another exit code than a refusal.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

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
    // The parser's own words ("relative URL without a base") help nobody.
    let url = Url::parse(text).map_err(|_| anyhow!("{text:?} is no URL; write it as https://ca.example.org"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            bail!(
                "{text:?} does not begin with https://, without which only this machine (127.0.0.1) is asked; write https://…"
            )
        }
        _ => bail!("{text:?} does not begin with https://; write it as https://ca.example.org"),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        bail!("{text:?} has more than scheme, host, port and path");
    }
    Ok(url)
}

/// Whether a URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What asks. It trusts the root certificate `root` (PEM) if there is one, else those that browsers trust; with `at` it
/// connects there, whatever the URL's host is.
///
/// # Errors
/// When the root certificate cannot be read.
pub fn agent(root: Option<&str>, at: Option<SocketAddr>) -> Result<Agent> {
    let mut config = Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .user_agent(concat!("selvedge/", env!("CARGO_PKG_VERSION")))
        // A token must not follow to another place, and no address of ours redirects.
        .max_redirects(0);
    if let Some(root) = root {
        let ders = pem::read_certificates(root).context("the root certificate cannot be read")?;
        let roots: Vec<_> = ders.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
        config = config.tls_config(TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build());
    }
    Ok(match at {
        // No proxy: it would be the one that connects.
        Some(address) => {
            Agent::with_parts(config.proxy(None).build(), DefaultConnector::default(), FixedAddress(address))
        }
        None => config.build().into(),
    })
}

/// Asks for a URL.
///
/// # Errors
/// When there is no answer, or one that is too long.
pub fn get(agent: &Agent, url: &Url) -> Result<Answer> {
    let request = agent.get(url.as_str()).config();
    // A proxy that the environment names cannot reach this machine's own addresses.
    let request = if is_loopback(url) { request.proxy(None) } else { request };
    let response = request.build().call().map_err(|error| silent(url, &error))?;
    answer(response).with_context(|| format!("the answer of {url} cannot be read"))
}

/// Asks for a URL as the one who has this token.
///
/// # Errors
/// As [`get`].
pub fn get_as(agent: &Agent, url: &Url, token: &Secret) -> Result<Answer> {
    let request = agent.get(url.as_str()).config();
    let request = if is_loopback(url) { request.proxy(None) } else { request };
    let request = request.build().header("Authorization", format!("Bearer {}", token.reveal()));
    // The library's errors say what failed, never what was sent.
    let response = request.call().map_err(|error| silent(url, &error))?;
    answer(response).with_context(|| format!("the answer of {url} cannot be read"))
}

/// Sends JSON to a URL as the one who has this token.
///
/// # Errors
/// As [`get`].
pub fn post_as(agent: &Agent, url: &Url, token: &Secret, json: &str) -> Result<Answer> {
    let request = agent.post(url.as_str()).config();
    let request = if is_loopback(url) { request.proxy(None) } else { request };
    let request = request.build().header("Authorization", format!("Bearer {}", token.reveal()));
    let request = request.header("Content-Type", "application/json");
    let response = request.send(json).map_err(|error| silent(url, &error))?;
    answer(response).with_context(|| format!("the answer of {url} cannot be read"))
}

/// Why there is no answer, and what to do about it.
fn silent(url: &Url, error: &ureq::Error) -> anyhow::Error {
    let told = error.to_string();
    let has = |words: &[&str]| words.iter().any(|word| told.contains(word));
    let host = url.host_str().unwrap_or_default();
    let hint = if has(&["UnknownIssuer", "CaUsedAsEndEntity", "BadSignature"]) {
        "its certificate is of no CA that is trusted here: name the root to trust with --root FILE".to_owned()
    } else if has(&["NotValidForName"]) {
        format!("its certificate is not for {host:?}: take the URL by which the authority is known, its BASE_URL")
    } else if has(&["Expired", "NotValidYet"]) {
        "its certificate is over, or not valid yet: look at this machine's clock, or have the server renew it"
            .to_owned()
    } else if has(&["Certificate", "certificate"]) {
        format!("its certificate cannot be taken ({told}); name the root to trust with --root FILE")
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
                "what is there does not speak https ({told}): look at host and port, or write http:// for 127.0.0.1"
            ),
            _ => format!("what is there does not speak http ({told}): write https:// if it is served by that"),
        }
    } else if has(&["host not found"]) {
        format!("there is no host {host:?}: look at the URL, and at this machine's resolver")
    } else if has(&["refused", "Connection"]) {
        format!("nothing listens there ({told}): start it, or look at host and port of the URL")
    } else if has(&["imeout", "timed out"]) {
        format!("{told}: try again, or look at the network between")
    } else {
        told
    };
    anyhow!("{url} does not answer: {hint}")
}

/// Reads an answer to its end.
///
/// # Errors
/// When it breaks off, or is too long.
pub fn answer(mut response: Response<ureq::Body>) -> Result<Answer> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    response.body_mut().as_reader().take(MAX_ANSWER_BYTES + 1).read_to_end(&mut body)?;
    if body.len() as u64 > MAX_ANSWER_BYTES {
        bail!("it is longer than {MAX_ANSWER_BYTES} bytes");
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
