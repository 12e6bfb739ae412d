//! Blocked keys, in the partition of the compromised keys and in the ledgers.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// A blocked key, after a revocation for keyCompromise. Stored as `compromised/{SHA-256 of its DER
/// SubjectPublicKeyInfo in hex}` in the compromised-keys partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompromisedKey {
    /// Issuer of the first revoked certificate.
    pub issuer: String,
    /// Its serial number in hex.
    pub serial: String,
    /// Time of blocking.
    pub since: Time,
}

impl Record for CompromisedKey {
    const PREFIX: &'static str = "compromised";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// A ledger that gets each newly blocked key. Stored as `subscriber/{issuer}` beside the compromised keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriberRecord {}

impl Record for SubscriberRecord {
    const PREFIX: &'static str = "subscriber";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// A ledger's copy of a blocked key, stored as `blocked/{as in CompromisedKey}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedKeyRecord {}

impl Record for BlockedKeyRecord {
    const PREFIX: &'static str = "blocked";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// A ledger's progress in copying the blocked keys, stored as `subscription`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    /// The last copied key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether all keys of before the subscription are copied.
    pub complete: bool,
}

impl Record for SubscriptionRecord {
    const PREFIX: &'static str = "subscription";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
