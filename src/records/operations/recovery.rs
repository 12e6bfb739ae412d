//! The last recovery of a partition to an earlier time.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// The last recovery, stored as `recovery` when the partition is held. A partition that went back lacks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryRecord {
    /// The id of the recovery.
    pub id: String,
    /// The time to which the partition was to go back.
    pub at: Time,
}

impl Record for RecoveryRecord {
    const PREFIX: &'static str = "recovery";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
