//! The entries that a ledger adds to its log.

use super::kind::Ledger;
use super::log::{OpenLog, json};
use super::logged_policy::PermittingPolicy;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::acme::certificate::LogPlace;
use crate::records::ledger::crl::CrlRecord;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::log::{LeafRecord, LogsRecord};
use crate::store::{Kv, Txn};
use crate::tlog::entry::{Entry, Kind, LoggedCrl, LoggedRevocation};
use crate::values::{b64, hex};
use sha2::{Digest, Sha256};

/// A to-be-signed certificate, and the policy that permitted it.
pub(in crate::ca) type Permitted<'a> = (&'a [u8], Option<PermittingPolicy<'a>>);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Decodes the to-be-signed certificate of an ask; `None` without a log.
    ///
    /// # Errors
    /// 503 if an account of another release sent none: a certificate is logged before it is signed, or not issued.
    pub(in crate::ca) fn logged_tbs(&self, tbs: Option<&str>, entry: &LedgerEntry) -> Result<Option<Vec<u8>>, Problem> {
        if self.ports.settings().log.is_none() {
            return Ok(None);
        }
        let Some(text) = tbs else {
            let log = format!("the certificate of order {} came without what has to be logged", entry.order);
            return Err(Problem::other_release(log));
        };
        let tbs = b64::decode(text).filter(|tbs| b64::encode(&Sha256::digest(tbs)) == entry.tbs_digest);
        tbs.map(Some).ok_or_else(|| Problem::internal(format!("order {} has another certificate", entry.order)))
    }

    /// Adds a certificate to the log, after the policy that permitted it. Returns its place; `None` without a log.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub(in crate::ca) fn log_certificate(
        &self,
        txn: &mut Txn<'_, K>,
        log: &mut OpenLog,
        certificate: Option<Permitted<'_>>,
    ) -> Result<Option<LogPlace>, Problem> {
        let Some((body, policy)) = certificate else { return Ok(None) };
        if !self.opened(txn, log)? {
            return Ok(None);
        }
        if let Some(policy) = policy {
            policy.append_to(txn, log)?;
        }
        log.put(txn, Entry { kind: Kind::Certificate, body }).map(Some)
    }

    /// Removes the entry of a pruned certificate from its leaf. The hash stays.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn forget_entry(&self, txn: &mut Txn<'_, K>, place: &LogPlace) -> Result<(), Problem> {
        let id = LeafRecord::id(&place.log, place.index);
        let Some(leaf) = txn.get::<LeafRecord>(&id)? else { return Ok(()) };
        let mut logs = LogsRecord::of(txn)?;
        let Some(state) = logs.find_mut(&place.log) else { return Ok(()) };
        match place.index < state.tiled {
            // Its tile has the hash.
            true => txn.delete::<LeafRecord>(&id),
            false => txn.put(&id, &LeafRecord { entry: None, ..leaf })?,
        }
        state.least = state.least.max(place.index.saturating_add(1));
        Ok(txn.put("", &logs)?)
    }

    /// Adds a recorded certificate to the log, unless it has a place. Returns its place.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub(in crate::ca) fn log_again(
        &self,
        txn: &mut Txn<'_, K>,
        log: &mut OpenLog,
        serial: &str,
        (mut entry, certificate): (LedgerEntry, Option<Permitted<'_>>),
    ) -> Result<Option<LogPlace>, Problem> {
        if entry.logged.is_none() {
            entry.logged = self.log_certificate(txn, log, certificate)?;
            if entry.logged.is_some() {
                txn.put(serial, &entry)?;
            }
        }
        Ok(entry.logged)
    }

    /// Adds a revocation to the log.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub(in crate::ca) fn log_revocation(
        &self,
        txn: &mut Txn<'_, K>,
        log: &mut OpenLog,
        serial: &str,
        entry: &LedgerEntry,
    ) -> Result<(), Problem> {
        let Some(revocation) = &entry.revoked else { return Ok(()) };
        let (serial, reason, time) = (serial.to_owned(), revocation.reason, revocation.at);
        let body = json(&LoggedRevocation { serial, reason, time })?;
        self.append(txn, log, Entry { kind: Kind::Revocation, body: &body }).map(drop)
    }

    /// Returns the end of the open log; `None` without one.
    ///
    /// # Errors
    /// When the storage fails; for a log whose rows have a gap.
    pub(in crate::ca) fn log_end(&self, txn: &Txn<'_, K>, log: &mut OpenLog) -> Result<Option<LogPlace>, Problem> {
        if self.ports.settings().log.is_none() {
            return Ok(None);
        }
        let Some(id) = log.logs(txn)?.open().map(|open| open.id.clone()) else { return Ok(None) };
        let index = log.find(txn, &id)?.map_or(0, |(_, tail)| tail.size());
        Ok(Some(LogPlace { log: id, index }))
    }

    /// Adds the hash of a signed CRL to the log. `from` was the end of the log when its revocations were collected.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub(in crate::ca) fn log_list(
        &self,
        txn: &mut Txn<'_, K>,
        log: &mut OpenLog,
        (shard, list, from): (u16, &CrlRecord, Option<&LogPlace>),
    ) -> Result<(), Problem> {
        if !self.opened(txn, log)? {
            return Ok(());
        }
        // A log that began meanwhile had no entries then.
        let open = log.logs(txn)?.open().map(|open| &open.id);
        let covers = from.filter(|end| Some(&end.log) == open).map_or(0, |end| end.index);
        let der = b64::decode(&list.der).ok_or_else(|| Problem::internal("a CRL to be logged is broken"))?;
        let sha256 = hex::encode(&Sha256::digest(&der));
        let body = json(&LoggedCrl { shard, number: list.number, sha256, covers: Some(covers) })?;
        log.put(txn, Entry { kind: Kind::Crl, body: &body }).map(drop)
    }
}
