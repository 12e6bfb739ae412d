//! Storage of one partition: a strongly consistent map from text keys to JSON records.
//!
//! [`Kv`] is the port of a host's storage, [`Txn`] the transaction over it that the library uses. All writes of a
//! transaction are applied, or none; a refused or failed request leaves no trace.
//! `kv-schema/` documents each record.

#[cfg(any(test, feature = "testing"))]
mod memory;
mod shared;
mod txn;
mod unknown;

#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryKv;
pub use shared::{POOL, POOL_SIZE, SharedRow, pooled_row};
pub use txn::{Committed, Mark, Txn};

use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Failure of the storage, not of the request; the texts are for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFailure {
    /// The host failed, or data was damaged.
    #[error("storage failed: {0}")]
    Failed(String),
    /// A record is not of its type: a newer release may have stored it.
    #[error("a stored record cannot be read: {0}")]
    Unreadable(String),
}

/// The first schema number. A database that says none has it.
pub const FIRST_SCHEMA: u32 = 1;

/// One change to a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Stores `value` under the key.
    Put {
        /// JSON text.
        value: String,
        /// When the record expires and may be purged; `None` for never.
        expires: Option<Time>,
    },
    /// Removes the key.
    Delete,
}

/// The key of a row, with its table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The table of the row.
    pub table: Table,
    /// The key within the partition: no two tables have the same one.
    pub name: String,
}

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Its key, with its table.
    pub key: Key,
    /// JSON text.
    pub value: String,
    /// When it expires; `None` for never.
    pub expires: Option<Time>,
}

/// Storage of a partition.
///
/// Synchronous, as on Durable Objects: nothing may come between a read and the write that depends on it.
pub trait Kv {
    /// Reads the value under `key`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn get(&self, table: Table, key: &str) -> Result<Option<String>, StoreFailure>;

    /// Lists up to `limit` keys with `prefix` and their values, in byte order.
    ///
    /// The list begins after the key `after`.
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

    /// Reads the row under `key` as it is stored.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn row(&self, key: &Key) -> Result<Option<StoredRow>, StoreFailure>;

    /// Reads the rows of a table that follow the row `after`, in a fixed order.
    ///
    /// They are at most `rows`, and end with the first that makes them longer than `octets`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn scan(
        &self,
        table: Table,
        after: Option<&str>,
        rows: usize,
        octets: usize,
    ) -> Result<Vec<StoredRow>, StoreFailure>;

    /// Applies all of `writes`, or none of them. What expires of them has to be purged at `purge`.
    ///
    /// # Errors
    /// When nothing was applied.
    fn apply(&mut self, writes: Vec<(Key, Write)>, purge: Option<Time>) -> Result<(), StoreFailure>;

    /// Deletes the records that expired at or before `now`, and returns when to purge next.
    ///
    /// That is `slack` after the earliest expiry left, so that records which expire close together are deleted together.
    /// The instant is stored; an earlier purge scans nothing.
    ///
    /// # Errors
    /// When the storage fails; rows deleted until then stay deleted.
    fn purge(&mut self, now: Time, slack: Duration) -> Result<Option<Time>, StoreFailure>;

    /// Returns the size of the database in octets.
    fn size(&self) -> u64;

    /// Returns the schema number of the database; `None` without a database.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn schema(&self) -> Result<Option<u32>, StoreFailure>;

    /// Stores the schema number. Without a database, the next write creates it with this number.
    ///
    /// # Errors
    /// When the storage fails.
    fn set_schema(&mut self, number: u32) -> Result<(), StoreFailure>;

    /// Checks that nothing is stored.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn is_empty(&self) -> Result<bool, StoreFailure>;

    /// Deletes everything including the database; the next write creates it again.
    ///
    /// # Errors
    /// When the storage fails.
    fn clear(&mut self) -> Result<(), StoreFailure>;
}

/// Type of stored record; its key is `PREFIX`, or `PREFIX/id` where a partition has several.
pub trait Record: Serialize + DeserializeOwned + Clone + 'static {
    /// First part of the key.
    const PREFIX: &'static str;

    /// The table of these records. There is no default: each type has to choose, since some grow without limit.
    const TABLE: Table;

    /// How these records are laid out in rows.
    const LAYOUT: Layout = Layout::Own;

    /// The row of the record with this id, where records share rows.
    fn row(id: &str) -> String {
        key_of::<Self>(id)
    }

    /// When the record may be purged; `None` for never.
    fn expires(&self) -> Option<Time>;
}

/// How records of a type are laid out in rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A row for each.
    Own,
    /// In the row [`Record::row`], with other records.
    Shared,
    /// In the row [`POOL`] while it has room, else in the row [`Record::row`].
    Pooled,
}

/// A table of a partition's database, for hosts with more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Table {
    /// Records that expire, and kinds of which a partition has few. Purging scans it.
    #[serde(rename = "kv")]
    Expiring,
    /// Kinds that never expire, grow with each certificate and have some thousand octets. Listing them does not compile.
    #[serde(rename = "kept")]
    Permanent,
    /// Kinds that never expire, grow with each certificate and have a few hundred octets.
    #[serde(rename = "sorted")]
    Sorted,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 3] = [Self::Expiring, Self::Permanent, Self::Sorted];
}

/// The key of the record of type `R` with an id. For an empty id, the bare prefix.
pub fn key_of<R: Record>(id: &str) -> String {
    if id.is_empty() { R::PREFIX.to_owned() } else { format!("{}/{id}", R::PREFIX) }
}
