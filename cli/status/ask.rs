//! Requests to an authority: its overview, and the CRLs and certificates that it publishes.

use anyhow::{Context, Result, anyhow, bail};
use selvedge::values::x509::Parts;
use serde::Deserialize;
use ureq::Agent;
use url::Url;

use super::crl;
use super::facts::{Authority, Crl, FetchedCrl, Issuer};
use crate::common::web;
use crate::common::web::{Answer, plain};
use crate::common::x509::crl_urls;

/// Longest excerpt of a malformed response, in characters.
const MAX_EXCERPT: usize = 200;

/// A problem document (RFC 7807).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// Fetches the overview of the authority at `base`.
///
/// # Errors
/// When it does not answer, or is not a Selvedge authority.
pub fn authority(agent: &Agent, base: &str) -> Result<Authority> {
    let url = format!("{}/issuers", base.trim_end_matches('/'));
    let url = Url::parse(&url).with_context(|| format!("{base:?} is not a URL of an authority"))?;
    let Answer { status, body, .. } = web::get(agent, &url)?;
    if status == 200 {
        return serde_json::from_slice(&body).map(Authority::Works).with_context(|| {
            format!(
                "{url} answers, but not with an overview of issuers ({}); check the authority's address",
                shown(&body)
            )
        });
    }
    match serde_json::from_slice::<Problem>(&body) {
        // The Worker's own reason: its settings are wrong.
        Ok(problem) if status == 500 => Ok(Authority::Refuses(plain(problem.detail.trim_end_matches('.')))),
        Ok(problem) => bail!("{url} answers with status {status}: {}", plain(&problem.detail)),
        Err(_) => bail!("{url} answers with status {status}: {}", shown(&body)),
    }
}

fn shown(body: &[u8]) -> String {
    plain(&String::from_utf8_lossy(body)).chars().take(MAX_EXCERPT).collect()
}

/// Fetches and verifies one CRL of the issuer that is still renewed; `None` without one.
pub fn current_crl(agent: &Agent, issuer: &Issuer) -> Option<Result<FetchedCrl, String>> {
    let renewed = |list: &&Crl| list.due.is_some() && list.url.is_some();
    let url = issuer.crls.iter().find(renewed)?.url.as_deref()?;
    Some(fetch(agent, issuer, url).map_err(|error| plain(&format!("{error:#}"))))
}

/// Fetches CRLs at former addresses that certificates still name, and the root's CRL.
///
/// Each former origin is asked once.
pub fn other_crls(agent: &Agent, issuer: &Issuer, root: Option<&[u8]>) -> Vec<Result<FetchedCrl, String>> {
    let said = |found: Result<FetchedCrl>| found.map_err(|error| plain(&format!("{error:#}")));
    let renewed = issuer.crls.iter().filter(|list| list.due.is_some());
    let others = renewed.flat_map(|list| list.urls.iter().filter(|url| Some(*url) != list.url.as_ref()));
    let mut origins: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for url in others {
        let origin = Url::parse(url).map_or_else(|_| url.clone(), |url| url.origin().ascii_serialization());
        if !origins.contains(&origin) {
            origins.push(origin);
            found.push(said(fetch(agent, issuer, url)));
        }
    }
    if let Some(root) = root {
        found.extend(root_crls(agent, issuer, root).into_iter().map(said));
    }
    found
}

/// Fetches the root's CRLs that the issuer's certificate names, if this root issued it.
fn root_crls(agent: &Agent, issuer: &Issuer, root: &[u8]) -> Vec<Result<FetchedCrl>> {
    // A missing certificate is reported with the issuer's own CRL.
    let Ok(certificate) = download(agent, &issuer.certificate) else { return Vec::new() };
    let (Ok(parts), Ok(root)) = (Parts::read(&certificate), Parts::read(root)) else { return Vec::new() };
    if parts.issuer != root.subject {
        return Vec::new();
    }
    let fetched = |url: &String| {
        let list = download(agent, url).context("cannot fetch the root's CRL")?;
        crl::read(&list, &root, url).map_err(|what| anyhow!("the root's CRL at {url} {what}"))
    };
    crl_urls(&certificate).iter().map(fetched).collect()
}

fn fetch(agent: &Agent, issuer: &Issuer, url: &str) -> Result<FetchedCrl> {
    let certificate = download(agent, &issuer.certificate).context("cannot fetch the certificate")?;
    let parts =
        Parts::read(&certificate).map_err(|error| anyhow!("{} is not a certificate: {error}", issuer.certificate))?;
    let list = download(agent, url).context("cannot fetch a CRL")?;
    crl::read(&list, &parts, url).map_err(|what| anyhow!("the CRL at {url} {what}"))
}

fn download(agent: &Agent, url: &str) -> Result<Vec<u8>> {
    let parsed = Url::parse(url).with_context(|| format!("{url:?} is not a URL"))?;
    let Answer { status, body, .. } = web::get(agent, &parsed)?;
    if status != 200 {
        bail!("{url} answers with status {status}");
    }
    Ok(body)
}
