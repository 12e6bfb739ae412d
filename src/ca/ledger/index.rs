//! The inventory index of a ledger: the latest certificate of each set of names.

use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::{LatestByNames, set_id};
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

/// The profile of client certificates.
const CLIENT_PROFILE: &str = "client";

/// Returns the id of an entry's set of names.
pub fn set_of(entry: &LedgerEntry) -> String {
    set_id(&entry.names, entry.profile.as_deref() == Some(CLIENT_PROFILE))
}

/// Parses a name of a ledger entry.
pub fn identifier(name: &str) -> Option<Identifier> {
    Identifier::parse(name).ok()
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
        let set = set_of(entry);
        if txn.get::<LatestByNames>(&set)?.is_none_or(|latest| latest.not_after <= entry.not_after) {
            txn.put(&set, &LatestByNames { serial: serial.to_owned(), not_after: entry.not_after })?;
        }
        Ok(())
    }
}
