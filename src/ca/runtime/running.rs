//! The runs of jobs without a record of their own.
//!
//! They are kept in memory, and lost with the partition.

use super::watches::Watches;
use crate::records::ledger::log_tail::LogTail;
use crate::values::Time;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Lease of a claimed job. Longer than any job takes: a validation has 20 seconds, and the CAA lookup after it another
/// 20.
pub const LEASE: Duration = Duration::from_secs(45);

/// Longest time of an alarm: the platform ends it after a quarter of an hour.
const ALARM: Duration = Duration::from_secs(15 * 60);

/// The runs that requests of a partition began, and its copies.
#[derive(Debug, Default)]
pub struct Running {
    /// When each began, by the job's name.
    begun: RefCell<BTreeMap<String, Time>>,
    /// The number of alarms that run.
    alarms: Cell<u32>,
    /// When the last one began.
    alarm_begun: Cell<Option<Time>>,
    /// Whether a run failed, so that its job may have no run.
    failed: Cell<bool>,
    /// The rows that are written during copies.
    pub watches: Watches,
    /// Whether a backup is being restored into the partition.
    pub restoring: Cell<bool>,
    /// Whether the test CA of the partition has ended.
    pub ended: Cell<bool>,
    /// Whether the test CA of the partition knows it.
    pub joined: Cell<bool>,
    /// The schema number of the partition, if it is newer than this release reads.
    pub newer: Cell<Option<u32>>,
    /// The end of the open log of a ledger, after its last transaction.
    pub log: RefCell<Option<LogTail>>,
}

/// An alarm that runs, until it is dropped.
#[derive(Debug)]
pub struct RunningAlarm<'a>(&'a Running);

impl Drop for RunningAlarm<'_> {
    fn drop(&mut self) {
        self.0.alarms.set(self.0.alarms.get().saturating_sub(1));
    }
}

impl Running {
    /// Notes that an alarm runs, until what this returns is dropped.
    pub fn alarm(&self, now: Time) -> RunningAlarm<'_> {
        self.alarms.set(self.alarms.get().saturating_add(1));
        self.alarm_begun.set(Some(now));
        RunningAlarm(self)
    }

    /// Whether an alarm or a job runs, which may write yet.
    pub fn is_at_work(&self, now: Time) -> bool {
        let alarm = self.alarm_begun.get().is_some_and(|begun| begun.is_within(ALARM, now));
        (alarm && self.alarms.get() > 0) || self.begun.borrow().values().any(|begun| Self::may_go_on(*begun, now))
    }

    /// Notes that a run begins.
    pub fn begin(&self, name: String, now: Time) {
        self.begun.borrow_mut().insert(name, now);
    }

    /// Notes that a run ended. After a failure its job may be unfinished.
    pub fn end(&self, name: &str, failed: bool) {
        self.begun.borrow_mut().remove(name);
        self.failed.set(self.failed.get() || failed);
    }

    /// Notes that runs were cut off: those of before a restore.
    pub fn interrupt(&self) {
        self.failed.set(true);
    }

    /// Whether a run that began then may go on. One in the future began before the clock went back.
    fn may_go_on(begun: Time, now: Time) -> bool {
        begun <= now.plus(LEASE) && now < begun.plus(LEASE)
    }

    /// Whether a run of this job goes on. The platform cuts a run off when its client leaves: no run outlasts a lease.
    pub fn has(&self, name: &str, now: Time) -> bool {
        self.begun.borrow().get(name).is_some_and(|begun| Self::may_go_on(*begun, now))
    }

    /// Whether a run failed or was cut off since [`Running::settle`].
    pub fn is_interrupted(&self, now: Time) -> bool {
        self.failed.get() || self.begun.borrow().values().any(|begun| !Self::may_go_on(*begun, now))
    }

    /// Forgets failed runs and those that were cut off.
    pub fn settle(&self, now: Time) {
        self.failed.set(false);
        self.begun.borrow_mut().retain(|_, begun| Self::may_go_on(*begun, now));
    }
}
