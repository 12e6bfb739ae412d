//! Transactions: reads see earlier writes, and all writes are applied at the end.

use super::{Key, Kv, Record, StoreFailure, Table, Write, key_of};
use crate::values::Time;
use core::time::Duration;
use std::collections::BTreeMap;

/// Transaction over one partition; without [`Txn::commit`] nothing is stored.
pub struct Txn<'a, K: Kv> {
    kv: &'a mut K,
    writes: BTreeMap<String, (Table, Write)>,
    /// The instant by which the partition needs an alarm.
    wake: Option<Time>,
    /// The instant by which the written records have to be purged.
    purge: Option<Time>,
    slack: Duration,
    deleted_by: Option<Time>,
}

/// Savepoint of a transaction.
pub struct Mark(BTreeMap<String, (Table, Write)>, Option<Time>, Option<Time>);

impl<'a, K: Kv> Txn<'a, K> {
    /// Begins a transaction.
    pub fn begin(kv: &'a mut K) -> Self {
        Self { kv, writes: BTreeMap::new(), wake: None, purge: None, slack: Duration::ZERO, deleted_by: None }
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
        let text = match self.writes.get(&key) {
            Some((_, Write::Put { value, .. })) => Some(value.clone()),
            Some((_, Write::Delete)) => None,
            None => self.kv.get(R::TABLE, &key)?,
        };
        text.map(|text| read(&key, &text)).transpose()
    }

    /// Lists up to `limit` ids and records of type `R` in byte order.
    ///
    /// The list begins after the id `after`.
    ///
    /// # Errors
    /// As [`Txn::get`].
    pub fn list<R: Record>(&self, after: Option<&str>, limit: usize) -> Result<Vec<(String, R)>, StoreFailure> {
        self.list_of(format!("{}/", R::PREFIX), after, limit)
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
        self.list_of(format!("{}/{group}/", R::PREFIX), after, limit)
    }

    fn list_of<R: Record>(
        &self,
        prefix: String,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, R)>, StoreFailure> {
        const { assert!(!matches!(R::TABLE, Table::Permanent), "this table has no index to list it by") };
        let start = after.map(|id| format!("{prefix}{id}"));
        // Deleted records are still stored and must not use up the limit.
        let stored = self.kv.list(R::TABLE, &prefix, start.as_deref(), limit + self.writes.len())?;
        let mut merged: BTreeMap<String, String> = stored.into_iter().collect();
        for (key, (_, write)) in self.writes.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix)) {
            match write {
                Write::Put { value, .. } if start.as_ref().is_none_or(|start| key > start) => {
                    merged.insert(key.clone(), value.clone());
                }
                Write::Put { .. } => {}
                Write::Delete => {
                    merged.remove(key);
                }
            }
        }
        let records = merged.iter().take(limit);
        records.map(|(key, text)| Ok((key.strip_prefix(&prefix).unwrap_or(key).to_owned(), read(key, text)?))).collect()
    }

    /// Stores a record under its prefix and an id.
    ///
    /// # Errors
    /// When the record cannot be written as JSON.
    pub fn put<R: Record>(&mut self, id: &str, record: &R) -> Result<(), StoreFailure> {
        let key = key_of::<R>(id);
        let value = serde_json::to_string(record).map_err(|e| StoreFailure(format!("writing {key}: {e}")))?;
        let expires = record.expires().map(|at| self.deleted_by.map_or(at, |latest| at.min(latest)));
        self.purge = earliest(self.purge, expires.map(|at| at.plus(self.slack)));
        self.writes.insert(key, (R::TABLE, Write::Put { value, expires }));
        Ok(())
    }

    /// Removes a record.
    pub fn delete<R: Record>(&mut self, id: &str) {
        self.writes.insert(key_of::<R>(id), (R::TABLE, Write::Delete));
    }

    /// Requests an alarm at this instant at the latest.
    pub fn wake_at(&mut self, at: Time) {
        self.wake = earliest(self.wake, Some(at));
    }

    /// Takes a savepoint for [`Txn::roll_back_to`].
    pub fn mark(&self) -> Mark {
        Mark(self.writes.clone(), self.wake, self.purge)
    }

    /// Drops the writes since `mark`.
    pub fn roll_back_to(&mut self, mark: Mark) {
        self.writes = mark.0;
        self.wake = mark.1;
        self.purge = mark.2;
    }

    /// Applies all writes, or none.
    ///
    /// # Errors
    /// When the storage fails; nothing is stored then.
    pub fn commit(self) -> Result<Committed, StoreFailure> {
        let deletes = self.writes.values().all(|(_, write)| matches!(write, Write::Delete));
        let wake = earliest(self.wake, self.purge);
        let only_deleted = deletes && !self.writes.is_empty() && wake.is_none();
        if !self.writes.is_empty() {
            let writes = self.writes.into_iter();
            let writes = writes.map(|(name, (table, write))| (Key { table, name }, write)).collect();
            self.kv.apply(writes, self.purge)?;
        }
        Ok(Committed { wake, only_deleted })
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
    serde_json::from_str(text).map_err(|e| StoreFailure(format!("{key} is not a valid {} record: {e}", R::PREFIX)))
}

#[cfg(test)]
mod tests {
    use super::super::MemoryKv;
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Note {
        text: String,
        until: Option<u64>,
    }

    impl Record for Note {
        const PREFIX: &'static str = "note";
        const TABLE: Table = Table::Expiring;
        fn expires(&self) -> Option<Time> {
            self.until.map(Time::from_secs)
        }
    }

    fn note(text: &str, until: Option<u64>) -> Note {
        Note { text: text.to_owned(), until }
    }

    fn ids(found: Vec<(String, Note)>) -> Vec<String> {
        found.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn reads_see_own_writes_and_nothing_is_stored_before_commit() {
        let mut kv = MemoryKv::default();
        let mut txn = Txn::begin(&mut kv);
        txn.put("a", &note("one", None)).unwrap();
        assert_eq!(txn.get::<Note>("a").unwrap(), Some(note("one", None)));
        drop(txn);
        assert_eq!(kv.rows().count(), 0);
    }

    #[test]
    fn commit_stores_and_returns_the_earliest_expiry() {
        let mut kv = MemoryKv::default();
        let mut txn = Txn::begin(&mut kv);
        txn.put("a", &note("one", Some(50))).unwrap();
        txn.put("b", &note("two", Some(40))).unwrap();
        assert_eq!(txn.commit().unwrap(), Committed { wake: Some(Time::from_secs(40)), only_deleted: false });
        assert_eq!(kv.rows().count(), 2);
        assert_eq!(kv.purge(Time::from_secs(40), Duration::from_secs(5)).unwrap(), Some(Time::from_secs(55)));
        assert_eq!(kv.rows().map(|(key, ..)| key.to_owned()).collect::<Vec<_>>(), ["note/a"]);
    }

    #[test]
    fn what_deletes_only_says_so() {
        let mut kv = MemoryKv::default();
        let mut txn = Txn::begin(&mut kv);
        txn.put("a", &note("one", None)).unwrap();
        txn.put("b", &note("two", None)).unwrap();
        assert!(!txn.commit().unwrap().only_deleted);
        assert!(!Txn::begin(&mut kv).commit().unwrap().only_deleted, "nothing was done");
        let mut txn = Txn::begin(&mut kv);
        txn.delete::<Note>("a");
        assert!(txn.commit().unwrap().only_deleted && !kv.is_empty().unwrap());
        let mut txn = Txn::begin(&mut kv);
        txn.delete::<Note>("b");
        txn.wake_at(Time::from_secs(1));
        assert!(!txn.commit().unwrap().only_deleted, "it asks for more");
        assert!(kv.is_empty().unwrap() && kv.is_database());
        kv.clear().unwrap();
        assert!(!kv.is_database());
    }

    #[test]
    fn rolling_back_keeps_what_came_before_the_mark() {
        let mut kv = MemoryKv::default();
        let mut txn = Txn::begin(&mut kv);
        txn.put("a", &note("one", None)).unwrap();
        let mark = txn.mark();
        txn.put("a", &note("changed", None)).unwrap();
        txn.put("b", &note("two", None)).unwrap();
        txn.roll_back_to(mark);
        txn.commit().unwrap();
        assert_eq!(kv.get(Note::TABLE, "note/a").unwrap().unwrap(), r#"{"text":"one","until":null}"#);
        assert_eq!(kv.get(Note::TABLE, "note/b").unwrap(), None);
    }

    #[test]
    fn lists_merge_stored_and_written_records() {
        let mut kv = MemoryKv::default();
        let mut txn = Txn::begin(&mut kv);
        for id in ["a", "c", "e", "g"] {
            txn.put(id, &note(id, None)).unwrap();
        }
        txn.commit().unwrap();
        let mut txn = Txn::begin(&mut kv);
        txn.delete::<Note>("a");
        txn.put("d", &note("d", None)).unwrap();
        assert_eq!(ids(txn.list(None, 3).unwrap()), ["c", "d", "e"]);
        assert_eq!(ids(txn.list(Some("d"), 9).unwrap()), ["e", "g"]);
    }

    #[test]
    fn a_failing_store_applies_nothing() {
        let mut kv = MemoryKv::default();
        kv.fail_after(0);
        let mut txn = Txn::begin(&mut kv);
        txn.put("a", &note("one", None)).unwrap();
        assert!(txn.commit().is_err());
        kv.heal();
        assert_eq!(kv.rows().count(), 0);
    }
}
