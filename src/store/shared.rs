//! Rows with several records.
//!
//! Writing a row costs the same whatever its length. Records that are written together, or seldom live longer than an
//! order, share one.

mod json;

use super::{Kv, StoreFailure, Table, Write};
use crate::values::Time;
use json::Part;
pub use json::SharedRow;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The row of a partition for small records, while it has room.
pub const POOL: &str = "pool";

/// Maximum number of records in the pool: about four kilobytes.
pub const POOL_SIZE: usize = 32;

/// The row of a record that found the pool full. Those with the same id share it.
pub fn pooled_row(id: &str) -> String {
    format!("pooled/{id}")
}

impl SharedRow {
    /// Reads the value of a row.
    ///
    /// # Errors
    /// When it is not such a row.
    pub fn read(key: &str, text: &str) -> Result<Self, StoreFailure> {
        serde_json::from_str(text)
            .map_err(|error| StoreFailure::Failed(format!("{key} is not a row with records: {error}")))
    }

    /// The value of the row.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn text(&self) -> Result<String, StoreFailure> {
        serde_json::to_string(self)
            .map_err(|error| StoreFailure::Failed(format!("writing a row with records: {error}")))
    }

    /// The JSON of a record.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.records.get(key).map(|part| part.record.get())
    }

    /// The keys of its records, and their JSON.
    pub fn records(&self) -> impl Iterator<Item = (&str, &str)> {
        self.records.iter().map(|(key, part)| (key.as_str(), part.record.get()))
    }

    /// Inserts or replaces a record.
    ///
    /// # Errors
    /// When `json` is not JSON.
    pub fn insert(&mut self, key: &str, json: String, expires: Option<Time>) -> Result<(), StoreFailure> {
        let record =
            RawValue::from_string(json).map_err(|error| StoreFailure::Failed(format!("writing {key}: {error}")))?;
        let others = self.records.remove(key).map(|part| part.others).unwrap_or_default();
        self.records.insert(key.to_owned(), Part { expires, record, others });
        Ok(())
    }

    /// Removes a record. Returns whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.records.remove(key).is_some()
    }

    /// Removes expired records.
    pub fn forget_expired(&mut self, now: Time) {
        self.records.retain(|_, part| part.expires.is_none_or(|at| at > now));
    }

    /// The expiry of its last record; `None` for never.
    pub fn expires(&self) -> Option<Time> {
        let all: Option<Vec<Time>> = self.records.values().map(|part| part.expires).collect();
        all.and_then(|all| all.into_iter().max())
    }

    /// Whether it has no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether it has a record with this key.
    pub fn has(&self, key: &str) -> bool {
        self.records.contains_key(key)
    }

    /// Whether the pool has room for one more.
    fn has_room(&self) -> bool {
        self.records.len() < POOL_SIZE
    }
}

/// Reads a shared row; an absent one is empty.
///
/// # Errors
/// When the storage fails, or the value is not such a row.
pub fn load<K: Kv>(kv: &K, table: Table, row: &str) -> Result<SharedRow, StoreFailure> {
    kv.get(table, row)?.map_or_else(|| Ok(SharedRow::default()), |text| SharedRow::read(row, &text))
}

/// The shared rows that a transaction changes.
#[derive(Default)]
pub struct Edits(BTreeMap<String, Edit>);

struct Edit {
    table: Table,
    row: SharedRow,
    changed: bool,
}

/// A record to be written: its JSON and expiry; `None` to remove it.
pub type Change<'a> = Option<(&'a str, Option<Time>)>;

impl Edits {
    /// Changes a record in its row. `read` reads a row.
    ///
    /// # Errors
    /// As [`load`].
    pub fn apply(
        &mut self,
        (table, row, key): (Table, &str, &str),
        change: Change<'_>,
        read: impl Fn(&str) -> Result<Rc<SharedRow>, StoreFailure>,
    ) -> Result<(), StoreFailure> {
        let edit = self.edit(table, row, read)?;
        match change {
            Some((json, expires)) => {
                edit.row.insert(key, json.to_owned(), expires)?;
                edit.changed = true;
            }
            None => edit.changed |= edit.row.remove(key),
        }
        Ok(())
    }

    /// Changes a record in the pool, or in its own shared row.
    ///
    /// It is there if it was before, or if the pool was full.
    ///
    /// # Errors
    /// As [`load`].
    pub fn apply_pooled(
        &mut self,
        (table, row, key): (Table, &str, &str),
        change: Change<'_>,
        now: Time,
        read: impl Fn(&str) -> Result<Rc<SharedRow>, StoreFailure>,
    ) -> Result<(), StoreFailure> {
        let pool = &mut self.edit(table, POOL, &read)?.row;
        let in_pool = pool.has(key);
        pool.forget_expired(now);
        let pooled = in_pool || (pool.has_room() && !self.edit(table, row, &read)?.row.has(key));
        self.apply((table, if pooled { POOL } else { row }, key), change, read)
    }

    fn edit(
        &mut self,
        table: Table,
        row: &str,
        read: impl Fn(&str) -> Result<Rc<SharedRow>, StoreFailure>,
    ) -> Result<&mut Edit, StoreFailure> {
        if !self.0.contains_key(row) {
            let stored = read(row)?;
            self.0.insert(row.to_owned(), Edit { table, row: (*stored).clone(), changed: false });
        }
        self.0.get_mut(row).ok_or_else(|| StoreFailure::Failed(format!("{row} was not read")))
    }

    /// The rows that changed, with their writes.
    ///
    /// # Errors
    /// As [`SharedRow::text`].
    pub fn writes(self) -> Result<Vec<(Table, String, Write)>, StoreFailure> {
        let changed = self.0.into_iter().filter(|(_, edit)| edit.changed);
        let write = |(name, Edit { table, row, .. }): (String, Edit)| {
            let write = match row.is_empty() {
                true => Write::Delete,
                false => Write::Put { value: row.text()?, expires: row.expires() },
            };
            Ok((table, name, write))
        };
        changed.map(write).collect()
    }
}
