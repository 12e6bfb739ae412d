//! Asks an authority for its overview, and looks at what it publishes.

use anyhow::{Context, Result, anyhow, bail};
use selvedge::values::x509::Parts;
use serde::Deserialize;
use ureq::Agent;
use url::Url;

use super::super::web::{self, Answer, plain};
use super::crl;
use super::facts::{Authority, Crl, Fetched, Issuer};

/// How much of an answer that makes no sense is shown.
const SHOWN: usize = 200;

/// A problem document (RFC 7807), which is how the Worker says that it does not work.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// What the authority at `base` says of itself.
///
/// # Errors
/// When it does not answer, or not as an authority of this kind does.
pub fn authority(agent: &Agent, base: &str) -> Result<Authority> {
    let url = format!("{}/issuers", base.trim_end_matches('/'));
    let url = Url::parse(&url).with_context(|| format!("{base:?} is no URL of an authority"))?;
    let Answer { status, body, .. } = web::get(agent, &url)?;
    if status == 200 {
        return serde_json::from_slice(&body).map(Authority::Works).with_context(|| {
            format!(
                "{url} answers, but with no overview of issuers ({}); is that the authority's address?",
                shown(&body)
            )
        });
    }
    match serde_json::from_slice::<Problem>(&body) {
        // The Worker's own word, with the reason: its settings are wrong.
        Ok(problem) if status == 500 => Ok(Authority::Refuses(plain(problem.detail.trim_end_matches('.')))),
        Ok(problem) => bail!("{url} answers with status {status}: {}", plain(&problem.detail)),
        Err(_) => bail!("{url} answers with status {status}: {}", shown(&body)),
    }
}

fn shown(body: &[u8]) -> String {
    plain(&String::from_utf8_lossy(body)).chars().take(SHOWN).collect()
}

/// Fetches a CRL of the issuer, one that is still renewed, and looks at it as a verifier would; `None` where there is
/// none.
pub fn list(agent: &Agent, issuer: &Issuer) -> Option<Result<Fetched, String>> {
    let renewed = |list: &&Crl| list.due.is_some() && list.url.is_some();
    let url = issuer.crls.iter().find(renewed)?.url.as_deref()?;
    Some(fetch(agent, issuer, url).map_err(|error| plain(&format!("{error:#}"))))
}

fn fetch(agent: &Agent, issuer: &Issuer, url: &str) -> Result<Fetched> {
    let certificate = download(agent, &issuer.certificate).context("the certificate is not there")?;
    let parts = Parts::read(&certificate)
        .map_err(|error| anyhow!("what is at {} is no certificate: {error}", issuer.certificate))?;
    let list = download(agent, url).context("a CRL is not there")?;
    crl::read(&list, &parts, url).map_err(|what| anyhow!("the CRL at {url} {what}"))
}

fn download(agent: &Agent, url: &str) -> Result<Vec<u8>> {
    let parsed = Url::parse(url).with_context(|| format!("{url:?} is no URL"))?;
    let Answer { status, body, .. } = web::get(agent, &parsed)?;
    if status != 200 {
        bail!("{url} answers with status {status}");
    }
    Ok(body)
}
