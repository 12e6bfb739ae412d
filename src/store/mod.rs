//! The store of one partition: a small, strongly consistent map from text keys to JSON records.
//!
//! [`Kv`] is what a partition's storage offers; [`Txn`] is how the rest of the library uses it. All of a
//! transaction's writes are applied together or not at all, so a refused or failed request leaves no trace.
//! `kv-schema/` documents each record.

mod memory;
mod txn;

pub use memory::MemoryKv;
pub use txn::{Committed, Mark, Txn};

use crate::values::Time;
use core::time::Duration;
use serde::{Serialize, de::DeserializeOwned};

/// The storage itself failed, which says nothing about the request; the text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("storage failed: {0}")]
pub struct StoreFailure(pub String);

/// One change to a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Store `value` (JSON) under the key; `expires` is when it may be deleted, `None` for never.
    Put {
        /// JSON text.
        value: String,
        /// When the record is over and may be deleted.
        expires: Option<Time>,
    },
    /// Remove the key.
    Delete,
}

/// The key of a row, with its table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The table of the row.
    pub table: Table,
    /// The key within the partition: no two tables have the same one.
    pub name: String,
}

/// A partition's storage: synchronous, because on Durable Objects it is, and because nothing may come between a
/// read and the write that rests on it.
pub trait Kv {
    /// The value under `key`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn get(&self, table: Table, key: &str) -> Result<Option<String>, StoreFailure>;

    /// Up to `limit` keys that begin with `prefix` and come after `after`, in byte order, with their values.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn list(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreFailure>;

    /// Applies all of `writes`, or none of them.
    ///
    /// # Errors
    /// When nothing was applied.
    fn apply(&mut self, writes: Vec<(Key, Write)>) -> Result<(), StoreFailure>;

    /// Deletes what expired at or before `now`, if something may have since it was looked for the last time, and says when
    /// that is to be done next: `slack` after the earliest expiry of what is left, so that those close to each other are
    /// deleted together. The instant is stored with what is written, so nothing is looked through before it.
    ///
    /// # Errors
    /// When the storage fails; what was deleted until then stays deleted.
    fn purge(&mut self, now: Time, slack: Duration) -> Result<Option<Time>, StoreFailure>;

    /// Whether nothing is stored.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn is_empty(&self) -> Result<bool, StoreFailure>;

    /// Deletes everything, the database itself with it; the next write makes another.
    ///
    /// # Errors
    /// When the storage fails.
    fn clear(&mut self) -> Result<(), StoreFailure>;
}

/// A type of stored record. Its key is `PREFIX`, or `PREFIX/id` where a partition holds several.
pub trait Record: Serialize + DeserializeOwned {
    /// First part of the key.
    const PREFIX: &'static str;

    /// The table of these records. Without a default: a record that grows without end has to say so.
    const TABLE: Table;

    /// When the record may be deleted; `None` for never.
    fn expires(&self) -> Option<Time>;
}

/// A table of a partition's database, for hosts with more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Records that expire, and kinds of which a partition has few. Purging scans it.
    Expiring,
    /// Kinds that never expire and grow with each certificate.
    Permanent,
    /// As [`Table::Permanent`], for records of a few hundred octets that are read in the order of their keys.
    Sorted,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 3] = [Self::Expiring, Self::Permanent, Self::Sorted];
}

/// The key of the record of type `R` with this id; the bare prefix for an empty id.
pub fn key_of<R: Record>(id: &str) -> String {
    if id.is_empty() { R::PREFIX.to_owned() } else { format!("{}/{id}", R::PREFIX) }
}
