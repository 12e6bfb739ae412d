//! The migrations of this release.

use super::message::PartitionId;
use crate::store::{Key, StoreFailure, StoredRow, Table, Write};

/// The writes that bring a row into a new form.
pub type Rewritten = Result<Vec<(Key, Write)>, StoreFailure>;

/// The migrations of each partition, the oldest first.
pub type Migrations = fn(&PartitionId) -> &'static [Migration];

/// A change of a partition's rows, from one schema number to the next.
///
/// A release first reads the new form, and a later one migrates: so the former can run again after a rollback.
#[derive(Clone, Copy)]
pub struct Migration {
    /// The table of the rows.
    pub table: Table,
    /// The beginning of their keys.
    pub prefix: &'static str,
    /// Returns what brings a row into the new form.
    ///
    /// Nothing, for a row that has it or a later one. It may be called again for the same row.
    pub rewrite: fn(&StoredRow) -> Rewritten,
    /// Whether this release migrates. Otherwise it only reads the new form.
    pub runs: bool,
}

/// The migrations of each kind of partition, the oldest first.
///
/// A kind is the first part of its partitions' names. One without an entry has the first schema.
const MIGRATIONS: &[(&str, &[Migration])] = &[];

/// Returns the migrations of a partition.
pub fn migrations_of(id: &PartitionId) -> &'static [Migration] {
    if let PartitionId::Within(_, inner) = id {
        return migrations_of(inner);
    }
    let name = id.name();
    let kind = name.split('/').next().unwrap_or_default();
    MIGRATIONS.iter().find(|(of, _)| *of == kind).map_or(&[], |(_, migrations)| *migrations)
}
