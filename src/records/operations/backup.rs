//! Backups into a bucket: which there are, and the one under way.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// The backups of a CA, stored as `backups`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsRecord {
    /// The end of the names of backups from this storage. An empty CA with the same bucket has another.
    pub store: String,
    /// When the schedule was first seen.
    pub since: Time,
    /// The newest whole backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<WholeBackup>,
    /// The last one that was given up, until another is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedBackup>,
}

/// A backup that is whole in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeBackup {
    /// Its name.
    pub name: String,
    /// When it was begun.
    pub begun: Time,
    /// When it was whole.
    pub ended: Time,
    /// Its length in octets.
    pub octets: u64,
}

/// A backup that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedBackup {
    /// When it was begun.
    pub begun: Time,
    /// When it was given up.
    pub at: Time,
    /// The last failure.
    pub why: String,
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The lists of accounts come next.
    Rosters,
    /// The accounts come next, after the cursor.
    Accounts,
    /// The operations partition comes next.
    Operations,
    /// The external account keys come next, after the cursor.
    Keys,
    /// The compromised keys come next.
    Compromised,
    /// The ledgers come next, after the cursor.
    Ledgers,
    /// The compromised keys come next once more.
    Again,
    /// The last line comes next.
    End,
    /// All is sealed, and goes into the bucket.
    Sealed,
    /// The objects in the bucket are counted.
    Checked,
    /// The manifest comes next.
    Manifest,
    /// The entry of the audit record comes next.
    Noted,
    /// Older backups are removed.
    Removing,
}

/// The backup under way, stored as `backuprun`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRun {
    /// Its id.
    pub id: String,
    /// Its name in the bucket.
    pub name: String,
    /// When it was begun.
    pub begun: Time,
    /// When its next step is due.
    pub due: Time,
    /// Failures of that step.
    pub failures: u32,
    /// How far it is.
    pub stage: Stage,
    /// The last one of those that came; of objects in the bucket, the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The partitions that are being copied, in their order.
    pub queue: Vec<Place>,
    /// Ledgers of former issuers that were found.
    pub ledgers: Vec<String>,
    /// Number of rows with external account keys that were found.
    pub found: u64,
    /// Number of whole partitions.
    pub partitions: u64,
    /// Number of lines.
    pub lines: u64,
    /// State of their SHA-256, in hex.
    pub digest: String,
    /// The key of the encrypted payload, in hex. It opens no more than the rows of this CA.
    pub key: String,
    /// Number of the next chunk of the payload.
    pub chunk: u64,
    /// Number of the next object.
    pub object: u64,
    /// Octets in objects.
    pub octets: u64,
    /// State of the SHA-256 over all objects, in hex.
    pub file: String,
    /// Objects that were counted in the bucket, and their octets.
    pub counted: (u64, u64),
}

/// A partition that is being copied, and where its next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name.
    pub partition: String,
    /// The id of the copy; `None` before its first page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The table that is scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// The last row of that table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How often the copy started over.
    #[serde(default)]
    pub lost: u32,
}

/// Octets of the backup under way, stored as `backupbytes/{which}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupBytes {
    /// The octets in base64url.
    pub bytes: String,
}

/// External account keys that the backup under way has found, stored as `backupkids/{number, 8 digits}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupKids {
    /// Their kids.
    pub kids: Vec<String>,
}

impl Record for BackupsRecord {
    const PREFIX: &'static str = "backups";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Record for BackupRun {
    const PREFIX: &'static str = "backuprun";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Record for BackupBytes {
    const PREFIX: &'static str = "backupbytes";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Record for BackupKids {
    const PREFIX: &'static str = "backupkids";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
