//! The time for which an isolate knows that no fault is on.

use crate::values::Time;
use core::time::Duration;
use std::cell::Cell;

/// How long an isolate relies on it, as promised in docs/TESTING-WITH-SELVEDGE.md.
const AGE: Duration = Duration::from_secs(1);

/// When an isolate last found that no fault is on.
#[derive(Clone, Debug, Default)]
pub struct Faultless {
    since: Cell<Option<Time>>,
    changes: Cell<u64>,
}

/// A question for the faults that are on, before its answer.
#[derive(Clone, Copy, Debug)]
pub struct Asked(u64);

impl Faultless {
    /// Begins a question, unless no fault was on less than a second ago.
    pub fn ask(&self, now: Time) -> Option<Asked> {
        let recent = self.since.get().is_some_and(|since| since.is_within(AGE, now));
        (!recent).then(|| Asked(self.changes.get()))
    }

    /// Keeps the answer that no fault is on, unless one was added since the question.
    pub fn keep(&self, asked: Asked, now: Time) {
        if asked.0 == self.changes.get() {
            self.since.set(Some(now));
        }
    }

    /// Forgets the answer: a fault was added.
    pub fn forget(&self) {
        self.changes.set(self.changes.get().wrapping_add(1));
        self.since.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    #[test]
    fn answer_is_kept_for_a_second_and_until_a_fault_is_added() {
        let faultless = Faultless::default();
        faultless.keep(faultless.ask(NOW).unwrap(), NOW);
        assert!(faultless.ask(NOW.plus(Duration::from_millis(999))).is_none());
        assert!(faultless.ask(NOW.plus(AGE)).is_some());
        assert!(faultless.ask(Time::from_secs(NOW.secs() - 1)).is_some(), "the clock went back");
        faultless.forget();
        assert!(faultless.ask(NOW).is_some());
    }

    #[test]
    fn answer_from_before_a_new_fault_is_not_kept() {
        let faultless = Faultless::default();
        let asked = faultless.ask(NOW).unwrap();
        faultless.forget();
        faultless.keep(asked, NOW);
        assert!(faultless.ask(NOW).is_some());
    }
}
