//! The mark of a partition that a backup is restored into.

use super::audit::Actor;
use crate::store::{Record, Table};
use serde::{Deserialize, Serialize};

/// A restore under way, stored as `restore` in each partition that it has written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreRecord {
    /// The id of the backup.
    pub backup: String,
    /// The restore as a whole; in the operations partition only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<WholeRestore>,
}

/// A restore as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WholeRestore {
    /// Operator and time of its begin.
    pub begun: Actor,
    /// Line of the backup up to which it is imported.
    pub line: u64,
    /// Whether partitions are being opened, after which it cannot be undone.
    pub ending: bool,
    /// Number of entries of the audit record that the backup's replaces.
    pub replaced: u64,
}

impl Record for RestoreRecord {
    const PREFIX: &'static str = "restore";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<crate::values::Time> {
        None
    }
}
