//! Bookmarks of a world's partitions, as the platform's point-in-time recovery has them.

use super::world::World;
use crate::store::MemoryKv;
use crate::values::Time;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Copies of partitions by their names, or by those of bookmarks.
type Copies = BTreeMap<String, MemoryKv>;

/// Copies of partitions by time, and those that were named.
#[derive(Clone, Debug, Default)]
pub(super) struct Bookmarks {
    /// Copies of all partitions; `None` on a platform without bookmarks.
    past: RefCell<Option<Vec<(Time, Copies)>>>,
    named: RefCell<Copies>,
    count: Cell<u64>,
}

impl World {
    /// Keeps a copy of all partitions, as the platform does all the time.
    pub fn keep_bookmark(&self) {
        let partitions = self.state.partitions.borrow();
        let copies = partitions.iter().map(|(name, rows)| (name.clone(), rows.copy())).collect();
        self.state.platform.bookmarks.past.borrow_mut().get_or_insert_default().push((self.now(), copies));
    }

    pub(super) fn bookmark(&self, partition: &str, at: Option<Time>) -> Result<String, String> {
        let bookmarks = &self.state.platform.bookmarks;
        let past = bookmarks.past.borrow();
        let Some(past) = past.as_ref() else { return Err("this storage has no bookmarks".to_owned()) };
        let rows = match at {
            None => self.storage(partition).copy(),
            Some(at) => {
                let found = past.iter().rev().find(|(kept, _)| *kept <= at).ok_or("the time is too long ago")?;
                found.1.get(partition).cloned().unwrap_or_default()
            }
        };
        let number = bookmarks.count.get() + 1;
        bookmarks.count.set(number);
        let name = format!("bookmark-{number}");
        bookmarks.named.borrow_mut().insert(name.clone(), rows);
        Ok(name)
    }

    pub(super) fn go_to(&self, partition: &str, bookmark: &str) -> Result<(), String> {
        let rows =
            self.state.platform.bookmarks.named.borrow().get(bookmark).cloned().ok_or("there is no such bookmark")?;
        self.storage(partition).replace(rows);
        // Its memory ends; alarms are not restored.
        self.state.running.borrow_mut().remove(partition);
        self.state.lost.borrow_mut().insert(partition.to_owned());
        Ok(())
    }
}
