//! Failures on their way to their partition, in the memory of an isolate.
//!
//! What a failing client costs is bounded: equal failures are sent as one, few are queued, and an isolate sends about
//! once a second at most.

use crate::records::operations::failure::{FailureRecord, PausedRecord};
use crate::records::operations::limit::Limit;
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Maximum number of queued failures, and of queued pauses.
const MAX_QUEUED: usize = 50;

/// Limit of the sendings of an isolate.
const SENDINGS: Limit = Limit { count: 10, period: Duration::from_secs(10) };

/// Limit of the failures of an account or an address that are queued.
pub(in crate::ca) const PER_OWNER: Limit = Limit { count: 60, period: Duration::from_secs(3600) };

/// Limit of all failures that are queued without an account's signature.
///
/// They cost written rows, and no key is needed to cause them.
pub(in crate::ca) const WITHOUT_ACCOUNT: Limit = Limit { count: 120, period: Duration::from_secs(3600) };

/// A change of the paused names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PauseChange {
    /// The name is paused.
    Paused(PausedRecord),
    /// The name is not paused any more.
    Ended,
}

/// Queued failures and pauses, by the ids of their records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedFailures {
    /// The failures.
    pub failures: BTreeMap<String, FailureRecord>,
    /// The last change of each paused name.
    pub pauses: BTreeMap<String, PauseChange>,
    /// Number of failures that were dropped.
    pub omitted: u64,
}

/// The queue of an isolate.
#[derive(Clone, Debug, Default)]
pub struct FailureQueue {
    queued: RefCell<QueuedFailures>,
    /// The theoretical arrival time of the limit of sendings.
    sendings: Cell<Option<Time>>,
}

impl QueuedFailures {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, id: String, record: FailureRecord) {
        let has_room = self.failures.len() < MAX_QUEUED;
        match self.failures.get_mut(&id) {
            Some(found) => found.add(record),
            None if has_room => drop(self.failures.insert(id, record)),
            None => self.omitted = self.omitted.saturating_add(record.count),
        }
    }
}

impl FailureQueue {
    /// Queues a failure. One that cannot be queued is only counted.
    pub fn push(&self, record: FailureRecord, allowed: impl FnOnce(&str) -> bool) {
        let id = record.failure.id();
        let mut queued = self.queued.borrow_mut();
        if queued.failures.contains_key(&id) || allowed(&record.failure.owner()) {
            queued.add(id, record);
        } else {
            queued.omitted = queued.omitted.saturating_add(1);
        }
    }

    /// Queues the change of a paused name.
    pub fn change_pause(&self, account: &Id, subject: &str, change: PauseChange) {
        let pauses = &mut self.queued.borrow_mut().pauses;
        let id = PausedRecord::id_of(account, subject);
        if pauses.len() < MAX_QUEUED || pauses.contains_key(&id) {
            pauses.insert(id, change);
        }
    }

    /// Whether failures are due to be sent. After `true` the caller must send them.
    pub fn is_due(&self, now: Time) -> bool {
        if self.queued.borrow().is_empty() {
            return false;
        }
        let next = SENDINGS.take(self.sendings.get(), now);
        if let Ok(tat) = next {
            self.sendings.set(Some(tat));
        }
        next.is_ok()
    }

    /// Takes all, to send them.
    pub fn take(&self) -> QueuedFailures {
        self.queued.take()
    }

    /// Puts back what could not be sent. A later change of a pause remains.
    pub fn put_back(&self, unsent: QueuedFailures) {
        let mut queued = self.queued.borrow_mut();
        queued.omitted = queued.omitted.saturating_add(unsent.omitted);
        for (id, record) in unsent.failures {
            queued.add(id, record);
        }
        for (id, change) in unsent.pauses {
            if queued.pauses.len() < MAX_QUEUED {
                queued.pauses.entry(id).or_insert(change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::operations::failure::{Failure, Origin};
    use crate::records::{Kind, Problem};

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn record(name: &str) -> FailureRecord {
        let problem = Problem::new(Kind::RateLimited, "no");
        let failure = Failure::new(Origin::Account, "new-order", &problem, str::to_owned);
        FailureRecord::of(failure.about_texts([name].into_iter()), NOW)
    }

    #[test]
    fn equal_failures_are_sent_as_one_and_few_are_kept() {
        let queue = FailureQueue::default();
        assert!(!queue.is_due(NOW));
        for _ in 0..3 {
            queue.push(record("a.test"), |_| true);
        }
        queue.push(record("b.test"), |_| false);
        let sent = queue.take();
        assert_eq!((sent.failures.len(), sent.omitted), (1, 1));
        assert_eq!(sent.failures.values().next().unwrap().count, 3);
        for n in 0..500 {
            queue.push(record(&format!("n{n}.test")), |_| true);
        }
        queue.put_back(sent);
        let all = queue.take();
        assert_eq!((all.failures.len(), all.omitted), (MAX_QUEUED, 454));
        assert!(queue.take().is_empty());
    }

    #[test]
    fn an_isolate_sends_once_a_second_after_a_burst() {
        let queue = FailureQueue::default();
        let sent = (0..600_u64).filter(|n| {
            queue.push(record("a.test"), |_| true);
            queue.is_due(NOW.plus(Duration::from_millis(100 * n)))
        });
        assert!((60..=70).contains(&sent.count()));
    }

    #[test]
    fn a_later_change_of_a_pause_remains() {
        let (queue, account) = (FailureQueue::default(), Id::from_random([1; 16]));
        let subject = "dns:a.test".to_owned();
        let paused =
            PausedRecord { account: account.clone(), external_account: None, subject, since: NOW, streak: 200 };
        queue.change_pause(&account, "dns:a.test", PauseChange::Paused(paused));
        let unsent = queue.take();
        queue.change_pause(&account, "dns:a.test", PauseChange::Ended);
        queue.put_back(unsent);
        assert_eq!(queue.take().pauses.into_values().collect::<Vec<_>>(), [PauseChange::Ended]);
    }
}
