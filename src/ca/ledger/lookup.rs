//! Entries by the serial numbers of their certificates.
//!
//! The id of an entry is the serial number of its certificate, except for imported ones: entries sort by expiry, with which
//! only this CA's serial numbers begin. Records lead from the serial numbers of imported certificates to their entries.

use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::imported::ImportedRecord;
use crate::store::{Kv, Txn};

/// An entry with its id.
pub(in crate::ca) type Entry = (String, LedgerEntry);

/// Maximum number of imported certificates with one serial number that are found. Each is of another CA.
const MAX_SAME: usize = 50;

/// Returns all entries with this serial number.
///
/// An issued one is the first, then those of this issuer, then those of other CAs.
///
/// # Errors
/// When the storage fails.
pub(in crate::ca) fn entries_of<K: Kv>(txn: &Txn<'_, K>, serial: &str) -> Result<Vec<Entry>, Problem> {
    let issued = txn.get::<LedgerEntry>(serial)?.map(|entry| (serial.to_owned(), entry));
    let mut all = Vec::from_iter(issued);
    for (id, _) in txn.list_below::<ImportedRecord>(serial, None, MAX_SAME)? {
        all.extend(txn.get::<LedgerEntry>(&id)?.map(|entry| (id, entry)));
    }
    all.sort_by_key(|(_, entry)| (entry.imported.is_some(), entry.foreign().is_some()));
    Ok(all)
}

/// Returns the first entry of [`entries_of`] that is wanted. An issued one takes a single read.
///
/// # Errors
/// When the storage fails.
pub(in crate::ca) fn entry_of<K: Kv>(
    txn: &Txn<'_, K>,
    serial: &str,
    wanted: impl Fn(&LedgerEntry) -> bool,
) -> Result<Option<Entry>, Problem> {
    match txn.get::<LedgerEntry>(serial)?.filter(|entry| wanted(entry)) {
        Some(entry) => Ok(Some((serial.to_owned(), entry))),
        None => Ok(entries_of(txn, serial)?.into_iter().find(|(_, entry)| wanted(entry))),
    }
}
