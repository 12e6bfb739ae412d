//! Pruning of a ledger: when certificates that expired long ago are deleted.

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Interval between runs.
pub const INTERVAL: Duration = Duration::from_secs(7 * 86_400);

/// Default time for which expired certificates are kept, in days.
///
/// Two years, for which the Baseline Requirements (5.4.3) keep records.
pub const KEEP_DAYS: u32 = 730;

/// Least time for which they are kept, in days. CRLs and clients have long done with them.
pub const MIN_KEEP_DAYS: u32 = 30;

/// Longest time for which they are kept, in days: a century.
pub const MAX_KEEP_DAYS: u32 = 36_500;

/// State of a ledger's pruning, stored as `prune`.
///
/// A run deletes only what was to be deleted at the run before, a week earlier. So a clock that leaps ahead for less than a
/// week deletes nothing too early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRecord {
    /// Beginning of the last run.
    pub seen: Time,
    /// Time of the next run, or of the next step.
    pub due: Time,
    /// The run under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<PruneRun>,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneRun {
    /// Certificates that expired before this time are deleted.
    pub before: Time,
    /// Serial number of the last certificate that was compared; empty at the beginning.
    pub after: String,
    /// Number of certificates deleted so far.
    pub deleted: u64,
}

impl Record for PruneRecord {
    const PREFIX: &'static str = "prune";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl PruneRecord {
    /// The state before the first run, which is due after an interval.
    pub fn new(now: Time) -> Self {
        Self { seen: now, due: now.plus(INTERVAL), run: None }
    }

    /// The state at `now`: with a run under way if one is due.
    ///
    /// If the clock went back, the time of the last run is unknown, and an interval begins anew.
    #[must_use]
    pub fn at(self, now: Time, keep: Duration) -> Self {
        match self.run {
            Some(_) if self.seen <= now => Self { due: self.due.min(now.plus(INTERVAL)), ..self },
            Some(_) => Self { seen: now, due: now, ..self },
            None if self.seen > now || self.due > now.plus(INTERVAL) => Self::new(now),
            None if self.due > now => self,
            None => {
                let run = PruneRun { before: self.seen.minus(keep), after: String::new(), deleted: 0 };
                Self { seen: now, due: now, run: Some(run) }
            }
        }
    }

    /// The state after the run.
    #[must_use]
    pub fn ended(self) -> Self {
        Self { due: self.seen.plus(INTERVAL), run: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);
    const KEEP: Duration = Duration::from_secs(100 * 86_400);

    /// The limit of the run that is under way at `now`, if any.
    fn before(state: &PruneRecord, now: Time) -> Option<Time> {
        state.clone().at(now, KEEP).run.map(|run| run.before)
    }

    #[test]
    fn run_deletes_what_was_due_at_the_run_before() {
        let state = PruneRecord::new(NOW);
        assert_eq!(before(&state, NOW.plus(DAY * 6)), None);
        assert_eq!(before(&state, NOW.plus(DAY * 7)), Some(NOW.minus(KEEP)));
        let next = state.at(NOW.plus(DAY * 7), KEEP).ended();
        assert_eq!((next.seen, next.due), (NOW.plus(DAY * 7), NOW.plus(DAY * 14)));
        assert_eq!(before(&next, NOW.plus(DAY * 15)), Some(NOW.plus(DAY * 7).minus(KEEP)));
    }

    #[test]
    fn leap_ahead_and_back_deletes_nothing_too_early() {
        for leap in [DAY / 24, DAY, DAY * 365] {
            let ahead = NOW.plus(DAY * 3).plus(leap);
            let state = PruneRecord::new(NOW).at(ahead, KEEP);
            assert!(state.run.as_ref().is_none_or(|run| run.before <= NOW.minus(KEEP)), "{leap:?}");
            let state = if state.run.is_some() { state.ended() } else { state };
            // A day later the clock is right again.
            let state = state.at(NOW.plus(DAY * 4), KEEP);
            assert!(state.run.is_none() && state.due <= NOW.plus(DAY * 11), "{leap:?}: {state:?}");
            let state = state.at(NOW.plus(DAY * 11), KEEP);
            assert!(state.run.is_some_and(|run| run.before <= NOW.plus(DAY * 4).minus(KEEP)), "{leap:?}");
        }
    }

    #[test]
    fn leap_back_within_a_run_continues_it() {
        let state = PruneRecord::new(NOW).at(NOW.plus(DAY * 7), KEEP);
        let back = state.clone().at(NOW.minus(DAY * 365), KEEP);
        assert_eq!((back.due, &back.run), (NOW.minus(DAY * 365), &state.run));
        assert_eq!(back.ended().due, NOW.minus(DAY * 358));
    }
}
