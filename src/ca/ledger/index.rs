//! The inventory index of a ledger: new entries, older entries, and renewals.

use super::kind::Ledger;
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::{ExpiryIndex, IndexedRecord, LatestByNames, expiry_id, set_id};
use crate::store::{Kv, Txn};
use crate::values::Identifier;

/// Checks whether this ledger has a certificate with the same names that expires later.
///
/// # Errors
/// When the storage fails.
pub(in crate::ca) fn is_renewed<K: Kv>(txn: &Txn<'_, K>, serial: &str, entry: &LedgerEntry) -> Result<bool, Problem> {
    let latest = txn.get::<LatestByNames>(&set_of(entry))?;
    Ok(latest.is_some_and(|latest| latest.serial != serial && latest.not_after > entry.not_after))
}

/// Number of entries older than the index that one step indexes.
const INDEX_STEP: usize = 500;

/// The profile of client certificates.
const CLIENT_PROFILE: &str = "client";

/// Returns the id of an entry's set of names.
pub fn set_of(entry: &LedgerEntry) -> String {
    set_id(&entry.names, entry.profile.as_deref() == Some(CLIENT_PROFILE))
}

/// Parses a name of a ledger entry.
pub fn identifier(name: &str) -> Option<Identifier> {
    Identifier::ip(name).ok().or_else(|| Identifier::dns(name).ok())
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Adds a certificate to the index.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn add_to_inventory(
        &self,
        txn: &mut Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
    ) -> Result<(), Problem> {
        if txn.get::<IndexedRecord>("")?.is_none() && txn.list::<LedgerEntry>(None, 2)?.len() < 2 {
            // It is the first certificate, so the index is complete.
            txn.put("", &IndexedRecord { after: None })?;
        }
        txn.put(&expiry_id(entry.not_after, serial), &ExpiryIndex {})?;
        let set = set_of(entry);
        if txn.get::<LatestByNames>(&set)?.is_none_or(|latest| latest.not_after <= entry.not_after) {
            txn.put(&set, &LatestByNames { serial: serial.to_owned(), not_after: entry.not_after })?;
        }
        Ok(())
    }

    /// Starts indexing in a ledger with certificates that are older than the index.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn expect_inventory(&self) -> Result<(), Problem> {
        self.transact(|txn| {
            if txn.get::<IndexedRecord>("")?.is_some() || txn.list::<LedgerEntry>(None, 1)?.is_empty() {
                return Ok(());
            }
            txn.put("", &IndexedRecord { after: Some(String::new()) })?;
            self.schedule(txn, Work::Index, self.ports.now())
        })
    }

    /// Indexes the next certificates that are older than the index.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn index(&self) -> Result<(), Problem> {
        self.transact(|txn| {
            let found = txn.get::<IndexedRecord>("")?;
            let Some(after) = found.and_then(|record| record.after) else {
                txn.delete::<JobRecord>(&Work::Index.name());
                return Ok(());
            };
            let entries = txn.list::<LedgerEntry>(Some(&after), INDEX_STEP)?;
            for (serial, entry) in &entries {
                self.add_to_inventory(txn, serial, entry)?;
            }
            let last = entries.last().filter(|_| entries.len() == INDEX_STEP).map(|(serial, _)| serial.clone());
            if last.is_none() {
                txn.delete::<JobRecord>(&Work::Index.name());
            } else {
                self.schedule(txn, Work::Index, self.ports.now())?;
            }
            Ok(txn.put("", &IndexedRecord { after: last })?)
        })
    }
}
