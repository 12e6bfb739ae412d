//! Entries of the ledger: recorded, read for renewal, revoked. Each ask is one transaction.

use super::kind::Ledger;
use super::replacements::{renewable_by, rule_for};
use crate::ca::notices::delivery::NewNotice;
use crate::ca::runtime::jobs::Work;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::events;
use crate::records::ledger::entry::{Authority, LedgerEntry, not_issued_here};
use crate::records::ledger::inventory::ReplaceRecord;
use crate::records::operations::notice::NoticeKind;
use crate::records::{Kind, Problem, Renewable};
use crate::store::{Kv, Txn};
use crate::values::Id;
use serde::{Deserialize, Serialize};

/// Records a certificate before it is signed; replies `false` where another one has the serial number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordCertificate {
    /// The serial number in hex.
    pub serial: String,
    /// The entry.
    pub entry: LedgerEntry,
}

/// Asks when a certificate is to be renewed; `None` for one that is not in the ledger.
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
    /// The given reason.
    pub reason: Option<u8>,
    /// The requester.
    pub by: Requester,
}

/// The requester of a revocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Requester {
    /// An account; `authorized` when it holds valid authorizations for all names in the certificate.
    Account {
        /// Its id.
        id: Id,
        /// Whether it could have the certificate issued itself.
        authorized: bool,
    },
    /// The holder of the certificate's key.
    Key,
    /// The operator of this name.
    Operator(String),
}

impl Requester {
    /// The right by which it may revoke a certificate of `owner`; `None` for no right.
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
    /// Enters a certificate that is about to be signed. `false` when the serial number is taken by another.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn record(&self, serial: &str, entry: &LedgerEntry) -> Result<bool, Problem> {
        self.transact(|txn| match txn.get::<LedgerEntry>(serial)? {
            Some(old) => Ok(old.order == entry.order && old.tbs_digest == entry.tbs_digest),
            None => {
                txn.put(serial, entry)?;
                self.note_in_shard(txn, entry)?;
                self.note_in_inventory(txn, serial, entry)?;
                self.begin_scan(txn)?;
                Ok(true)
            }
        })
    }

    /// What decides when the certificate of this serial number is to be renewed, if there is one.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn renewable(&self, serial: &str) -> Result<Option<Renewable>, Problem> {
        self.transact(|txn| {
            let Some(entry) = txn.get::<LedgerEntry>(serial)? else { return Ok(None) };
            let rules = self.rules_to_replace(txn)?;
            Ok(Some(renewable_by(rule_for(&rules, &entry), &entry)))
        })
    }

    /// Revokes a certificate, if the one presented is ours and the requester has a right to (RFC 8555 §7.6). A key that
    /// is blocks_key by that is refused everywhere before there is an answer.
    ///
    /// # Errors
    /// 404 `malformed` for one that was not issued here; `unauthorized`; `alreadyRevoked`; `serverInternal` when it is
    /// revoked, but the key is not refused yet.
    pub async fn revoke_entry(&self, request: &RevokeCertificate) -> Result<(), Problem> {
        let (revoked, blocks_key, entry) = self.transact(|txn| self.revoke_in(txn, request))?;
        if revoked.is_ok() {
            events::revoked(&self.ports, &self.issuer, &request.serial, &entry);
        }
        if blocks_key {
            // Also when it was revoked before: a retry after a lost response gets the current state.
            self.block_key(&entry.key, &request.serial, 1).await?;
        }
        revoked
    }

    /// Revokes a certificate within a transaction. Gives what is answered, and whether the certificate's key is blocks_key,
    /// and the certificate's entry.
    fn revoke_in(
        &self,
        txn: &mut Txn<'_, K>,
        request: &RevokeCertificate,
    ) -> Result<(Result<(), Problem>, bool, LedgerEntry), Problem> {
        let entry = txn.get::<LedgerEntry>(&request.serial)?;
        let Some(mut entry) = entry.filter(|entry| entry.tbs_digest == request.tbs_digest) else {
            return Err(not_issued_here());
        };
        let Some(authority) = request.by.authority(&entry.account) else {
            let detail = "A certificate is revoked by the account that it was issued to, by an account that holds \
                          valid authorizations for all of its names, or with the certificate's own key. The \
                          request has none of these.";
            return Err(Problem::new(Kind::Unauthorized, detail));
        };
        let revoked = entry.revoke(authority, request.reason, self.ports.now());
        if revoked.is_ok() {
            self.put_revoked(txn, &request.serial, &entry, &self.rules_to_replace(txn)?)?;
        }
        let blocks_key = entry.blocks_key();
        Ok((revoked, blocks_key, entry))
    }

    /// Stores the entry of a certificate that was revoked, with all that follows from it: its place on a CRL, a notice, and
    /// the refusal of its key.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn put_revoked(
        &self,
        txn: &mut Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
        rules: &[ReplaceRecord],
    ) -> Result<(), Problem> {
        txn.put(serial, entry)?;
        self.note_revoked(txn, serial, entry)?;
        let data = self.entry_shown(txn, serial, entry, rules)?;
        let what = format!("revoked-{serial}");
        self.notices().enqueue(txn, NewNotice { kind: NoticeKind::CertificateRevoked, what: &what, data })?;
        if entry.blocks_key() {
            // Together with the revocation: whatever happens now, the key will be refused.
            self.begin(txn, Work::Condemn(entry.key.clone(), serial.to_owned()), 0)?;
        }
        Ok(())
    }
}
