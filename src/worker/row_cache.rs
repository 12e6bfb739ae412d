//! Rows of a partition in memory.

use std::collections::HashMap;

/// Capacity of a partition's row cache in bytes.
///
/// An isolate may host thousands of partitions.
const CACHE_SIZE: usize = 24 * 1024;

/// A cache of a partition's rows.
#[derive(Default)]
pub struct RowCache {
    rows: HashMap<String, String>,
    /// The bytes of all keys and values.
    length: usize,
}

impl RowCache {
    /// Returns the value of a row.
    pub fn get(&self, key: &str) -> Option<&String> {
        self.rows.get(key)
    }

    /// Inserts a row; a full cache is cleared first.
    pub fn insert(&mut self, key: String, value: String) {
        self.forget(&key);
        let length = key.len() + value.len();
        if self.length + length > CACHE_SIZE {
            *self = Self::default();
        }
        if length <= CACHE_SIZE {
            self.length += length;
            self.rows.insert(key, value);
        }
    }

    /// Removes a row.
    pub fn forget(&mut self, key: &str) {
        if let Some(value) = self.rows.remove(key) {
            self.length -= key.len() + value.len();
        }
    }
}
