//! Switches that make a step of the host fail.

use crate::store::{Kv, MemoryKv, StoreFailure, Write};
use crate::values::Time;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Counts the steps of one kind and fails those that it was told to.
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

    /// Lets steps succeed again, and counts from 0.
    pub fn heal(&self) {
        self.span(0, 0);
    }

    /// How many steps there were since the last switch.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Counts a step. `true` when it has to fail.
    pub fn strikes(&self) -> bool {
        let n = self.count.get();
        self.count.set(n + 1);
        (self.from.get()..self.until.get()).contains(&n)
    }
}

/// A handle to a partition's storage; all handles see the same rows and share one fault.
#[derive(Clone, Debug)]
pub struct SharedKv {
    rows: Rc<RefCell<MemoryKv>>,
    fault: Rc<Fault>,
}

impl SharedKv {
    /// Storage with these rows.
    pub fn new(rows: MemoryKv, fault: Rc<Fault>) -> Self {
        Self { rows: Rc::new(RefCell::new(rows)), fault }
    }

    /// A copy of what is stored.
    pub fn copy(&self) -> MemoryKv {
        self.rows.borrow().clone()
    }

    fn operate(&self, what: &str) -> Result<(), StoreFailure> {
        if self.fault.strikes() { Err(StoreFailure(format!("injected fault at {what}"))) } else { Ok(()) }
    }
}

impl Kv for SharedKv {
    fn get(&self, key: &str) -> Result<Option<String>, StoreFailure> {
        self.operate("get")?;
        self.rows.borrow().get(key)
    }

    fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<(String, String)>, StoreFailure> {
        self.operate("list")?;
        self.rows.borrow().list(prefix, after, limit)
    }

    fn apply(&mut self, writes: Vec<(String, Write)>) -> Result<(), StoreFailure> {
        self.operate("apply")?;
        self.rows.borrow_mut().apply(writes)
    }

    fn purge(&mut self, now: Time) -> Result<Option<Time>, StoreFailure> {
        self.operate("purge")?;
        self.rows.borrow_mut().purge(now)
    }
}
