//! The inventory index of a ledger: the latest certificate of each set of names.

use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::profile;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::{LatestByNames, imported_set_id, set_id};
use crate::records::operations::notice::remind_at;
use crate::store::{Kv, Txn};
use crate::values::{Identifier, Time};

/// Checks whether this ledger has a certificate with the same names that expires later.
///
/// # Errors
/// When the storage fails.
pub(in crate::ca) fn is_renewed<K: Kv>(txn: &Txn<'_, K>, serial: &str, entry: &LedgerEntry) -> Result<bool, Problem> {
    let later = |set: &str| -> Result<bool, Problem> {
        let latest = txn.get::<LatestByNames>(set)?;
        Ok(latest.is_some_and(|latest| latest.serial != serial && latest.not_after > entry.not_after))
    };
    // One of another program does not renew those that are issued here.
    Ok(later(&set_of(entry))? || (entry.imported.is_some() && later(&indexed_set_of(entry))?))
}

/// The profile of client certificates.
const CLIENT_PROFILE: &str = "client";

/// Returns the id of an entry's set of names.
pub fn set_of(entry: &LedgerEntry) -> String {
    set_id(&entry.names, entry.profile.as_deref() == Some(CLIENT_PROFILE))
}

/// Returns the id of the set of names in the index.
pub fn indexed_set_of(entry: &LedgerEntry) -> String {
    if entry.imported.is_some() { imported_set_id(&entry.names) } else { set_of(entry) }
}

/// Returns the time of the notice about a certificate that was not renewed.
///
/// For an imported one, which may live for years, it is not earlier than for the longest profile, nor than the import.
pub fn remind_of(entry: &LedgerEntry) -> Time {
    let usual = remind_at(entry.not_before, entry.not_after);
    entry
        .imported
        .as_ref()
        .map_or(usual, |imported| usual.max(entry.not_after.minus(profile::longest() / 6)).max(imported.at))
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
        let set = indexed_set_of(entry);
        if txn.get::<LatestByNames>(&set)?.is_none_or(|latest| latest.not_after <= entry.not_after) {
            txn.put(&set, &LatestByNames { serial: serial.to_owned(), not_after: entry.not_after })?;
        }
        Ok(())
    }
}
