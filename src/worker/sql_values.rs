//! Values of a row in the Durable Object's database, and the names of its tables.

use crate::store::{StoreFailure, Table};
use crate::values::Time;
use sha2::{Digest, Sha256};
use worker::SqlStorageValue;

/// The SQL name of a table.
pub const fn name_of(table: Table) -> &'static str {
    match table {
        Table::Expiring => "kv",
        Table::Permanent => "kept",
        Table::Sorted => "sorted",
    }
}

/// The rowid of a permanent row, in decimal: 63 bits of its key's SHA-256.
pub fn id_of(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    (bits >> 1).to_string()
}

/// The failure of the storage for a failure of the platform.
pub fn failure(error: impl std::fmt::Display) -> StoreFailure {
    StoreFailure::Failed(error.to_string())
}

/// Reads the next text of a row.
///
/// # Errors
/// Another type is in its place.
pub fn text(row: &mut impl Iterator<Item = SqlStorageValue>) -> Result<String, StoreFailure> {
    match row.next() {
        Some(SqlStorageValue::String(text)) => Ok(text),
        _ => Err(StoreFailure::Failed("a row has another type in place of text".to_owned())),
    }
}

/// Reads a time from a row; `None` if null.
pub fn time(value: Option<SqlStorageValue>) -> Option<Time> {
    match value {
        Some(SqlStorageValue::Integer(at)) => u64::try_from(at).ok().map(Time::from_millis),
        Some(SqlStorageValue::Float(at)) if at >= 0.0 => Some(Time::from_millis(at as u64)),
        _ => None,
    }
}
