//! Recording, renewal data and revocation of ledger entries. Each ask changes the ledger in one transaction.

use super::kind::Ledger;
use super::log::OpenLog;
use super::log_entries::Permitted;
use super::logged_policy::PermittingPolicy;
use super::lookup::entry_of;
use super::replacements::{renewable_by, rule_for};
use crate::ca::notices::delivery::NewNotice;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::events;
use crate::records::acme::certificate::LogPlace;
use crate::records::ledger::compromise::BlockedKeyRecord;
use crate::records::ledger::entry::{Authority, LedgerEntry, not_issued_here};
use crate::records::ledger::inventory::ReplaceRecord;
use crate::records::operations::notice::NoticeKind;
use crate::records::{Kind, Problem, Renewable};
use crate::store::{Kv, Txn};
use crate::tlog::entry::LoggedPolicy;
use crate::values::Id;
use serde::{Deserialize, Serialize};

/// Records a certificate before it is signed, unless its key is blocked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordCertificate {
    /// The serial number in hex.
    pub serial: String,
    /// The entry.
    pub entry: LedgerEntry,
    /// The to-be-signed certificate, base64url; only for a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tbs: Option<String>,
    /// The CA's policy that permitted it, without its text; only for a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<LoggedPolicy>,
}

/// Whether a certificate was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recorded {
    /// It is recorded, now or before.
    Yes,
    /// It is recorded, now or before, and in the log.
    Logged(LogPlace),
    /// Another certificate has the serial number.
    SerialTaken,
    /// Its key is blocked.
    KeyBlocked,
}

/// Asks for the renewal data of a certificate. Replies `None` if it is not in the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenewalInfo {
    /// The serial number in hex.
    pub serial: String,
}

/// Revokes a certificate, by a verified request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeCertificate {
    /// The serial number in hex.
    pub serial: String,
    /// SHA-256 of the presented certificate's to-be-signed part, base64url.
    pub tbs_digest: String,
    /// The requested CRLReason.
    pub reason: Option<u8>,
    /// The requester.
    pub by: Requester,
}

/// The requester of a revocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Requester {
    /// An account.
    Account {
        /// Its id.
        id: Id,
        /// Whether it has valid authorizations for all names of the certificate.
        authorized: bool,
    },
    /// The holder of the certificate's key.
    Key,
    /// The operator of this name.
    Operator(String),
}

impl Requester {
    /// Returns the right by which it may revoke a certificate of `owner`, if any.
    pub fn authority(&self, owner: &Id) -> Option<Authority> {
        match self {
            Self::Key => Some(Authority::Key),
            Self::Operator(name) => Some(Authority::Operator(name.clone())),
            Self::Account { id, .. } if id == owner => Some(Authority::Account(id.clone())),
            Self::Account { id, authorized: true } => Some(Authority::Authorizations(id.clone())),
            Self::Account { .. } => None,
        }
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Records a certificate before it is signed, unless its key is blocked.
    ///
    /// # Errors
    /// When the storage fails; at its first certificate, when the partition of the compromised keys does not answer; for
    /// the first one under a policy, when the operations partition does not.
    pub async fn record(&self, ask: &RecordCertificate) -> Result<Recorded, Problem> {
        self.know_blocked_keys().await?;
        let tbs = self.logged_tbs(ask.tbs.as_deref(), &ask.entry)?;
        let policy = ask.policy.as_ref().map(|policy| PermittingPolicy::asked(policy, ask.entry.recorded));
        let recorded = self.record_in_log(ask, tbs.as_deref().map(|tbs| (tbs, policy)))?;
        let (None, Some(policy)) = (&recorded, &ask.policy) else { return recorded.ok_or_else(no_text) };
        let policy = self.with_text(policy).await?;
        let whole = Some(PermittingPolicy { policy: &policy, is_whole: true, prepared: ask.entry.recorded });
        self.record_in_log(ask, tbs.as_deref().map(|tbs| (tbs, whole)))?.ok_or_else(no_text)
    }

    /// Records a certificate. `None` if the text of its policy is wanted first.
    fn record_in_log(
        &self,
        ask: &RecordCertificate,
        logged: Option<Permitted<'_>>,
    ) -> Result<Option<Recorded>, Problem> {
        let (serial, mut entry) = (&ask.serial, ask.entry.clone());
        let policy = logged.and_then(|(_, policy)| policy);
        self.transact_logging(|txn, log| {
            let old = txn.get::<LedgerEntry>(serial)?;
            let same = |old: &LedgerEntry| old.order == entry.order && old.tbs_digest == entry.tbs_digest;
            let is_logged = old.as_ref().is_some_and(|old| !same(old) || old.logged.is_some());
            let is_blocked = old.is_none() && txn.has::<BlockedKeyRecord>(&entry.key)?;
            if let Some(policy) = policy
                && !is_logged
                && !is_blocked
                && self.wants_text(txn, log, policy)?
            {
                return Ok(None);
            }
            match old {
                Some(old) if same(&old) => self.log_again(txn, log, serial, (old, logged)).map(recorded),
                Some(_) => Ok(Recorded::SerialTaken),
                None if is_blocked => Ok(Recorded::KeyBlocked),
                None => {
                    entry.logged = self.log_certificate(txn, log, logged)?;
                    txn.put(serial, &entry)?;
                    self.add_to_shard(txn, &entry)?;
                    self.add_to_inventory(txn, serial, &entry)?;
                    self.begin_scan(txn)?;
                    Ok(recorded(entry.logged))
                }
            }
            .map(Some)
        })
    }

    /// Returns the renewal data of a certificate, if it is in the ledger.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn renewable(&self, serial: &str) -> Result<Option<Renewable>, Problem> {
        self.transact(|txn| {
            // The request names this issuer.
            let found = entry_of(txn, serial, |entry| entry.foreign().is_none())?;
            let Some((_, entry)) = found else { return Ok(None) };
            let rules = self.rules_to_replace(txn)?;
            Ok(Some(renewable_by(rule_for(&rules, &entry), &entry)))
        })
    }

    /// Revokes a certificate that was issued here, if the requester may (RFC 8555 §7.6).
    ///
    /// If the revocation blocks the key, the key is blocked for all issuers before it returns.
    ///
    /// # Errors
    /// 404 `malformed` if it was not issued here; `unauthorized`; `alreadyRevoked`; `serverInternal` if it is revoked
    /// but its key is not blocked yet.
    pub async fn revoke_entry(&self, request: &RevokeCertificate) -> Result<(), Problem> {
        let (revoked, blocks_key, entry) = self.transact_logging(|txn, log| self.revoke_in(txn, log, request))?;
        if revoked.is_ok() {
            events::revoked(&self.ports, &self.issuer, &request.serial, &entry);
        }
        if blocks_key {
            // Also if it was revoked before: a retry after a lost response reports whether the key is blocked.
            self.block_key(&entry.key, &request.serial, 1).await?;
        }
        revoked
    }

    /// Revokes a certificate within a transaction.
    ///
    /// Returns the result for the requester, whether the certificate's key is to be blocked, and the entry.
    fn revoke_in(
        &self,
        txn: &mut Txn<'_, K>,
        log: &mut OpenLog,
        request: &RevokeCertificate,
    ) -> Result<(Result<(), Problem>, bool, LedgerEntry), Problem> {
        let found = entry_of(txn, &request.serial, |entry| entry.tbs_digest == request.tbs_digest)?;
        let Some((id, mut entry)) = found else { return Err(not_issued_here()) };
        let Some(authority) = request.by.authority(&entry.account) else {
            let detail = "A certificate is revoked by the account that it was issued to, by an account that holds \
                          valid authorizations for all of its names, or with the certificate's own key. The \
                          request has none of these.";
            return Err(Problem::new(Kind::Unauthorized, detail));
        };
        let revoked = entry.revoke(authority, request.reason, self.ports.now());
        if revoked.is_ok() {
            let rules = self.rules_to_replace(txn)?;
            self.put_revoked((txn, log), &id, &entry, &rules)?;
        }
        let blocks_key = entry.blocks_key();
        Ok((revoked, blocks_key, entry))
    }

    /// Stores a revoked entry with its leaf, CRL entry, notice and blocking job.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn put_revoked(
        &self,
        (txn, log): (&mut Txn<'_, K>, &mut OpenLog),
        id: &str,
        entry: &LedgerEntry,
        rules: &[ReplaceRecord],
    ) -> Result<(), Problem> {
        self.enter_revocation((txn, log), id, entry)?;
        let data = self.entry_shown(txn, id, entry, rules)?;
        let what = format!("revoked-{id}");
        self.notices().enqueue(txn, NewNotice { kind: NoticeKind::CertificateRevoked, what: &what, data })
    }
}

/// The problem of a policy whose text is wanted a second time.
fn no_text() -> Problem {
    Problem::internal("the policy of a certificate has no text to log")
}

/// The reply for a recorded certificate with this place in the log.
fn recorded(logged: Option<LogPlace>) -> Recorded {
    logged.map_or(Recorded::Yes, Recorded::Logged)
}
