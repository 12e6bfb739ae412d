//! Transactions: reads see earlier writes, and all writes are applied at the end.

use super::shared::{self, Edits, POOL, SharedRow};
use super::unknown::keep_unknown;
use super::{Key, Kv, Layout, Record, StoreFailure, Table, Write, key_of};
use crate::values::Time;
use core::time::Duration;
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Transaction over one partition; without [`Txn::commit`] nothing is stored.
pub struct Txn<'a, K: Kv> {
    kv: &'a mut K,
    /// By the records' keys.
    changes: BTreeMap<String, Change>,
    /// The shared rows that were read, as they are stored.
    rows: RefCell<BTreeMap<String, Rc<SharedRow>>>,
    /// The other rows that were read, as they are stored.
    texts: RefCell<BTreeMap<String, Rc<String>>>,
    /// The prefixes of the keys that were listed.
    listed: RefCell<Vec<String>>,
    /// The instant by which the partition needs an alarm.
    wake: Option<Time>,
    now: Time,
    slack: Duration,
    deleted_by: Option<Time>,
}

/// Savepoint of a transaction.
pub struct Mark(BTreeMap<String, Change>, Option<Time>);

/// A record to be written or deleted.
#[derive(Clone)]
struct Change {
    table: Table,
    layout: Layout,
    /// The row that it shares; its key for a row of its own.
    row: String,
    /// `None` deletes it.
    written: Option<Written>,
}

/// A written record: as a value for later reads, and as JSON.
#[derive(Clone)]
struct Written {
    record: Rc<dyn Any>,
    json: String,
    expires: Option<Time>,
}

impl<'a, K: Kv> Txn<'a, K> {
    /// Begins a transaction.
    pub fn begin(kv: &'a mut K) -> Self {
        Self {
            kv,
            changes: BTreeMap::new(),
            rows: RefCell::default(),
            texts: RefCell::default(),
            listed: RefCell::default(),
            wake: None,
            now: Time::from_millis(0),
            slack: Duration::ZERO,
            deleted_by: None,
        }
    }

    /// Sets the time, after which expired records make room in the pool.
    pub fn at(&mut self, now: Time) {
        self.now = now;
    }

    /// Makes written records expire by `at` at the latest, except those that never expire.
    pub fn delete_by(&mut self, at: Time) {
        self.deleted_by = Some(at);
    }

    /// Lets the purge of written records wait for this long after their expiry.
    pub fn purge_within(&mut self, slack: Duration) {
        self.slack = slack;
    }

    /// Reads the record of type `R` with an id.
    ///
    /// # Errors
    /// When the storage fails, or the value is not such a record.
    pub fn get<R: Record>(&self, id: &str) -> Result<Option<R>, StoreFailure> {
        let key = key_of::<R>(id);
        if let Some(change) = self.changes.get(&key) {
            return change.record(&key);
        }
        self.read_stored::<R, _>(&key, id, |text| read(&key, text))
    }

    /// Whether there is a record of type `R` with this id.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn has<R: Record>(&self, id: &str) -> Result<bool, StoreFailure> {
        let key = key_of::<R>(id);
        match self.changes.get(&key) {
            Some(change) => Ok(change.written.is_some()),
            None => Ok(self.read_stored::<R, _>(&key, id, |_| Ok(()))?.is_some()),
        }
    }

    /// Reads the stored JSON of a record.
    fn read_stored<R: Record, T>(
        &self,
        key: &str,
        id: &str,
        read: impl Fn(&str) -> Result<T, StoreFailure>,
    ) -> Result<Option<T>, StoreFailure> {
        let within =
            |row: &str| -> Result<Option<T>, StoreFailure> { self.row(R::TABLE, row)?.get(key).map(&read).transpose() };
        match R::LAYOUT {
            Layout::Own => self.text(R::TABLE, key)?.map(|text| read(&text)).transpose(),
            Layout::Shared => within(&R::row(id)),
            Layout::Pooled => match within(POOL)? {
                None => within(&R::row(id)),
                found => Ok(found),
            },
        }
    }

    /// Reads a row of one record as it is stored, once.
    fn text(&self, table: Table, key: &str) -> Result<Option<Rc<String>>, StoreFailure> {
        if let Some(known) = self.texts.borrow().get(key) {
            return Ok(Some(known.clone()));
        }
        let found = self.kv.get(table, key)?.map(Rc::new);
        if let Some(text) = &found {
            self.texts.borrow_mut().insert(key.to_owned(), text.clone());
        }
        Ok(found)
    }

    /// Reads a shared row as it is stored, once.
    fn row(&self, table: Table, row: &str) -> Result<Rc<SharedRow>, StoreFailure> {
        if let Some(known) = self.rows.borrow().get(row) {
            return Ok(known.clone());
        }
        let found = Rc::new(shared::load(self.kv, table, row)?);
        self.rows.borrow_mut().insert(row.to_owned(), found.clone());
        Ok(found)
    }

    /// Lists up to `limit` ids and records of type `R` in byte order.
    ///
    /// The list begins after the id `after`. Of records that share rows, it has those that name their row.
    ///
    /// # Errors
    /// As [`Txn::get`].
    pub fn list<R: Record>(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, R)>, StoreFailure> {
        Ok(self.list_of(format!("{}/", R::PREFIX), after, limit, false)?.0)
    }

    /// As [`Txn::list`] without the records that cannot be read, and the number of those.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn list_readable<R: Record>(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(String, R)>, usize), StoreFailure> {
        self.list_of(format!("{}/", R::PREFIX), after, limit, true)
    }

    /// As [`Txn::list`], for ids below `group/`; `after` and the returned ids are relative to it.
    ///
    /// # Errors
    /// As [`Txn::get`].
    pub fn list_below<R: Record>(
        &self,
        group: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, R)>, StoreFailure> {
        Ok(self.list_of(format!("{}/{group}/", R::PREFIX), after, limit, false)?.0)
    }

    fn list_of<R: Record>(
        &self,
        prefix: String,
        after: Option<&str>,
        limit: usize,
        skip: bool,
    ) -> Result<(Vec<(String, R)>, usize), StoreFailure> {
        const { assert!(!matches!(R::TABLE, Table::Permanent), "this table has no index to list it by") };
        const { assert!(!matches!(R::LAYOUT, Layout::Pooled), "these records are not together") };
        self.listed.borrow_mut().push(prefix.clone());
        let start = after.map(|id| format!("{prefix}{id}"));
        // Deleted records are still stored and must not use up the limit.
        let stored = self.kv.list(R::TABLE, &prefix, start.as_deref(), limit + self.changes.len())?;
        let mut merged: BTreeMap<String, R> = BTreeMap::new();
        let mut skipped = 0;
        let mut readable = |found: Result<R, StoreFailure>| match found {
            Err(StoreFailure::Unreadable(_)) if skip => {
                skipped += 1;
                Ok(None)
            }
            found => found.map(Some),
        };
        for (key, text) in stored {
            if self.changes.contains_key(&key) {
                continue;
            }
            let record = match R::LAYOUT {
                Layout::Own => readable(read(&key, &text))?,
                Layout::Shared | Layout::Pooled => {
                    let found = SharedRow::read(&key, &text)?.get(&key).map(|text| readable(read(&key, text)));
                    found.transpose()?.flatten()
                }
            };
            merged.extend(record.map(|record| (key, record)));
        }
        let changes = self.changes.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
        let listed = |(key, change): &(&String, &Change)| {
            (change.layout == Layout::Own || change.row == **key) && start.as_ref().is_none_or(|start| *key > start)
        };
        for (key, change) in changes.filter(listed) {
            merged.extend(change.record(key)?.map(|record| (key.clone(), record)));
        }
        let records = merged.into_iter().take(limit);
        let id = |key: String| key.strip_prefix(&prefix).unwrap_or(&key).to_owned();
        Ok((records.map(|(key, record)| (id(key), record)).collect(), skipped))
    }

    /// Stores a record under its prefix and an id.
    ///
    /// It replaces a record that this transaction read. Members of that which this release does not know are kept: see
    /// `store::unknown`.
    ///
    /// # Errors
    /// When the record cannot be written as JSON; when the storage fails.
    pub fn put<R: Record>(&mut self, id: &str, record: &R) -> Result<(), StoreFailure> {
        let key = key_of::<R>(id);
        let json = serde_json::to_string(record);
        let json = json.map_err(|error| StoreFailure::Failed(format!("writing {key}: {error}")))?;
        let json = match self.changes.get(&key) {
            Some(Change { written: None, .. }) => json,
            _ if self.replaces::<R>(&key) => {
                let kept = self.read_stored::<R, _>(&key, id, |stored| keep_unknown::<R>(stored, &json))?;
                kept.flatten().unwrap_or(json)
            }
            _ => json,
        };
        let expires = record.expires().map(|at| self.deleted_by.map_or(at, |latest| at.min(latest)));
        self.change::<R>(id, Some(Written { record: Rc::new(record.clone()), json, expires }));
        Ok(())
    }

    /// Whether the stored record with this key was read, or its row is read anyway.
    fn replaces<R: Record>(&self, key: &str) -> bool {
        R::LAYOUT != Layout::Own
            || self.texts.borrow().contains_key(key)
            || self.listed.borrow().iter().any(|prefix| key.starts_with(prefix))
    }

    /// Removes a record.
    pub fn delete<R: Record>(&mut self, id: &str) {
        self.change::<R>(id, None);
    }

    fn change<R: Record>(&mut self, id: &str, written: Option<Written>) {
        let key = key_of::<R>(id);
        let row = if R::LAYOUT == Layout::Own { key.clone() } else { R::row(id) };
        self.changes.insert(key, Change { table: R::TABLE, layout: R::LAYOUT, row, written });
    }

    /// Requests an alarm at this instant at the latest.
    pub fn wake_at(&mut self, at: Time) {
        self.wake = earliest(self.wake, Some(at));
    }

    /// Takes a savepoint for [`Txn::roll_back_to`].
    pub fn mark(&self) -> Mark {
        Mark(self.changes.clone(), self.wake)
    }

    /// Drops the changes since `mark`.
    pub fn roll_back_to(&mut self, mark: Mark) {
        self.changes = mark.0;
        self.wake = mark.1;
    }

    /// Applies all changes, or none.
    ///
    /// # Errors
    /// When the storage fails; nothing is stored then.
    pub fn commit(self) -> Result<Committed, StoreFailure> {
        self.commit_noting(|_| ())
    }

    /// As [`Txn::commit`]; `note` sees the keys of the rows before they are written.
    ///
    /// # Errors
    /// As [`Txn::commit`].
    pub fn commit_noting(self, note: impl FnOnce(&[(Key, Write)])) -> Result<Committed, StoreFailure> {
        let writes = self.writes()?;
        note(&writes);
        let expires = |(_, write): &(Key, Write)| match write {
            Write::Put { expires, .. } => *expires,
            Write::Delete => None,
        };
        let purge = writes.iter().filter_map(expires).min().map(|at| at.plus(self.slack));
        let wake = earliest(self.wake, purge);
        let deletes = writes.iter().all(|(_, write)| matches!(write, Write::Delete));
        let only_deleted = deletes && !writes.is_empty() && wake.is_none();
        if !writes.is_empty() {
            self.kv.apply(writes, purge)?;
        }
        Ok(Committed { wake, only_deleted })
    }

    /// The rows to be written.
    fn writes(&self) -> Result<Vec<(Key, Write)>, StoreFailure> {
        let mut writes = Vec::new();
        let mut edits = Edits::default();
        for (key, Change { table, layout, row, written }) in &self.changes {
            let table = *table;
            let (at, read) = ((table, row.as_str(), key.as_str()), |row: &str| self.row(table, row));
            let change = written.as_ref().map(|written| (written.json.as_str(), written.expires));
            match layout {
                Layout::Own => {
                    let put = |(json, expires): (&str, _)| Write::Put { value: json.to_owned(), expires };
                    writes.push((Key { table, name: row.clone() }, change.map_or(Write::Delete, put)));
                }
                Layout::Shared => edits.apply(at, change, read)?,
                Layout::Pooled => edits.apply_pooled(at, change, self.now, read)?,
            }
        }
        writes.extend(edits.writes()?.into_iter().map(|(table, name, write)| (Key { table, name }, write)));
        Ok(writes)
    }
}

impl Change {
    /// The record to be read from now on.
    fn record<R: Record>(&self, key: &str) -> Result<Option<R>, StoreFailure> {
        let Some(written) = &self.written else { return Ok(None) };
        let record = written.record.downcast_ref::<R>().cloned();
        record.map(Some).ok_or_else(|| StoreFailure::Failed(format!("{key} was written as another type")))
    }
}

/// Follow-up work of a committed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// When the partition needs an alarm, for a purge or for [`Txn::wake_at`].
    pub wake: Option<Time>,
    /// Whether it only deleted, so that the partition may be empty.
    pub only_deleted: bool,
}

fn earliest(a: Option<Time>, b: Option<Time>) -> Option<Time> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn read<R: Record>(key: &str, text: &str) -> Result<R, StoreFailure> {
    serde_json::from_str(text).map_err(|error| {
        let what = format!("{key} is not a valid {} record: {error}", R::PREFIX);
        if error.is_data() { StoreFailure::Unreadable(what) } else { StoreFailure::Failed(what) }
    })
}

#[cfg(test)]
mod tests;
