//! The transparency logs of an issuer, in its ledger.
//!
//! Each issuer has one open log at a time. Its leaves, full tiles and subtrees are rows that are written once. No row is
//! rewritten with each leaf: the size of a log follows from its rows.

use crate::store::{Kv, Record, StoreFailure, Table, Txn};
use crate::tlog::Hash;
use crate::tlog::entry::LoggedPolicy;
use crate::values::{Time, b64};
use serde::{Deserialize, Serialize};

/// The logs of an issuer, the oldest first, stored as `log`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsRecord {
    /// The logs. Only the last one may be open.
    pub logs: Vec<LogState>,
}

/// The state of a log, as of its last stored tile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogState {
    /// Its id: 8 random hex digits.
    pub id: String,
    /// Its origin, which its checkpoints name.
    pub origin: String,
    /// The public key of its `LOG_KEY`: the 32 octets of Ed25519, base64url.
    pub key: String,
    /// Whether its checkpoints are signed by keys of its own, made of `LOG_KEY`.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub own: bool,
    /// Time of its first leaf.
    pub begun: Time,
    /// Its end. A closed log takes no more leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedLog>,
    /// Number of leaves in stored tiles.
    #[serde(default)]
    pub tiled: u64,
    /// The hashes of the complete subtrees of those leaves, the largest first.
    #[serde(default)]
    pub peaks: Vec<Hash>,
    /// The least index from which on all entries are stored. Those of certificates that were pruned are not.
    #[serde(default)]
    pub least: u64,
    /// SHA-256 of the issuer's certificate that was logged last, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// SHA-256 of the policy's entry that was logged last, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The policy in that entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_policy: Option<LastPolicy>,
}

/// The policy that was logged last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastPolicy {
    /// Its revision.
    pub revision: u64,
    /// SHA-256 of its text in hex.
    pub sha256: String,
    /// SHA-256 of its entry, base64url. If the log has another one last, that was written by an earlier release.
    pub entry: String,
    /// The highest revision in the log, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest: Option<u64>,
}

impl LogState {
    /// Whether this policy was logged last.
    pub fn has_policy(&self, policy: &LoggedPolicy) -> bool {
        self.last_policy.as_ref().is_some_and(|last| {
            let same = (last.revision, &last.sha256) == (policy.revision, &policy.sha256);
            same && self.policy.as_ref() == Some(&last.entry)
        })
    }

    /// The highest revision of a policy in the log.
    pub fn highest_revision(&self) -> u64 {
        self.last_policy.as_ref().map_or(0, |last| last.highest.unwrap_or(0).max(last.revision))
    }

    /// Whether a certificate under this policy needs an entry of the policy before it.
    ///
    /// Each certificate under an earlier revision has one, with the time of its preparation.
    pub fn wants_policy(&self, policy: &LoggedPolicy) -> bool {
        !self.has_policy(policy) || policy.revision < self.highest_revision()
    }
}

/// The end of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedLog {
    /// Time.
    pub at: Time,
    /// Its final number of leaves.
    pub size: u64,
    /// Its final root.
    pub root: Hash,
}

impl Record for LogsRecord {
    const PREFIX: &'static str = "log";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl LogsRecord {
    /// Reads the logs of a ledger; none before its first leaf.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn of<K: Kv>(txn: &Txn<'_, K>) -> Result<Self, StoreFailure> {
        Ok(txn.get::<Self>("")?.unwrap_or_default())
    }

    /// The log of this id.
    pub fn find(&self, id: &str) -> Option<&LogState> {
        self.logs.iter().find(|log| log.id == id)
    }

    /// The log of this id, to be changed.
    pub fn find_mut(&mut self, id: &str) -> Option<&mut LogState> {
        self.logs.iter_mut().find(|log| log.id == id)
    }

    /// The open log, if any.
    pub fn open(&self) -> Option<&LogState> {
        self.logs.last().filter(|log| log.closed.is_none())
    }

    /// The open log, to be changed.
    pub fn open_mut(&mut self) -> Option<&mut LogState> {
        self.logs.last_mut().filter(|log| log.closed.is_none())
    }
}

/// A leaf of a log, stored as `leaf/{log}/{index, 16 hex digits}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeafRecord {
    /// Its hash.
    pub hash: Hash,
    /// The octets of its entry, base64url; `None` once its certificate was pruned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
}

impl Record for LeafRecord {
    const PREFIX: &'static str = "leaf";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl LeafRecord {
    /// The id of a leaf's record within its log.
    pub fn index(index: u64) -> String {
        format!("{index:016x}")
    }

    /// The id of a leaf's record.
    pub fn id(log: &str, index: u64) -> String {
        format!("{log}/{index:016x}")
    }
}

/// A full tile of leaf hashes, stored as `tile/{log}/{number, 16 hex digits}`, or a higher one so far.
///
/// That of a higher level, `tile/{log}/{level}/{number, 16 hex digits}`, has the roots of all full tiles below it that
/// are stored. It is written again with more of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileRecord {
    /// Its hashes in one, base64url.
    pub hashes: String,
}

impl Record for TileRecord {
    const PREFIX: &'static str = "tile";
    const TABLE: Table = Table::Permanent;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl TileRecord {
    /// The id of a tile's record.
    pub fn id(log: &str, level: u8, number: u64) -> String {
        match level {
            0 => format!("{log}/{number:016x}"),
            _ => format!("{log}/{level}/{number:016x}"),
        }
    }

    /// The record of a tile with these octets.
    pub fn of(octets: &[u8]) -> Self {
        Self { hashes: b64::encode(octets) }
    }

    /// The octets of its hashes; `None` if the record is broken.
    pub fn octets(&self) -> Option<Vec<u8>> {
        b64::decode(&self.hashes).filter(|octets| octets.len().is_multiple_of(Hash::LEN))
    }
}

/// The root of a full subtree of 256^level leaves, stored as `subtree/{log}/{level}/{number, 16 hex digits}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtreeRecord {
    /// Its root.
    pub hash: Hash,
}

impl Record for SubtreeRecord {
    const PREFIX: &'static str = "subtree";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl SubtreeRecord {
    /// The common part of the ids of a level.
    pub fn group(log: &str, level: u8) -> String {
        format!("{log}/{level}")
    }

    /// The id of a record within its level.
    pub fn number(number: u64) -> String {
        format!("{number:016x}")
    }

    /// The id of a record.
    pub fn id(log: &str, level: u8, number: u64) -> String {
        format!("{log}/{level}/{number:016x}")
    }
}

/// The newest checkpoint of a log, stored as `checkpoint/{log}`. No other is ever shown for its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointRecord {
    /// Number of leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// Time of its signature.
    pub signed: Time,
    /// The signed note.
    pub note: String,
    /// The verifier keys of its signatures; none of an earlier release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl Record for CheckpointRecord {
    const PREFIX: &'static str = "checkpoint";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
