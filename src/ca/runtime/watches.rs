//! The rows that were written while copies of a partition are under way.
//!
//! They are kept in memory, and lost with the partition: a copy then starts over.

use crate::store::{Key, Write};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Maximum number of copies at once; one more ends the oldest.
const MAX_WATCHES: usize = 3;

/// Maximum number of keys of a watch: some megabytes.
const MAX_KEYS: usize = 20_000;

/// The watches of a partition, by the ids of the copies, the oldest first.
#[derive(Debug, Default)]
pub struct Watches(RefCell<Vec<(String, BTreeSet<Key>)>>);

impl Watches {
    /// Begins a watch.
    pub fn begin(&self, copy: &str) {
        let mut all = self.0.borrow_mut();
        all.push((copy.to_owned(), BTreeSet::new()));
        let excess = all.len().saturating_sub(MAX_WATCHES);
        all.drain(..excess);
    }

    /// Ends a watch.
    pub fn end(&self, copy: &str) {
        self.0.borrow_mut().retain(|(id, _)| id != copy);
    }

    /// Whether there is a watch of this copy.
    pub fn has(&self, copy: &str) -> bool {
        self.0.borrow().iter().any(|(id, _)| id == copy)
    }

    /// Notes the rows that are about to be written. A watch with too many ends.
    pub fn note(&self, writes: &[(Key, Write)]) {
        let mut all = self.0.borrow_mut();
        for (_, keys) in all.iter_mut() {
            keys.extend(writes.iter().map(|(key, _)| key.clone()));
        }
        all.retain(|(_, keys)| keys.len() <= MAX_KEYS);
    }

    /// Takes the first noted key of a copy; `None` if none is left.
    pub fn take(&self, copy: &str) -> Option<Key> {
        let mut all = self.0.borrow_mut();
        all.iter_mut().find(|(id, _)| id == copy).and_then(|(_, keys)| keys.pop_first())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Table;

    fn writes(range: core::ops::Range<usize>) -> Vec<(Key, Write)> {
        range.map(|n| (Key { table: Table::Expiring, name: format!("{n:06}") }, Write::Delete)).collect()
    }

    #[test]
    fn noted_keys_are_taken_once_each() {
        let watches = Watches::default();
        watches.note(&writes(0..1));
        watches.begin("a");
        watches.note(&writes(1..3));
        watches.note(&writes(2..3));
        let taken: Vec<_> = std::iter::from_fn(|| watches.take("a")).map(|key| key.name).collect();
        assert_eq!(taken, ["000001", "000002"]);
        watches.note(&writes(1..2));
        assert!(watches.take("a").is_some() && watches.take("a").is_none());
        watches.end("a");
        assert!(!watches.has("a"));
    }

    #[test]
    fn watches_are_bounded() {
        let watches = Watches::default();
        ["a", "b", "c", "d"].iter().for_each(|copy| watches.begin(copy));
        assert!(!watches.has("a") && watches.has("b"), "the oldest ends");
        watches.note(&writes(0..MAX_KEYS));
        assert!(watches.has("d"));
        watches.note(&writes(MAX_KEYS..MAX_KEYS + 1));
        assert!(!watches.has("d"), "one with too many keys ends");
    }
}
