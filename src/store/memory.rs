//! Storage in memory for native tests, with fault injection.

use super::{FIRST_SCHEMA, Key, Kv, StoreFailure, StoredRow, Table, Write};
use crate::values::Time;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

/// A partition held in one map for all tables. Clones are independent copies.
#[derive(Clone, Debug, Default)]
pub struct MemoryKv {
    rows: BTreeMap<String, (Table, String, Option<Time>)>,
    /// The keys of expiring rows by their expiry.
    expiring: BTreeSet<(Time, String)>,
    /// Number of rows in the table that purges scan.
    scanned: usize,
    /// Octets of all keys and values.
    size: u64,
    /// Whether a database exists: from the first write until it is cleared.
    database: bool,
    /// When the next purge is due.
    due: Option<Time>,
    /// The schema number; zero for none.
    schema: u32,
    operations: Cell<u64>,
    rows_read: Cell<u64>,
    rows_written: u64,
    /// The keys read since the last write.
    seen: RefCell<BTreeSet<String>>,
    /// The prefixes listed since the last write.
    listed: RefCell<Vec<String>>,
    /// The keys of rows that were replaced without being read before.
    unseen: Vec<String>,
    fail_at: Option<u64>,
}

impl MemoryKv {
    /// Makes the `n`-th operation from now (the next is 0) fail, and all after it.
    pub fn fail_after(&mut self, n: u64) {
        self.operations.set(0);
        self.fail_at = Some(n);
    }

    /// Lets operations succeed again.
    pub fn heal(&mut self) {
        self.fail_at = None;
    }

    /// The number of operations since the last [`MemoryKv::fail_after`], or ever.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// The number of rows read, as a database counts them.
    pub fn rows_read(&self) -> u64 {
        self.rows_read.get()
    }

    /// The number of rows written or deleted, as a database counts them.
    ///
    /// The time of the next purge is a row too.
    pub fn rows_written(&self) -> u64 {
        self.rows_written
    }

    /// Sets when the next purge is due.
    fn set_due(&mut self, due: Option<Time>) {
        self.rows_written += u64::from(due.is_some() && due != self.due);
        self.due = due;
    }

    /// Checks whether a database exists, even an empty one.
    pub fn is_database(&self) -> bool {
        self.database
    }

    /// Stores a row, or deletes it. Returns whether there is a change.
    fn set(&mut self, name: String, row: Option<(Table, String, Option<Time>)>) -> bool {
        let octets = |name: &str, value: &str| (name.len() + value.len()) as u64;
        let stored = row.is_some();
        if let Some((table, value, expires)) = self.rows.remove(&name) {
            self.size -= octets(&name, &value);
            self.scanned -= usize::from(table == Table::Expiring);
            expires.map(|at| self.expiring.remove(&(at, name.clone())));
        } else if !stored {
            return false;
        }
        if let Some((table, value, expires)) = row {
            self.size += octets(&name, &value);
            self.scanned += usize::from(table == Table::Expiring);
            expires.map(|at| self.expiring.insert((at, name.clone())));
            self.rows.insert(name, (table, value, expires));
        }
        true
    }

    fn read(&self, rows: usize) {
        self.rows_read.set(self.rows_read.get() + rows as u64);
    }

    /// The number of rows.
    pub fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// All rows: key, JSON value, expiry.
    pub fn rows(&self) -> impl Iterator<Item = (&str, &str, Option<Time>)> {
        self.rows.iter().map(|(key, (_, value, expires))| (key.as_str(), value.as_str(), *expires))
    }

    /// The keys of rows that were replaced without being read before.
    ///
    /// Members that the release does not know are lost with them.
    pub fn unseen(&self) -> &[String] {
        &self.unseen
    }

    /// Replaces the values of rows.
    pub fn alter(&mut self, change: impl Fn(&str, &str) -> String) {
        self.rows.iter_mut().for_each(|(key, (_, value, _))| *value = change(key, value));
        self.size = self.rows.iter().map(|(key, (_, value, _))| (key.len() + value.len()) as u64).sum();
    }

    fn operate(&self, what: &str) -> Result<(), StoreFailure> {
        let n = self.operations.get();
        self.operations.set(n + 1);
        match self.fail_at {
            Some(limit) if n >= limit => Err(StoreFailure::Failed(format!("injected fault at {what}"))),
            _ => Ok(()),
        }
    }
}

impl Kv for MemoryKv {
    fn get(&self, _: Table, key: &str) -> Result<Option<String>, StoreFailure> {
        self.operate("get")?;
        self.read(1);
        self.seen.borrow_mut().insert(key.to_owned());
        Ok(self.rows.get(key).map(|(_, value, _)| value.clone()))
    }

    fn list(
        &self,
        _: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreFailure> {
        self.operate("list")?;
        self.listed.borrow_mut().push(prefix.to_owned());
        let start = after.filter(|after| *after > prefix).unwrap_or(prefix);
        let rows = self.rows.range(start.to_owned()..);
        let rows = rows.filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
        let rows = rows.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        let rows: Vec<_> = rows.map(|(key, (_, value, _))| (key.clone(), value.clone())).collect();
        self.read(rows.len());
        Ok(rows)
    }

    fn row(&self, key: &Key) -> Result<Option<StoredRow>, StoreFailure> {
        self.operate("row")?;
        self.read(1);
        self.seen.borrow_mut().insert(key.name.clone());
        let row = self.rows.get(&key.name).filter(|(table, _, _)| *table == key.table);
        Ok(row.map(|(_, value, expires)| StoredRow { key: key.clone(), value: value.clone(), expires: *expires }))
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&str>,
        rows: usize,
        octets: usize,
    ) -> Result<Vec<StoredRow>, StoreFailure> {
        self.operate("scan")?;
        let (mut found, mut size) = (Vec::new(), 0_usize);
        let of_table = self.rows.iter().filter(|(_, (of, _, _))| *of == table);
        for (name, (_, value, expires)) in of_table.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
        {
            if found.len() >= rows || size > octets {
                break;
            }
            size = size.saturating_add(value.len());
            let key = Key { table, name: name.clone() };
            found.push(StoredRow { key, value: value.clone(), expires: *expires });
        }
        self.read(found.len());
        Ok(found)
    }

    fn apply(&mut self, writes: Vec<(Key, Write)>, purge: Option<Time>) -> Result<(), StoreFailure> {
        self.operate("apply")?;
        self.database = true;
        self.set_due(self.due.into_iter().chain(purge).min());
        let (seen, listed) = (self.seen.take(), self.listed.take());
        for (key, write) in writes {
            let known = seen.contains(&key.name) || listed.iter().any(|prefix| key.name.starts_with(prefix));
            if !known && matches!(write, Write::Put { .. }) && self.rows.contains_key(&key.name) {
                self.unseen.push(key.name.clone());
            }
            let row = match write {
                Write::Put { value, expires } => Some((key.table, value, expires)),
                Write::Delete => None,
            };
            self.rows_written += u64::from(self.set(key.name, row));
        }
        Ok(())
    }

    fn purge(&mut self, now: Time, slack: Duration) -> Result<Option<Time>, StoreFailure> {
        self.operate("purge")?;
        if self.due.is_some_and(|due| due <= now) {
            self.read(self.scanned);
            while let Some((_, name)) = self.expiring.first().filter(|(at, _)| *at <= now).cloned() {
                self.rows_written += u64::from(self.set(name, None));
            }
            self.set_due(self.expiring.first().map(|(at, _)| at.plus(slack)));
        }
        Ok(self.due)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn schema(&self) -> Result<Option<u32>, StoreFailure> {
        self.operate("schema")?;
        Ok(self.database.then_some(self.schema.max(FIRST_SCHEMA)))
    }

    fn set_schema(&mut self, number: u32) -> Result<(), StoreFailure> {
        self.operate("set_schema")?;
        self.schema = number;
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, StoreFailure> {
        self.operate("is_empty")?;
        Ok(self.rows.is_empty())
    }

    fn clear(&mut self) -> Result<(), StoreFailure> {
        self.operate("clear")?;
        self.rows.clear();
        self.expiring.clear();
        (self.scanned, self.size) = (0, 0);
        (self.database, self.due) = (false, None);
        Ok(())
    }
}
