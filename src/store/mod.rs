//! The store of one partition: a small, strongly consistent map from text keys to JSON records.
//!
//! [`Kv`] is what a partition's storage offers; [`Txn`] is how the rest of the library uses it. All of a
//! transaction's writes are applied together or not at all, so a refused or failed request leaves no trace.
//! `kv-schema/` documents each record.

#[cfg(any(test, feature = "testing"))]
mod memory;
mod txn;

#[cfg(any(test, feature = "testing"))]
pub use memory::MemoryKv;
pub use txn::{Committed, Mark, Txn};

use crate::values::Time;
use core::time::Duration;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// The storage itself failed, which says nothing about the request; the text is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFailure(pub String);

impl fmt::Display for StoreFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "storage failed: {}", self.0)
    }
}

impl std::error::Error for StoreFailure {}

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

/// A partition's storage: synchronous, because on Durable Objects it is, and because nothing may come between a
/// read and the write that rests on it.
pub trait Kv {
    /// The value under `key`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn get(&self, key: &str) -> Result<Option<String>, StoreFailure>;

    /// Up to `limit` keys that begin with `prefix` and come after `after`, in byte order, with their values.
    ///
    /// # Errors
    /// When the storage cannot be read.
    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, String)>, StoreFailure>;

    /// Applies all of `writes`, or none of them.
    ///
    /// # Errors
    /// When nothing was applied.
    fn apply(&mut self, writes: Vec<(String, Write)>) -> Result<(), StoreFailure>;

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

    /// When the record may be deleted; `None` for never.
    fn expires(&self) -> Option<Time>;
}

/// The kinds of records that are there for good and grow with each certificate: certificates, and the ledger.
const LASTING: [&str; 2] = ["cert", "serial"];

/// The kinds of records that are there for good, grow without end, and are small: what is looked up in their order.
const SORTED: [&str; 4] = ["ending", "latest", "member", "audit"];

/// How a kind of record is kept, for a host that has more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeping {
    /// It is over some time, or there are few of it.
    Passing,
    /// It is there for good, and there are more and more of it.
    Lasting,
    /// As [`Keeping::Lasting`]; a row is a few hundred bytes at most.
    Sorted,
}

impl Keeping {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Passing, Self::Lasting, Self::Sorted];

    /// How a key, or a prefix of keys up to its `/`, is kept.
    pub fn of(key: &str) -> Self {
        let is =
            |kinds: &[&str]| kinds.iter().any(|kind| key.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/')));
        if is(&LASTING) {
            Self::Lasting
        } else if is(&SORTED) {
            Self::Sorted
        } else {
            Self::Passing
        }
    }
}

/// The key of the record of type `R` with this id; the bare prefix for an empty id.
pub fn key_of<R: Record>(id: &str) -> String {
    if id.is_empty() { R::PREFIX.to_owned() } else { format!("{}/{id}", R::PREFIX) }
}
