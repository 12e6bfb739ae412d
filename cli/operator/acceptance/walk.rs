//! The steps of the walk.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use selvedge::values::identifier::DnsName;
use selvedge::values::x509::Parts;
use selvedge::values::{b64, hex};
use serde_json::{Value, json};
use x509_cert::ext::pkix::AuthorityInfoAccessSyntax;
use x509_cert::ext::pkix::constraints::name::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

use super::published;
use super::report::Report;
use crate::common::web;
use crate::operator::client::Client;
use crate::operator::issuance::acme::{Acme, ExternalKey};
use crate::operator::issuance::steps::{Issued, certificate, disable, external_key, order, renewal_start};

/// The label below a permitted name.
const LABEL: &str = "selvedge-acceptance";
/// How long the key is good, should its disabling fail.
const KEY_LIFE: Duration = Duration::from_secs(3600);
/// Delay between two looks at an order or a CRL.
const PAUSE: Duration = Duration::from_millis(500);
/// The reason cessationOfOperation (RFC 5280 §5.3.1).
const REASON: u8 = 5;

const LOG: &str = "Look at the Worker's log (`selvedge tool wrangler tail`), and at `selvedge status`";
const POLICY: &str =
    "Look at the detail: the policy or the issuer's name constraints may forbid the name; --name gives another";
const HTTP: &str = "Have the host answer plain http: switch \"Always Use HTTPS\" off for it, and check STATUS_URL";

/// A walk through one authority.
pub struct Walk<'a> {
    /// The operations API, with the HTTP client for the authority.
    pub client: &'a Client,
    /// The name of the certificate.
    pub name: Option<&'a DnsName>,
    /// How long the CRL may take.
    pub patience: Duration,
}

impl Walk<'_> {
    /// Takes the steps up to the first that fails, and tidies up.
    pub fn run(&self, report: &mut Report) {
        let base = self.client.base();
        let opened = report.step("directory", "Check the URL, and that the authority runs", || {
            let acme = Acme::open(self.client.agent(), base)?;
            Ok((acme, format!("{base} has a directory")))
        });
        let Some(mut acme) = opened else { return };
        let mut key = None;
        let _ = self.issue_and_revoke(report, &mut acme, &mut key);
        if acme.has_account() {
            report.step("account ends", LOG, || Ok((acme.deactivate()?, "the account is deactivated".to_owned())));
        }
        if let Some(ExternalKey { kid, .. }) = &key {
            report.step("key ends", &format!("Disable it: `selvedge eab disable {kid}`"), || {
                disable(self.client, kid)?;
                Ok(((), format!("the external account key {kid} is disabled")))
            });
        }
    }

    /// The steps with an account; `None` after one that failed.
    fn issue_and_revoke(&self, report: &mut Report, acme: &mut Acme<'_>, made: &mut Option<ExternalKey>) -> Option<()> {
        report.step("nonce", LOG, || Ok((acme.fetch_nonce()?, "a nonce, that no cache keeps".to_owned())))?;
        let name = report.step("issuer", LOG, || self.issuer())?;
        let key =
            made.insert(report.step("key", "Check the admin token, and the policy of the CA", || self.key(&name))?);
        report.step("account", LOG, || {
            let account = acme.create_account(key)?;
            Ok(((), format!("{account} was made with the key {}", key.kid)))
        })?;
        report.step("replay", LOG, || Ok((acme.replay()?, "a nonce is refused the second time".to_owned())))?;
        let (order, finalize) = report.step("order", POLICY, || {
            let order = order(acme, &name, None)?;
            Ok((order, format!("the order for {name} is ready without a challenge")))
        })?;
        let issued = report.step("certificate", POLICY, || {
            let issued = certificate(acme, &name, &order, &finalize)?;
            let parts = Parts::read(&issued.leaf)?;
            let found = format!("serial {}, until {}", hex::encode(parts.serial), parts.not_after.rfc3339());
            Ok((issued, found))
        })?;
        report.step("renewal", LOG, || self.renewal(acme, &issued))?;
        report.step("http", HTTP, || self.issuer_by_http(&issued))?;
        report.step("crl", HTTP, || {
            let list = published::crl(&issued.crl, &issued.issuer, self.client.address)?;
            if list.entry(&issued.serial).is_some() {
                bail!("{} lists the certificate, which is not revoked", issued.crl);
            }
            let (entries, number) = (list.entries.len(), list.number_text());
            Ok(((), format!("{} has number {number}, {entries} entries", issued.crl)))
        })?;
        report.step("revocation", LOG, || {
            let (url, payload) = (
                acme.directory.revoke_cert.clone(),
                json!({"certificate": b64::encode(&issued.leaf), "reason": REASON}),
            );
            acme.json(&url, Some(&payload), 200)?;
            acme.refused(&url, &payload, "alreadyRevoked")?;
            Ok(((), "the certificate is revoked, and cannot be again".to_owned()))
        })?;
        let late = "The list is signed by an alarm: look at the Worker's log for `alarm`, and at `selvedge status`";
        report.step("revoked", late, || self.listed(&issued))
    }

    /// Fetches the active issuer's certificate, and chooses a name that it permits.
    fn issuer(&self) -> Result<(String, String)> {
        let mut url = self.client.base().clone();
        url.set_path(&format!("{}/issuers", url.path().trim_end_matches('/')));
        let answer = web::get(self.client.agent(), &url)?;
        let overview: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| anyhow!("{url} answers with status {}, without an overview of issuers", answer.status))?;
        let issuers = overview.get("issuers").and_then(Value::as_array).into_iter().flatten();
        let active = issuers.into_iter().find(|issuer| issuer.get("active") == Some(&Value::Bool(true)));
        let at = active.and_then(|issuer| issuer.get("certificate")?.as_str());
        let at = url::Url::parse(at.with_context(|| format!("{url} has no active issuer"))?)?;
        let answer = web::get(self.client.agent(), &at)?;
        let parts = Parts::read(&answer.body)
            .with_context(|| format!("{at} answers with status {}, without a certificate in DER", answer.status))?;
        let name = match self.name {
            Some(name) => name.as_str().to_owned(),
            None => format!("{LABEL}.{}", permitted(&parts)?.unwrap_or_else(|| "test".to_owned())),
        };
        Ok((name, format!("{at} has the issuer's certificate, until {}", parts.not_after.rfc3339())))
    }

    /// Makes an external account key that is pre-authorised for the name.
    fn key(&self, name: &str) -> Result<(ExternalKey, String)> {
        let key = external_key(self.client, "acceptance", "selvedge acceptance", name, KEY_LIFE)?;
        let found = format!("{} is pre-authorised for {name}, for an hour", key.kid);
        Ok((key, found))
    }

    /// Asks for the renewal window (RFC 9773).
    fn renewal(&self, acme: &Acme<'_>, issued: &Issued) -> Result<((), String)> {
        let start = renewal_start(self.client.agent(), &acme.directory, &issued.leaf)?;
        Ok(((), format!("clients are to renew from {} on", start.rfc3339())))
    }

    /// Fetches the issuer's certificate where the certificate points to, as verifiers do.
    fn issuer_by_http(&self, issued: &Issued) -> Result<((), String)> {
        let parts = Parts::read(&issued.leaf)?;
        let access = parts.extension::<AuthorityInfoAccessSyntax>()?.map(|access| access.0).unwrap_or_default();
        let url = access.iter().find_map(|access| match &access.access_location {
            GeneralName::UniformResourceIdentifier(url) => Some(url.as_str()),
            _ => None,
        });
        let url = url.context("the certificate does not say where its issuer's is (authorityInfoAccess)")?;
        if !url.starts_with("http://") || published::fetch(url, self.client.address)? != issued.issuer {
            bail!("{url} has no plain http, or another certificate than the chain");
        }
        Ok(((), format!("{url} has the issuer's certificate")))
    }

    /// Waits until the CRL lists the certificate.
    fn listed(&self, issued: &Issued) -> Result<((), String)> {
        let began = Instant::now();
        loop {
            let list = published::crl(&issued.crl, &issued.issuer, self.client.address)?;
            if list.entry(&issued.serial).is_some() {
                let number = list.number_text();
                let seconds = began.elapsed().as_secs_f32();
                return Ok(((), format!("the list number {number} has the certificate, after {seconds:.1} s")));
            }
            if began.elapsed() >= self.patience {
                bail!("{} does not list the certificate after {} s", issued.crl, self.patience.as_secs());
            }
            sleep(PAUSE);
        }
    }
}

/// A DNS name that the issuer's constraints permit; `None` without constraints on names.
fn permitted(issuer: &Parts<'_>) -> Result<Option<String>> {
    let Some(constraints) = issuer.extension::<NameConstraints>()? else { return Ok(None) };
    let trees = constraints.permitted_subtrees.unwrap_or_default();
    let name = trees.iter().find_map(|tree| match &tree.base {
        GeneralName::DnsName(name) => Some(name.as_str().trim_start_matches('.').to_owned()),
        _ => None,
    });
    name.map(Some).context("the issuer permits no DNS names, and only these are tried")
}
