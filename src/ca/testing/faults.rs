//! Faults of the host's steps.

use super::operations::{Injected, Operations};
use crate::ca::account::activity::ActivityRecord;
use crate::records::acme::redeemed::{RedeemedNonces, RedeemedSeries};
use crate::records::operations::restore::RestoreRecord;
use crate::store::{Key, Kv, MemoryKv, Record, StoreFailure, StoredRow, Table, Write};
use crate::values::Time;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Counts the steps of one kind and fails the chosen ones.
#[derive(Clone, Debug, Default)]
pub struct Fault {
    count: Cell<u64>,
    from: Cell<u64>,
    until: Cell<u64>,
}

impl Fault {
    /// Fails the `n`-th step from now (the next is 0), and no other.
    pub fn once(&self, n: u64) {
        self.span(n, n + 1);
    }

    /// Fails the `n`-th step from now, and all after it until [`Fault::heal`].
    pub fn from(&self, n: u64) {
        self.span(n, u64::MAX);
    }

    fn span(&self, from: u64, until: u64) {
        self.count.set(0);
        self.from.set(from);
        self.until.set(until);
    }

    /// Ends the faults and counts from 0.
    pub fn heal(&self) {
        self.span(0, 0);
    }

    /// Number of steps since the last switch.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Counts a step; `true` if it has to fail.
    pub fn strikes(&self) -> bool {
        let n = self.count.get();
        self.count.set(n + 1);
        (self.from.get()..self.until.get()).contains(&n)
    }
}

/// A handle to a partition's storage. All handles see the same rows, and share faults with the whole world.
#[derive(Clone, Debug)]
pub struct SharedKv {
    name: Rc<str>,
    rows: Rc<RefCell<MemoryKv>>,
    fault: Rc<Fault>,
    operations: Rc<Operations>,
}

impl SharedKv {
    /// The storage of this partition with these rows.
    pub fn new(name: &str, rows: MemoryKv, fault: Rc<Fault>, operations: Rc<Operations>) -> Self {
        Self { name: name.into(), rows: Rc::new(RefCell::new(rows)), fault, operations }
    }

    /// A copy of the rows.
    pub fn copy(&self) -> MemoryKv {
        self.rows.borrow().clone()
    }

    /// Replaces all rows, as the platform does at a bookmark.
    pub fn replace(&self, rows: MemoryKv) {
        self.rows.replace(rows);
    }

    /// Looks at the rows, without faults.
    pub fn look<T>(&self, at: impl FnOnce(&MemoryKv) -> T) -> T {
        at(&self.rows.borrow())
    }

    /// Writes or deletes a row behind the CA's back, without faults.
    pub fn plant(&self, key: &str, write: Write) {
        let key = Key { table: Table::Expiring, name: key.to_owned() };
        self.rows.borrow_mut().apply(vec![(key, write)], None).expect("a map takes everything");
    }

    /// Replaces the values of rows behind the CA's back, without faults.
    pub fn alter(&self, change: impl Fn(&str, &str) -> String) {
        self.rows.borrow_mut().alter(change);
    }

    fn operate<T>(
        &self,
        what: &str,
        act: impl FnOnce(&mut MemoryKv) -> Result<T, StoreFailure>,
    ) -> Result<T, StoreFailure> {
        if self.fault.strikes() {
            return Err(StoreFailure::Failed(format!("injected fault at {what}")));
        }
        let underway =
            self.operations.begin(what, Some(&*self.name)).map_err(|Injected(why)| StoreFailure::Failed(why))?;
        let done = act(&mut self.rows.borrow_mut());
        underway.done();
        done
    }

    /// Notes redemptions that overwrite another: a nonce accepted twice.
    fn watch(&self, writes: &[(Key, Write)]) {
        if writes.iter().any(|(key, _)| key.name == RestoreRecord::PREFIX) {
            // A restore may import a row twice.
            return;
        }
        for (key, write) in writes {
            let Write::Put { value, .. } = write else { continue };
            let stored = || self.rows.borrow().get(key.table, &key.name).ok().flatten();
            let grows = match key.name.as_str() {
                RedeemedNonces::PREFIX => redeems(&read(stored().as_deref()), &read(Some(value))),
                ActivityRecord::PREFIX => changes(&read(stored().as_deref()), &read(Some(value))),
                _ => true,
            };
            if !grows {
                self.operations.accepted_twice.borrow_mut().push(format!("{} {}", self.name, key.name));
            }
        }
    }
}

fn read<R: Record + Default>(row: Option<&str>) -> R {
    row.map(|row| serde_json::from_str(row).expect("a row that fits")).unwrap_or_default()
}

/// Whether a write redeems a nonce, or refuses all of before, as a restore does.
fn redeems(before: &RedeemedNonces, after: &RedeemedNonces) -> bool {
    // A clock that went back lowers the floor, to that of nonces issued now.
    let refuses = after.floor != before.floor && after.series == before.series;
    refuses
        || after.series.iter().any(|series| {
            let mut known = before.series.iter().filter(|known| known.id == series.id);
            series.count() > known.next().map_or(0, RedeemedSeries::count)
        })
}

/// Whether a write of an account's activity redeems a nonce, or changes something else.
///
/// In the second case, the request may have a nonce of a shard.
fn changes(before: &ActivityRecord, after: &ActivityRecord) -> bool {
    let others = |row: &ActivityRecord| (row.begun.clone(), row.new_orders, row.placed.clone());
    redeems(&before.nonces, &after.nonces) || others(before) != others(after)
}

impl Kv for SharedKv {
    fn get(&self, table: Table, key: &str) -> Result<Option<String>, StoreFailure> {
        self.operate("get", |rows| rows.get(table, key))
    }

    fn list(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, String)>, StoreFailure> {
        self.operate("list", |rows| rows.list(table, prefix, after, limit))
    }

    fn row(&self, key: &Key) -> Result<Option<StoredRow>, StoreFailure> {
        self.operate("row", |rows| rows.row(key))
    }

    fn scan(
        &self,
        table: Table,
        after: Option<&str>,
        rows: usize,
        octets: usize,
    ) -> Result<Vec<StoredRow>, StoreFailure> {
        self.operate("scan", |kv| kv.scan(table, after, rows, octets))
    }

    fn apply(&mut self, writes: Vec<(Key, Write)>, purge: Option<Time>) -> Result<(), StoreFailure> {
        self.watch(&writes);
        self.operate("apply", |rows| rows.apply(writes, purge))
    }

    fn purge(&mut self, now: Time, slack: Duration) -> Result<Option<Time>, StoreFailure> {
        self.operate("purge", |rows| rows.purge(now, slack))
    }

    fn size(&self) -> u64 {
        self.rows.borrow().size()
    }

    fn schema(&self) -> Result<Option<u32>, StoreFailure> {
        self.operate("schema", |rows| rows.schema())
    }

    fn set_schema(&mut self, number: u32) -> Result<(), StoreFailure> {
        self.operate("set_schema", |rows| rows.set_schema(number))
    }

    fn is_empty(&self) -> Result<bool, StoreFailure> {
        self.operate("is_empty", |rows| rows.is_empty())
    }

    fn clear(&mut self) -> Result<(), StoreFailure> {
        self.operate("clear", MemoryKv::clear)
    }
}
