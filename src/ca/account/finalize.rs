//! finalize ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)): from a ready order and a CSR to a
//! certificate.
//!
//! The order first records the TBS certificate with its serial number. The ledger entry follows, then the signature.
//! After a crash at any point, issuance resumes from the record with the same bytes, and only the first stored
//! certificate is ever served. Normally all of this happens within the finalize request, which then returns `valid`.

use super::issuance::{LeafUrls, Subject, leaf_request};
use super::kind::Account;
use super::request::{Admitted, payload};
use crate::ca::config::key_policy;
use crate::ca::config::key_policy::Use;
use crate::ca::config::test_machine::CsrStyle;
use crate::ca::http::message::{Answer, MAX_BODY};
use crate::ca::issuance_policy::grant::OrderGrants;
use crate::ca::ledger::cosigning::CheckQuorum;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::partitions::compromised_keys;
use crate::ca::runtime::jobs::Work;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::lint_failed;
use crate::pki::csr::{CsrFault, MAX_CSR_BYTES, MAX_CSR_NAMES, VerifiedCsr};
use crate::pki::validity::RequestedPeriod;
use crate::pki::{Serial, csr, leaf, lint};
use crate::records::acme::new_order::MAX_IDENTIFIERS;
use crate::records::acme::order::{Issuance, OrderStatus};
use crate::records::{Kind, OrderRecord, Problem};
use crate::store::Kv;
use crate::tlog::entry::LoggedPolicy;
use crate::values::{Id, Identifier, b64};
use core::time::Duration;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// How long the finalize request waits for ledger and signature before it returns `processing`.
const ISSUANCE_WAIT: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Finalize {
    csr: String,
}

// A CSR of maximum size, base64url-encoded inside a base64url-encoded payload, leaves this much of a request for the
// rest of the JWS: every order that newOrder accepts can be finalized (RFC 8555 §7.4).
const _: () = assert!(MAX_CSR_BYTES.div_ceil(3) * 4 * 4 / 3 + 4 * 1024 <= MAX_BODY && MAX_IDENTIFIERS <= MAX_CSR_NAMES);

/// A CSR with a valid self-signature. The digest identifies it in a repeated request.
struct Presented {
    csr: VerifiedCsr,
    digest: String,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Handles finalize. Repeated with the same CSR, it returns the current order.
    ///
    /// # Errors
    /// `orderNotReady`; `rejectedIdentifier` or `unauthorized` if the policy changed after the order; `badCSR`,
    /// `invalidProfile`, `rateLimited` or `caa`, which leave the order ready; 404 for an unknown order.
    pub async fn post_finalize(&self, admitted: &Admitted, id: &Id) -> Answer {
        let presented = self.presented(admitted).await;
        let digest = presented.as_ref().map(|presented| presented.digest.clone()).unwrap_or_default();
        let checked = self.check_caa_of(admitted, id).await;
        let quorum = self.check_quorum().await;
        // Read again after the external checks, which take time: permissions withdrawn meanwhile no longer apply.
        let governing = self.governing().await;
        let begun = self.transact_as_account(admitted, |txn, _account| {
            let mut order = self.order(txn, id)?;
            let presented = presented?;
            let authorizations = self.authorizations_of(txn, &order)?;
            let status = order.status(&authorizations, self.ports.now());
            match &order.issuance {
                Some(issuance) if issuance.csr_digest == presented.digest && order.error.is_none() => return Ok(None),
                None if status == OrderStatus::Ready => {}
                _ => return Err(not_ready(status)),
            }
            quorum?;
            let governing = governing.as_ref().map_err(Clone::clone)?;
            let permits = self.check_still_permitted(governing, &order, &authorizations)?;
            let policy = self.policy_to_log(governing);
            order.issuance = Some(self.prepare(&order, &presented, &permits, policy)?);
            self.count_certificate(txn, &order)?;
            self.record_caa_checks(txn, &authorizations, &checked?)?;
            txn.put(id.as_str(), &order)?;
            self.begin_unrecorded(txn, Work::Issue(id.clone()).into()).map(Some)
        })?;
        if let Some(job) = begun {
            self.run_begun(job, ISSUANCE_WAIT).await;
        }
        self.transact(|txn| {
            let order = self.order(txn, id)?;
            match &order.issuance {
                Some(issuance) if issuance.csr_digest == digest => self.order_response(txn, 200, &order),
                // The ledger refused its key, and the order is ready again.
                _ => Err(compromised_keys::refusal(Use::Certificate)),
            }
        })
    }

    /// Checks that witnesses have cosigned the issuer's log, where the settings require it.
    async fn check_quorum(&self) -> Result<(), Problem> {
        let settings = self.ports.settings();
        match settings.log_policy.as_ref().is_some_and(|policy| policy.required) {
            true => self.ports.ask(&LedgerAt::from(self.ports.issuer().id()), &CheckQuorum).await,
            false => Ok(()),
        }
    }

    /// Checks CAA where it is due, before the order is finalized. Returns the authorizations whose use CAA permits.
    async fn check_caa_of(&self, admitted: &Admitted, id: &Id) -> Result<Vec<Id>, Problem> {
        let (due, identifiers) = self.precheck(admitted, |txn, _account| {
            let order = self.order(txn, id)?;
            let authorizations = self.authorizations_of(txn, &order)?;
            let identifiers = order.identifiers.len();
            Ok((self.due_for_caa(&order, authorizations), identifiers))
        })?;
        self.check_caa(admitted, due, identifiers).await
    }

    /// Reads the CSR, verifies its self-signature, and refuses the account's own key (RFC 8555 §11.1).
    ///
    /// Keys of other accounts are not checked: the answer would disclose that account to a stranger, and the query
    /// would create a partition for each key that ever gets a certificate.
    async fn presented(&self, admitted: &Admitted) -> Result<Presented, Problem> {
        let Finalize { csr } = payload(admitted)?;
        let der = b64::decode(&csr)
            .ok_or_else(|| Problem::malformed("csr is not unpadded base64url of a DER-encoded PKCS#10 request."))?;
        let digest = b64::encode(&Sha256::digest(&der));
        let csr = csr::parse(&der).map_err(refuse_csr)?.verify(&self.ports).await.map_err(refuse_csr)?;
        if csr.public_key().spki_der() == admitted.jws.key().spki_der() {
            return Err(account_key());
        }
        Ok(Presented { csr, digest })
    }

    /// Builds and lints the TBS certificate to sign, with the policy to log.
    fn prepare(
        &self,
        order: &OrderRecord,
        presented: &Presented,
        permits: &OrderGrants<'_>,
        policy: Option<LoggedPolicy>,
    ) -> Result<Issuance, Problem> {
        // Checked here, not when the CSR is read: a finalized order is still returned unchanged.
        key_policy::check(self.ports.settings(), Use::Certificate, presented.csr.public_key())?;
        let wanted: BTreeSet<Identifier> = order.identifiers.iter().cloned().collect();
        let settings = self.ports.settings();
        let (names, must_staple) = asked(settings.test_machine.csr_style, &presented.csr).map_err(refuse_csr)?;
        let found: BTreeSet<Identifier> = names.iter().cloned().collect();
        if found != wanted {
            return Err(names_differ(&wanted, &found));
        }
        let now = self.ports.now();
        // draft-ietf-acme-profiles §4: a profile that is no longer offered is refused here too.
        let profile = self.profile(permits, Some(&order.profile))?;
        let wish = RequestedPeriod { not_before: order.not_before, not_after: order.not_after };
        let period = self.terms(permits, profile, order.created).period(wish, now);
        let period = period.map_err(|fault| Problem::malformed(fault.to_string()))?;
        let serial = Serial::of_leaf(period.not_after, self.ports.random()?);
        let issuer = self.ports.issuer();
        let published = settings.published.as_ref();
        let shard = published.filter(|_| profile.crl_pointer).map(|published| published.shard_of(&serial));
        let links = LeafUrls::of(settings, issuer.id(), shard);
        let wished = presented.csr.common_name();
        // An empty subject satisfies all directoryName constraints (RFC 5280 §6.1.3 (b)).
        let common_name = leaf::common_name(wished.as_ref(), &order.identifiers)
            .filter(|_| permits.common_name(profile) && !issuer.constrains_subjects());
        let subject = Subject { key: presented.csr.public_key(), names: &names, common_name, must_staple };
        let request = leaf_request(issuer, &links, profile, subject, &serial, (now, period));
        let tbs = leaf::build_tbs(&request).map_err(|fault| Problem::internal(fault.to_string()))?;
        let linted = lint::check(&tbs, &request).map_err(|faults| lint_failed("certificate", &faults))?;
        Ok(Issuance {
            csr_digest: presented.digest.clone(),
            issuer: issuer.id().to_owned(),
            shard,
            serial: serial.hex(),
            common_name: common_name.cloned(),
            names: if names.is_sorted() { Vec::new() } else { names.clone() },
            must_staple,
            tbs: b64::encode(linted.as_bytes()),
            spki: b64::encode(presented.csr.public_key().spki_der()),
            policy,
            prepared: now,
            not_before: period.not_before,
            not_after: period.not_after,
        })
    }
}

fn not_ready(status: OrderStatus) -> Problem {
    let detail = match status {
        OrderStatus::Pending => "The order is pending: not all of its authorizations are valid yet.",
        OrderStatus::Ready => "The order is ready, but is being finalized with another CSR.",
        OrderStatus::Processing => "The order is being processed for another CSR; fetch it to see how it goes.",
        OrderStatus::Valid => "The order is finalized; its certificate is there. Place a new order for another one.",
        OrderStatus::Invalid => "The order is invalid; fetch it to see why, and place a new one.",
    };
    Problem::new(Kind::OrderNotReady, detail)
}

fn account_key() -> Problem {
    let detail = "The CSR's key is this account's key. Make a key of its own for the certificate.";
    Problem::new(Kind::BadCsr, detail)
}

/// The names of a CSR in the certificate's order, and whether must-staple is granted.
fn asked(style: CsrStyle, csr: &VerifiedCsr) -> Result<(Vec<Identifier>, bool), CsrFault> {
    match style {
        CsrStyle::Own => Ok((csr.names()?.into_iter().collect(), false)),
        CsrStyle::Pebble => csr.with_must_staple(),
    }
}

fn refuse_csr(fault: CsrFault) -> Problem {
    let detail = format!("The request is refused: {fault}.");
    match fault {
        CsrFault::Provider(failure) => failure.into(),
        _ => Problem::new(Kind::BadCsr, detail),
    }
}

fn names_differ(wanted: &BTreeSet<Identifier>, found: &BTreeSet<Identifier>) -> Problem {
    let list = |names: Vec<&Identifier>| {
        let shown: Vec<String> = names.iter().take(5).map(|name| name.to_string()).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    };
    let detail = format!(
        "The CSR's names are not those of the order. In the order but not in the CSR: {}. In the CSR but not in the \
         order: {}.",
        list(wanted.difference(found).collect()),
        list(found.difference(wanted).collect()),
    );
    Problem::new(Kind::BadCsr, detail)
}
