//! The rows that were written while copies of a partition are under way.
//!
//! They are kept in memory, and lost with the partition: a copy then starts over. Keys of a page are kept until the next page
//! is asked for, because its reply may be lost.

use crate::store::{Key, Write};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Maximum number of copies at once; one more ends the oldest.
const MAX_WATCHES: usize = 3;

/// Maximum number of keys of a watch: some megabytes.
const MAX_KEYS: usize = 20_000;

/// A copy under way.
#[derive(Debug)]
struct Watch {
    copy: String,
    /// Number of the next page.
    page: u64,
    /// The keys noted since the begin, without those of earlier pages.
    noted: BTreeSet<Key>,
    /// The noted keys of the last page.
    taken: BTreeSet<Key>,
}

/// The watches of a partition, the oldest first.
#[derive(Debug, Default)]
pub struct Watches(RefCell<Vec<Watch>>);

impl Watches {
    /// Begins a watch.
    pub fn begin(&self, copy: &str) {
        let mut all = self.0.borrow_mut();
        all.push(Watch { copy: copy.to_owned(), page: 1, noted: BTreeSet::new(), taken: BTreeSet::new() });
        let excess = all.len().saturating_sub(MAX_WATCHES);
        all.drain(..excess);
    }

    /// Ends a watch.
    pub fn end(&self, copy: &str) {
        self.0.borrow_mut().retain(|watch| watch.copy != copy);
    }

    /// Turns to a page: the next one, or the last one again. Returns whether the copy has it.
    pub fn turn(&self, copy: &str, page: u64) -> bool {
        let mut all = self.0.borrow_mut();
        let Some(watch) = all.iter_mut().find(|watch| watch.copy == copy) else { return false };
        if page == watch.page {
            watch.taken.clear();
            watch.page = watch.page.saturating_add(1);
            return true;
        }
        watch.noted.append(&mut watch.taken);
        page.checked_add(1) == Some(watch.page)
    }

    /// Notes the rows that are about to be written. A watch with too many ends.
    pub fn note(&self, writes: &[(Key, Write)]) {
        let mut all = self.0.borrow_mut();
        for watch in all.iter_mut() {
            watch.noted.extend(writes.iter().map(|(key, _)| key.clone()));
        }
        all.retain(|watch| watch.noted.len() <= MAX_KEYS);
    }

    /// Takes the first noted key of a copy; `None` if none is left.
    pub fn take(&self, copy: &str) -> Option<Key> {
        let mut all = self.0.borrow_mut();
        let watch = all.iter_mut().find(|watch| watch.copy == copy)?;
        let key = watch.noted.pop_first()?;
        watch.taken.insert(key.clone());
        Some(key)
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
        assert!(!watches.turn("a", 1));
    }

    #[test]
    fn keys_of_a_page_are_taken_again_when_it_is_repeated() {
        let watches = Watches::default();
        watches.begin("a");
        watches.note(&writes(1..3));
        assert!(watches.turn("a", 1));
        assert_eq!(watches.take("a").unwrap().name, "000001");
        assert!(watches.turn("a", 1), "its reply was lost");
        assert_eq!(watches.take("a").unwrap().name, "000001");
        assert!(watches.turn("a", 2));
        assert_eq!(watches.take("a").unwrap().name, "000002");
        assert!(!watches.turn("a", 1), "an earlier page is gone");
    }

    #[test]
    fn watches_are_bounded() {
        let watches = Watches::default();
        ["a", "b", "c", "d"].iter().for_each(|copy| watches.begin(copy));
        assert!(!watches.turn("a", 1) && watches.turn("b", 1), "the oldest ends");
        watches.note(&writes(0..MAX_KEYS));
        assert!(watches.turn("d", 1));
        watches.note(&writes(MAX_KEYS..MAX_KEYS + 1));
        assert!(!watches.turn("d", 2), "one with too many keys ends");
    }
}
