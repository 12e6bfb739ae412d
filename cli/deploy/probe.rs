//! The probe after a deployment: what clients and verifiers will ask for.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::values::x509::Parts;
use serde_json::Value;
use ureq::Agent;
use url::Url;

use crate::common::host::say;
use crate::common::web::{self, Answer, plain};
use crate::status;
use crate::status::facts::{Authority, FormerAddress, Overview};

/// Delay between two rounds.
const PAUSE: Duration = Duration::from_secs(2);

/// What has to be there.
#[derive(Clone, Debug)]
pub struct Probe<'a> {
    /// The authority's URL.
    pub base: &'a str,
    /// The URL of what verifiers fetch, by plain http.
    pub status: String,
    /// The ids of the issuers that were deployed.
    pub issuers: Vec<String>,
    /// Whether the root's CRL was deployed.
    pub root_crl: bool,
    /// Whether the authority was deployed closed, with `CLOSED`.
    pub closed: bool,
    /// How long a new address may take to answer.
    pub patience: Duration,
}

impl Probe<'_> {
    /// Asks until everything is there; returns one line for each thing that was found.
    ///
    /// # Errors
    /// With what is missing when the patience ends.
    pub fn run(&self) -> Result<Vec<String>> {
        let agent = web::agent(None, None)?;
        let end = Instant::now() + self.patience;
        let mut waiting = false;
        loop {
            match self.round(&agent) {
                Ok(lines) => return Ok(lines),
                Err(error) if Instant::now() >= end => return Err(error),
                Err(error) => {
                    if !waiting {
                        say(format!("not yet: {error:#}; asking again for {} s", self.patience.as_secs()));
                        waiting = true;
                    }
                    sleep(PAUSE.min(end.saturating_duration_since(Instant::now())));
                }
            }
        }
    }

    fn round(&self, agent: &Agent) -> Result<Vec<String>> {
        let mut lines = vec![self.directory(agent)?];
        if self.closed {
            for id in &self.issuers {
                lines.push(self.certificate(agent, id)?);
            }
            lines.extend(self.root_list(agent)?);
            return Ok(lines);
        }
        let overview = match status::authority(agent, self.base)? {
            Authority::Works(overview) => overview,
            Authority::Refuses(why) => bail!("the authority does not work: {why}"),
        };
        if let Some(absent) = self.issuers.iter().find(|id| !overview.issuers.iter().any(|issuer| issuer.id == **id)) {
            bail!("the version before still answers at {}/issuers: it has no issuer {absent}", self.base);
        }
        lines.extend(self.plain_http(agent, &overview)?);
        lines.extend(self.root_list(agent)?);
        Ok(lines)
    }

    /// Fetches the root's CRL, if there is one.
    fn root_list(&self, agent: &Agent) -> Result<Option<String>> {
        self.root_crl.then(|| crl(agent, &self.below("/crl/root.crl")?)).transpose()
    }

    /// Fetches the directory and a nonce; a closed authority refuses the nonce.
    fn directory(&self, agent: &Agent) -> Result<String> {
        let base = self.base.trim_end_matches('/');
        let url = Url::parse(&format!("{base}/directory")).context("BASE_URL is not a URL")?;
        let answer = web::get(agent, &url)?;
        let directory: Value = match (answer.status, serde_json::from_slice(&answer.body)) {
            (200, Ok(directory)) => directory,
            (status, _) => bail!("{url} answers with {}", unexpected(status, &answer)),
        };
        let nonce = directory.get("newNonce").and_then(Value::as_str).unwrap_or_default();
        if !nonce.starts_with(&format!("{base}/")) {
            bail!(
                "{url} answers with another directory (newNonce is {:?}): another program answers there, or the version \
                 before",
                plain(nonce)
            );
        }
        let nonce = Url::parse(nonce).context("newNonce is not a URL")?;
        let answer = web::get(agent, &nonce)?;
        if self.closed {
            if answer.status != 503 {
                bail!(
                    "{nonce} answers with {}, and CLOSED is set: the version before still answers",
                    unexpected(answer.status, &answer)
                );
            }
            return Ok(format!("{url} has the directory, and newNonce says that the authority is closed"));
        }
        if answer.status >= 300 || answer.header("replay-nonce").is_none() {
            bail!("{nonce} gives no nonce: it answers with {}", unexpected(answer.status, &answer));
        }
        Ok(format!("{url} has the directory, and newNonce a nonce"))
    }

    /// Fetches each issuer's certificate, and its CRL if there is one, by plain http.
    fn plain_http(&self, agent: &Agent, overview: &Overview) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for issuer in &overview.issuers {
            lines.push(self.certificate(agent, &issuer.id)?);
            if let Some(list) = issuer.crls.iter().find_map(|list| list.url.as_deref()) {
                lines.push(crl(agent, &Url::parse(list).context("the URL of a CRL is malformed")?)?);
            }
            lines.extend(issuer.former().iter().map(|address| former(agent, address)));
        }
        Ok(lines)
    }

    /// Fetches the certificate of an issuer.
    fn certificate(&self, agent: &Agent, id: &str) -> Result<String> {
        let url = self.below(&format!("/issuer/{id}.crt"))?;
        if Parts::read(&fetch(agent, &url)?).is_err() {
            bail!("{url} has no certificate in DER");
        }
        Ok(format!("{url} has the issuer's certificate"))
    }

    fn below(&self, path: &str) -> Result<Url> {
        let url = format!("{}{path}", self.status.trim_end_matches('/'));
        Url::parse(&url).with_context(|| format!("STATUS_URL or BASE_URL is malformed: {url:?} is not a URL"))
    }
}

/// Fetches a CRL at a former address. A lost address does not make a deployment fail.
fn former(agent: &Agent, address: &FormerAddress) -> String {
    let FormerAddress { origin, url, until } = address;
    let until = until.rfc3339();
    let fetched = Url::parse(url).map_err(anyhow::Error::from).and_then(|url| crl(agent, &url));
    match fetched {
        Ok(_) => format!("{origin} has the CRLs too, as it has to until {until}: certificates name it"),
        Err(error) => format!(
            "warning: {origin} has to have the CRLs too until {until}, since certificates name it, and does not: {error:#}; add \
             a route for that host in wrangler.toml"
        ),
    }
}

fn crl(agent: &Agent, url: &Url) -> Result<String> {
    let der = fetch(agent, url)?;
    ReceivedCrl::read(&der).map_err(|fault| anyhow!("{url} has no CRL: it {fault}"))?;
    Ok(format!("{url} has a CRL"))
}

/// Fetches what verifiers fetch, which follow no redirect to https.
fn fetch(agent: &Agent, url: &Url) -> Result<Vec<u8>> {
    let answer = web::get(agent, url)?;
    match answer.status {
        200 => Ok(answer.body),
        300..400 => bail!(
            "{url} redirects to {:?}, and verifiers do not follow it: switch \"Always Use HTTPS\" off for this host (a \
             Configuration Rule, or SSL/TLS, Edge Certificates in the dashboard), and leave /crl/ and /issuer/ out of redirect \
             rules",
            plain(answer.header("location").unwrap_or_default())
        ),
        status => bail!("{url} answers with {}", unexpected(status, &answer)),
    }
}

/// A status with the beginning of what came with it.
fn unexpected(status: u16, answer: &Answer) -> String {
    let said: String = plain(&String::from_utf8_lossy(&answer.body)).chars().take(200).collect();
    let hint = match answer.header("cf-mitigated") {
        Some(_) => "; Cloudflare's bot protection answered: switch it off for this host, ACME clients are bots",
        None => "",
    };
    format!("status {status}: {said:?}{hint}")
}
