//! The state of a migration.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// A migration under way, stored as `migration` in its partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationRecord {
    /// The schema number that it leads to.
    pub to: u32,
    /// The last row that was read; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Record for MigrationRecord {
    const PREFIX: &'static str = "migration";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
