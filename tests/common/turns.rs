//! Groups of concurrent tests: tests of time or memory run apart from all others.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

/// Running tests of one group, and those that wait, in their order.
struct Turns {
    group: &'static str,
    running: usize,
    waiting: VecDeque<u64>,
    next: u64,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { group: "", running: 0, waiting: VecDeque::new(), next: 0 });
static CHANGED: Condvar = Condvar::new();

/// A place among the running tests, given back when dropped.
struct Turn(&'static str);

impl Turn {
    /// Waits until no test of another group runs. First come, first served: no group starves.
    fn take(group: &'static str) -> Self {
        let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = turns.next;
        turns.next += 1;
        turns.waiting.push_back(ticket);
        while turns.waiting.front() != Some(&ticket) || (turns.running > 0 && turns.group != group) {
            turns = CHANGED.wait(turns).unwrap_or_else(PoisonError::into_inner);
        }
        turns.waiting.pop_front();
        turns.group = group;
        turns.running += 1;
        CHANGED.notify_all();
        Self(group)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURNS.lock().unwrap_or_else(PoisonError::into_inner).running -= 1;
        CHANGED.notify_all();
    }
}

thread_local! {
    /// The turn of the test on this thread, until the thread ends.
    static MINE: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// Has the test on this thread run beside others. A test that has a turn keeps it.
pub fn beside_others() {
    MINE.with_borrow_mut(|mine| {
        mine.get_or_insert_with(|| Turn::take(""));
    });
}

/// Has the test on this thread run beside tests of this group only.
pub fn apart(group: &'static str) {
    MINE.with_borrow_mut(|mine| {
        if mine.as_ref().is_none_or(|turn| turn.0 != group) {
            drop(mine.take());
            *mine = Some(Turn::take(group));
        }
    });
}
