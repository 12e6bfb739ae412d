//! Certificates that another program issued, in the inventory.

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// Number of the complete list of an issuer in place of a shard's.
///
/// It has the revocations of all shards, and those of imported certificates that point to no shard.
/// It exists with such a certificate only.
pub const COMPLETE: u16 = u16::MAX;

/// The data that an imported certificate has beside those of other entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Its serial number in hex. The id of its entry is another, which sorts by expiry.
    pub serial: String,
    /// SHA-256 of its issuer's Name in DER, base64url.
    pub issuer: String,
    /// Time of the import.
    pub at: Time,
    /// The name of its issuer, unless an issuer of this CA signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
}

/// An imported certificate, stored as `imported/{serial}/{id of its entry}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedRecord {
    /// The certificate, DER in base64url.
    pub der: String,
}

impl ImportedRecord {
    /// The id of its record.
    pub fn id(serial: &str, entry: &str) -> String {
        format!("{serial}/{entry}")
    }
}

impl Record for ImportedRecord {
    const PREFIX: &'static str = "imported";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The account and the order in entries of imported certificates, which have neither.
pub fn no_owner() -> Id {
    Id::from_random([0; 16])
}
