//! The sides of the key partitions and of the ledger: small, synchronous, each request one transaction.

use super::replacements::{renewable_by, rule_for};
use crate::ca::notices::delivery::Told;
use crate::ca::runtime::jobs::Work;
use crate::ca::runtime::message::{PartitionId, Reply, RevocationRequest};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::events;
use crate::records::ledger::entry::{LedgerEntry, not_issued_here};
use crate::records::ledger::inventory::ReplaceRecord;
use crate::records::operations::notice::NoticeKind;
use crate::records::{Kind, Problem};
use crate::store::{Kv, Txn};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Enters a certificate that is about to be signed. `false` when the serial number is taken by another.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn record(&self, serial: &str, entry: &LedgerEntry) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<LedgerEntry>(serial)? {
            Some(old) => Ok(Reply::Recorded(old.order == entry.order && old.tbs_digest == entry.tbs_digest)),
            None => {
                txn.put(serial, entry)?;
                self.note_in_shard(txn, entry)?;
                self.note_in_inventory(txn, serial, entry)?;
                self.begin_looking(txn)?;
                Ok(Reply::Recorded(true))
            }
        })
    }

    /// What decides when the certificate of this serial number is to be renewed, if there is one.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn renewable(&self, serial: &str) -> Result<Reply, Problem> {
        self.transact(|txn| {
            let Some(entry) = txn.get::<LedgerEntry>(serial)? else { return Ok(Reply::Renewable(None)) };
            let rules = self.rules_to_replace(txn)?;
            Ok(Reply::Renewable(Some(renewable_by(rule_for(&rules, &entry), &entry))))
        })
    }

    /// Revokes a certificate, if the one presented is ours and the requester has a right to (RFC 8555 §7.6). A key that
    /// is condemned by that is refused everywhere before there is an answer.
    ///
    /// # Errors
    /// 404 `malformed` for one that was not issued here; `unauthorized`; `alreadyRevoked`; `serverInternal` when it is
    /// revoked, but the key is not refused yet.
    pub async fn revoke_entry(&self, request: &RevocationRequest) -> Result<Reply, Problem> {
        let (revoked, condemned, entry) = self.transact(|txn| self.revoke_in(txn, request))?;
        if let (Ok(()), PartitionId::Ledger(issuer)) = (&revoked, &self.name) {
            events::revoked(&self.ports, issuer, &request.serial, &entry);
        }
        if condemned {
            // Also when it was revoked before: who asks once more, since an answer was lost, hears nothing else than what
            // holds by then.
            self.have_condemned(&entry.key, &request.serial, 1).await?;
        }
        revoked.map(|()| Reply::Done)
    }

    /// Revokes a certificate within a transaction. Gives what is answered, and whether the certificate's key is condemned,
    /// and the certificate's entry.
    fn revoke_in(
        &self,
        txn: &mut Txn<'_, K>,
        request: &RevocationRequest,
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
        let condemned = entry.condemns_key();
        Ok((revoked, condemned, entry))
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
        self.tell(txn, Told { kind: NoticeKind::CertificateRevoked, what: &what, data })?;
        if entry.condemns_key() {
            // Together with the revocation: whatever happens now, the key will be refused.
            self.begin(txn, Work::Condemn(entry.key.clone(), serial.to_owned()), 0)?;
        }
        Ok(())
    }
}
