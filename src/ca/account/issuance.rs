//! From a recorded issuance to its certificate: ledger entry, signature, storage.
//!
//! A crash at any point resumes from the record with the same bytes.

use super::kind::Account;
use crate::ca::config::key_policy::Use;
use crate::ca::config::settings::Settings;
use crate::ca::ledger::entry::{RecordCertificate, Recorded};
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::partitions::compromised_keys;
use crate::ca::runtime::jobs::{Attempt, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::lint_failed;
use crate::ca::telemetry::events;
use crate::pki::leaf::LeafRequest;
use crate::pki::{Issuer, Period, Profile, PublicKey, Serial, key, leaf, lint, profile};
use crate::records::acme::certificate::LogPlace;
use crate::records::acme::order::Issuance;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::{CertificateRecord, Kind, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Id, Identifier, Time, b64};
use core::time::Duration;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The delay before a failed issuance is retried.
const RETRY: Duration = Duration::from_secs(5);

/// A signed certificate.
struct Certified {
    /// The PEM chain.
    pem: String,
    /// Its place in the log, if there is one.
    logged: Option<LogPlace>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Completes a recorded issuance: ledger entry, signature, certificate.
    ///
    /// # Errors
    /// When a step fails; the job is rescheduled, or the order becomes invalid after too many tries.
    pub async fn finish_issuance(&self, id: &Id, this_attempt: Attempt) -> Result<(), Problem> {
        let work = Work::Issue(id.clone());
        let order = self.transact(|txn| self.find_order(txn, id))?;
        let open = order.filter(OrderRecord::is_being_issued);
        let Some((order, issuance)) = open.and_then(|order| order.issuance.clone().map(|i| (order, i))) else {
            return self.transact(|txn| self.end(txn, &work));
        };
        let issued =
            if this_attempt.exhausted { Err(attempts_exhausted()) } else { self.issue(&order, &issuance).await };
        let ended = self.transact(|txn| {
            let mut order = self.order(txn, id)?;
            match &issued {
                // Another run finished first, and its certificate counts.
                _ if order.certificate.is_some() => {
                    self.end(txn, &work)?;
                    return Ok(false);
                }
                Ok(certified) => self.finish(txn, order, &issuance, certified)?,
                // The key is blocked. Nothing was recorded, and the order is ready for another CSR.
                Err(problem) if problem.kind == Kind::BadCsr => {
                    order.issuance = None;
                    txn.put(id.as_str(), &order)?;
                }
                Err(_) if this_attempt.again => {
                    self.retry(txn, work.clone(), this_attempt, self.ports.now().plus(RETRY))?;
                    return Ok(false);
                }
                Err(problem) => {
                    order.error = Some(given_up(problem));
                    txn.put(id.as_str(), &order)?;
                }
            }
            self.end(txn, &work)?;
            Ok(true)
        })?;
        if ended {
            if let Some(problem) = issued.as_ref().err().filter(|problem| problem.kind != Kind::BadCsr) {
                self.report_issuance(&order, &given_up(problem));
            }
            events::issued(&self.ports, &self.id, (&order, &issuance), this_attempt.number, issued.as_ref().err());
        }
        match issued {
            Err(problem) if problem.kind != Kind::BadCsr => Err(problem),
            _ => Ok(()),
        }
    }

    /// Stores the certificate of an order. The order is valid by it, and is not written again.
    fn finish(
        &self,
        txn: &mut Txn<'_, K>,
        mut order: OrderRecord,
        issuance: &Issuance,
        certified: &Certified,
    ) -> Result<(), Problem> {
        let certificate = CertificateRecord {
            serial: issuance.serial.clone(),
            issuer: issuance.issuer.clone(),
            order: order.id.clone(),
            pem: certified.pem.clone(),
            issued: issuance.prepared,
            not_before: issuance.not_before,
            not_after: issuance.not_after,
            replaced: None,
            exempted: None,
            logged: certified.logged.clone(),
        };
        order.certificate = Some(issuance.serial.clone());
        txn.put(&certificate.serial, &certificate)?;
        self.seal_replaced(txn, &order)
    }

    /// Enters an issuance in the ledger, and so in its log, and signs it.
    async fn issue(&self, order: &OrderRecord, issuance: &Issuance) -> Result<Certified, Problem> {
        let issuer = self.issuer_of(issuance)?;
        let tbs = self.relint(order, issuance)?;
        let spki = b64::decode(&issuance.spki).ok_or_else(|| Problem::internal("a stored spki is broken"))?;
        let account = self.transact(|txn| self.account(txn))?;
        let entry = LedgerEntry {
            account: account.id,
            order: order.id.clone(),
            external_account: account.external.map(|bound| bound.kid),
            key: compromised_keys::fingerprint(&spki),
            tbs_digest: b64::encode(&Sha256::digest(tbs.as_bytes())),
            names: order.identifiers.iter().map(Identifier::to_string).collect(),
            profile: Some(order.profile.clone()),
            shard: issuance.shard,
            recorded: issuance.prepared,
            not_before: issuance.not_before,
            not_after: issuance.not_after,
            revoked: None,
            logged: None,
            imported: None,
        };
        let is_logged = self.ports.settings().log.is_some();
        let tbs_text = is_logged.then(|| issuance.tbs.clone());
        let record = RecordCertificate {
            serial: issuance.serial.clone(),
            entry,
            tbs: tbs_text,
            policy: issuance.policy.clone(),
        };
        let logged = match self.ports.ask(&LedgerAt(issuance.issuer.clone()), &record).await? {
            Recorded::Yes if is_logged => {
                return Err(Problem::other_release(
                    "a ledger without a log recorded a certificate that has to be logged",
                ));
            }
            Recorded::Yes => None,
            Recorded::Logged(place) => Some(place),
            Recorded::SerialTaken => {
                return Err(Problem::internal("the serial number is taken by another certificate"));
            }
            Recorded::KeyBlocked => return Err(compromised_keys::refusal(Use::Certificate)),
        };
        let signature = self.ports.sign(issuer, tbs.as_bytes()).await?;
        leaf::assemble(&tbs, &signature)
            .and_then(|certificate| leaf::pem_chain(&certificate, issuer))
            .map_err(|fault| Problem::internal(fault.to_string()))
            .map(|pem| Certified { pem, logged })
    }

    /// Returns the issuer that an issuance was prepared for.
    fn issuer_of(&self, issuance: &Issuance) -> Result<&Issuer, Problem> {
        self.ports.settings().issuers.find(&issuance.issuer).ok_or_else(|| {
            Problem::internal(format!("the issuer {} of an order is not configured any more", issuance.issuer))
        })
    }

    /// Lints the recorded bytes again. They may predate a crash or an upgrade.
    fn relint(&self, order: &OrderRecord, issuance: &Issuance) -> Result<lint::LintedTbs, Problem> {
        let broken = |what: &str| Problem::internal(format!("order {} has a broken {what}", order.id));
        let settings = self.ports.settings();
        let tbs = b64::decode(&issuance.tbs).ok_or_else(|| broken("tbs"))?;
        let spki = b64::decode(&issuance.spki).ok_or_else(|| broken("spki"))?;
        let serial = Serial::from_hex(&issuance.serial).ok_or_else(|| broken("serial"))?;
        let profile = profile::find(&order.profile).ok_or_else(|| broken("profile"))?;
        let key = key::check_spki(&spki).map_err(|fault| Problem::internal(fault.to_string()))?;
        let sorted: BTreeSet<Identifier> = order.identifiers.iter().cloned().collect();
        let names = if issuance.names.is_empty() { sorted.into_iter().collect() } else { issuance.names.clone() };
        let (common_name, must_staple) = (issuance.common_name.as_ref(), issuance.must_staple);
        let subject = Subject { key: &key, names: &names, common_name, must_staple };
        let period = Period { not_before: issuance.not_before, not_after: issuance.not_after };
        let links = LeafUrls::of(settings, &issuance.issuer, issuance.shard);
        let request =
            leaf_request(self.issuer_of(issuance)?, &links, profile, subject, &serial, (issuance.prepared, period));
        lint::check(&tbs, &request).map_err(|faults| lint_failed("certificate", &faults))
    }
}

/// The error of an order whose issuance was abandoned.
fn given_up(problem: &Problem) -> Problem {
    if problem.kind != Kind::ServerInternal {
        return problem.clone();
    }
    let detail = "The server could not issue the certificate, through no fault of yours, however often it tried. Place a \
                  new order.";
    Problem { detail: detail.to_owned(), retry_after: None, ..problem.clone() }
}

/// The error of an order whose issuance was interrupted too often.
fn attempts_exhausted() -> Problem {
    Problem::internal("an issuance was begun again and again, and each time its machine ended before it did")
}

/// The URLs in a certificate. Preparation and lint both use this.
#[derive(Debug, Default)]
pub(in crate::ca) struct LeafUrls {
    /// The URL of the issuer's certificate.
    pub ca_issuers: Option<String>,
    /// The URL of its shard's CRL.
    pub crl: Option<String>,
    /// The URL of an OCSP responder.
    pub ocsp: Option<String>,
}

impl LeafUrls {
    /// Returns the URLs for a certificate of this issuer and shard.
    pub fn of(settings: &Settings, issuer: &str, shard: Option<u16>) -> Self {
        let ocsp = settings.ocsp.clone();
        let Some(published) = &settings.published else { return Self { ocsp, ..Self::default() } };
        Self { ca_issuers: Some(published.issuer(issuer)), crl: shard.map(|shard| published.crl(issuer, shard)), ocsp }
    }
}

/// The subject of a certificate.
#[derive(Clone, Copy)]
pub(in crate::ca) struct Subject<'a> {
    /// Its key.
    pub key: &'a PublicKey,
    /// All of its names, in their order.
    pub names: &'a [Identifier],
    /// The name that is also the common name, if any.
    pub common_name: Option<&'a Identifier>,
    /// Whether its servers must staple OCSP.
    pub must_staple: bool,
}

/// Builds the request for a certificate. Preparation and lint both use it.
pub(in crate::ca) fn leaf_request<'a>(
    issuer: &'a Issuer,
    links: &'a LeafUrls,
    profile: &'a Profile,
    Subject { key: public_key, names, common_name, must_staple }: Subject<'a>,
    serial: &'a Serial,
    (now, period): (Time, Period),
) -> LeafRequest<'a> {
    let (ca_issuers, crl, ocsp) = (links.ca_issuers.as_deref(), links.crl.as_deref(), links.ocsp.as_deref());
    LeafRequest {
        issuer,
        profile,
        public_key,
        names,
        common_name,
        serial,
        now,
        period,
        ca_issuers,
        crl,
        ocsp,
        must_staple,
    }
}
