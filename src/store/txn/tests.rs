//! Tests of transactions over storage in memory.

use super::*;
use crate::store::{MemoryKv, POOL_SIZE};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
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

/// A record that shares the row `of/{first letter}`.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Part(Option<u64>);

impl Record for Part {
    const PREFIX: &'static str = "of";
    const TABLE: Table = Table::Expiring;
    const LAYOUT: Layout = Layout::Shared;
    fn row(id: &str) -> String {
        format!("of/{}", &id[..1])
    }
    fn expires(&self) -> Option<Time> {
        self.0.map(Time::from_secs)
    }
}

/// A record of the pool.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Small(u64);

impl Record for Small {
    const PREFIX: &'static str = "small";
    const TABLE: Table = Table::Expiring;
    const LAYOUT: Layout = Layout::Pooled;
    fn row(id: &str) -> String {
        crate::store::pooled_row(id)
    }
    fn expires(&self) -> Option<Time> {
        Some(Time::from_secs(self.0))
    }
}

fn keys(kv: &MemoryKv) -> Vec<(String, Option<Time>)> {
    kv.rows().map(|(key, _, expires)| (key.to_owned(), expires)).collect()
}

/// Runs one transaction at a time of seconds.
fn transact<T>(kv: &mut MemoryKv, now: u64, act: impl FnOnce(&mut Txn<'_, MemoryKv>) -> T) -> T {
    let mut txn = Txn::begin(kv);
    txn.at(Time::from_secs(now));
    let value = act(&mut txn);
    txn.commit().unwrap();
    value
}

#[test]
fn records_share_a_row_that_expires_with_the_last() {
    let mut kv = MemoryKv::default();
    transact(&mut kv, 0, |txn| {
        txn.put("a", &Part(Some(5))).unwrap();
        txn.put("a1", &Part(Some(9))).unwrap();
        txn.put("b", &Part(None)).unwrap();
        txn.put("b1", &Part(Some(1))).unwrap();
        assert_eq!(txn.get::<Part>("a1").unwrap(), Some(Part(Some(9))));
    });
    assert_eq!(keys(&kv), [("of/a".to_owned(), Some(Time::from_secs(9))), ("of/b".to_owned(), None)]);
    assert_eq!(kv.rows_written(), 3, "two, and the time of the purge");
    transact(&mut kv, 0, |txn| {
        assert_eq!(txn.get::<Part>("a").unwrap(), Some(Part(Some(5))));
        assert!(txn.has::<Part>("a1").unwrap() && !txn.has::<Part>("a2").unwrap() && !txn.has::<Part>("c").unwrap());
        txn.delete::<Part>("a1");
        assert!(!txn.has::<Part>("a1").unwrap());
        txn.put("a", &Part(Some(6))).unwrap();
        txn.delete::<Part>("c");
        // Only those that name a row are listed.
        let listed = txn.list::<Part>(None, 9).unwrap();
        assert_eq!(listed, [("a".to_owned(), Part(Some(6))), ("b".to_owned(), Part(None))]);
    });
    assert_eq!(keys(&kv)[0], ("of/a".to_owned(), Some(Time::from_secs(6))));
    transact(&mut kv, 0, |txn| txn.delete::<Part>("a"));
    assert_eq!(keys(&kv), [("of/b".to_owned(), None)], "a row goes with its last record");
}

#[test]
fn small_records_are_pooled_while_there_is_room() {
    let mut kv = MemoryKv::default();
    let end = |n: usize| Small(if n == 0 { 10 } else { 50 });
    for n in 0..POOL_SIZE {
        transact(&mut kv, 0, |txn| txn.put(&n.to_string(), &end(n)).unwrap());
    }
    assert_eq!(keys(&kv).len(), 1);
    transact(&mut kv, 0, |txn| txn.put("more", &Small(60)).unwrap());
    assert_eq!(keys(&kv).iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["pool", "pooled/more"]);
    // One has expired: there is room again, but not for what has a row already.
    transact(&mut kv, 11, |txn| {
        txn.put("more", &Small(61)).unwrap();
        txn.put("next", &Small(70)).unwrap();
        txn.put("last", &Small(70)).unwrap();
    });
    let rows: Vec<String> = keys(&kv).into_iter().map(|(key, _)| key).collect();
    assert!(rows.len() == 3 && rows.contains(&"pooled/more".to_owned()), "{rows:?}");
    transact(&mut kv, 11, |txn| {
        assert_eq!(txn.get::<Small>("0").unwrap(), None, "what has expired made room");
        let found = ["1", "more", "next", "last"].map(|id| txn.get::<Small>(id).unwrap().map(|small| small.0));
        assert_eq!(found, [Some(50), Some(61), Some(70), Some(70)]);
        ["more", "next", "last"].into_iter().for_each(|id| txn.delete::<Small>(id));
        assert_eq!(txn.get::<Small>("next").unwrap(), None);
    });
    assert_eq!(keys(&kv), [("pool".to_owned(), Some(Time::from_secs(50)))]);
}

#[test]
fn what_is_rolled_back_changes_no_shared_row() {
    let mut kv = MemoryKv::default();
    transact(&mut kv, 0, |txn| txn.put("a", &Part(Some(5))).unwrap());
    transact(&mut kv, 0, |txn| {
        txn.put("a1", &Part(Some(7))).unwrap();
        let mark = txn.mark();
        txn.put("a", &Part(Some(99))).unwrap();
        txn.put("1", &Small(99)).unwrap();
        txn.roll_back_to(mark);
    });
    assert_eq!(keys(&kv), [("of/a".to_owned(), Some(Time::from_secs(7)))]);
}

#[test]
fn damaged_shared_row_is_a_failure_and_stays() {
    for text in ["{}", "[]", "{\"records\":{\"of/a\":{}}}"] {
        let mut kv = MemoryKv::default();
        let write = Write::Put { value: text.to_owned(), expires: None };
        kv.apply(vec![(Key { table: Table::Expiring, name: "of/a".to_owned() }, write)], None).unwrap();
        let mut txn = Txn::begin(&mut kv);
        assert!(txn.get::<Part>("a").is_err(), "{text}");
        assert!(txn.put("a1", &Part(None)).is_err(), "{text}");
        drop(txn);
        assert_eq!(kv.rows().map(|(_, value, _)| value).collect::<Vec<_>>(), [text]);
    }
}
