//! Bodies in JSON. A member that a reader does not know is ignored.

use crate::tlog::tree::Hash;
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRevocation {
    /// The serial number in hex.
    pub serial: String,
    /// The CRLReason (RFC 5280 §5.3.1); absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// Time, in milliseconds since 1970.
    pub time: Time,
}

/// A signed CRL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedCrl {
    /// Its shard.
    pub shard: u16,
    /// Its number.
    pub number: u64,
    /// SHA-256 of its DER in hex.
    pub sha256: String,
    /// Number of the log's entries when its revocations were collected.
    ///
    /// Absent in entries of an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covers: Option<u64>,
}

/// A version of the issuance policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedPolicy {
    /// Its number.
    pub revision: u64,
    /// SHA-256 of its text in hex.
    pub sha256: String,
    /// Its text, unless that is too long for an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Preparation of the first certificate after it, in milliseconds since 1970.
    ///
    /// Absent in entries of an earlier release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<Time>,
}

/// A log that ended, and that this one continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedPredecessor {
    /// Its origin.
    pub origin: String,
    /// Its last number of leaves.
    pub size: u64,
    /// Its last root.
    pub root: Hash,
}
