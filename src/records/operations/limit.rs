//! Rate limits by the generic cell rate algorithm: all that is kept of a limit is one instant, the theoretical arrival
//! time (TAT), so that counting is one small record and forgetting is its expiry.

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// For how long a record lies around once it says nothing any more. As long as a redeemed nonce, which every request
/// leaves anyway: the partition is not woken, which is a write, for the sake of a limit.
const SLACK: Duration = Duration::from_secs(3 * 3600);

/// How many of something there may be in how long: so many at once, and after that as many in each period, evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many, at least one.
    pub count: u32,
    /// In how long.
    pub period: Duration,
}

impl Limit {
    /// In what time one of them comes back, in milliseconds. Rounded up: never more than the limit.
    fn interval(self) -> u64 {
        let period = u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX);
        period.div_ceil(u64::from(self.count.max(1))).max(1)
    }

    /// In what time all of them come back: the period, give or take the rounding.
    fn whole(self) -> Duration {
        Duration::from_millis(self.interval().saturating_mul(u64::from(self.count.max(1))))
    }

    /// Where the next one would bring the TAT. What was counted under another limit, before a change of the
    /// configuration, counts as a full one at most.
    fn next(self, tat: Option<Time>, now: Time) -> Time {
        let from = tat.unwrap_or(now).max(now).min(now.plus(self.whole()));
        from.plus(Duration::from_millis(self.interval()))
    }

    /// Whether there may be one more at `now`, and the TAT with it.
    ///
    /// # Errors
    /// The first instant at which there may be one.
    pub fn take(self, tat: Option<Time>, now: Time) -> Result<Time, Time> {
        let next = self.next(tat, now);
        let opens = next.minus(self.whole());
        if opens <= now { Ok(next) } else { Err(opens) }
    }

    /// The TAT with one more that has happened already, allowed or not. Never more than a full limit.
    pub fn count(self, tat: Option<Time>, now: Time) -> Time {
        self.next(tat, now).min(now.plus(self.whole()))
    }
}

/// A limit that is being used up, stored as `limit/{name}` in the partition of whoever is limited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRecord {
    /// The theoretical arrival time. Once it is past, the record says nothing.
    pub tat: Time,
}

impl Record for LimitRecord {
    const PREFIX: &'static str = "limit";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.tat.plus(SLACK))
    }
}

/// For how long a run of failures is remembered after the last.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// For how long a pause is remembered: a client that still asks then fails its way to another.
const PAUSED: Duration = Duration::from_secs(400 * 86_400);

/// Validations of a name that failed since the last that succeeded, stored as `failing/{type}:{value}` in the account's
/// partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingRecord {
    /// The theoretical arrival time of the limit of failed validations.
    pub tat: Time,
    /// How many failed in a row.
    pub streak: u32,
    /// When the first of them failed.
    pub since: Time,
    /// When the last of them failed.
    pub last: Time,
    /// When the name was paused for this account, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Time>,
}

impl FailingRecord {
    /// With one more failure. The name is paused with the failure that makes `pause_after` in a row; whether it is this
    /// one, is given too.
    pub fn fail(found: Option<Self>, limit: Option<Limit>, pause_after: Option<u32>, now: Time) -> (Self, bool) {
        let mut record = found.unwrap_or(Self { tat: now, streak: 0, since: now, last: now, paused: None });
        record.streak = record.streak.saturating_add(1);
        record.last = now;
        record.tat = limit.map_or(now, |limit| limit.count(Some(record.tat), now));
        let pauses = record.paused.is_none() && pause_after.is_some_and(|most| record.streak >= most);
        record.paused = record.paused.or(pauses.then_some(now));
        (record, pauses)
    }
}

impl Record for FailingRecord {
    const PREFIX: &'static str = "failing";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.last.plus(if self.paused.is_some() { PAUSED } else { REMEMBERED }))
    }
}

#[cfg(test)]
mod tests {
    use crate::records::operations::limit::*;
    use proptest::prelude::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn limit(count: u32, millis: u64) -> Limit {
        Limit { count, period: Duration::from_millis(millis) }
    }

    #[test]
    fn s02_so_many_at_once_and_one_more_each_interval() {
        let limit = limit(3, 9_000);
        let mut tat = None;
        for _ in 0..3 {
            tat = Some(limit.take(tat, NOW).unwrap());
        }
        let opens = limit.take(tat, NOW).unwrap_err();
        assert_eq!(opens, NOW.plus(Duration::from_secs(3)));
        assert_eq!(limit.take(tat, opens.minus(Duration::from_millis(1))), Err(opens));
        tat = Some(limit.take(tat, opens).unwrap());
        assert_eq!(limit.take(tat, opens), Err(NOW.plus(Duration::from_secs(6))));
        // All of them are back when the TAT is past.
        assert_eq!(limit.take(tat, tat.unwrap()), limit.take(None, tat.unwrap()));
    }

    #[test]
    fn s02_what_happened_is_counted_and_a_full_limit_is_the_most() {
        let limit = limit(2, 2_000);
        let mut tat = None;
        for _ in 0..100 {
            tat = Some(limit.count(tat, NOW));
        }
        assert_eq!(limit.take(tat, NOW), Err(NOW.plus(Duration::from_secs(1))));
        assert_eq!(limit.take(Some(Time::from_millis(u64::MAX)), NOW), Err(NOW.plus(Duration::from_secs(1))));
    }

    #[test]
    fn a_name_is_paused_once_by_the_failure_that_fills_the_measure() {
        let (mut record, mut pauses) = FailingRecord::fail(None, None, Some(3), NOW);
        for n in 1..5_u64 {
            assert_eq!(pauses, n == 3, "{n}");
            (record, pauses) = FailingRecord::fail(Some(record), None, Some(3), NOW.plus(Duration::from_secs(n)));
        }
        assert_eq!((record.streak, record.since, record.paused), (5, NOW, Some(NOW.plus(Duration::from_secs(2)))));
        assert_eq!(FailingRecord::fail(Some(record), None, None, NOW).0.tat, NOW, "no limit leaves no mark");
    }

    proptest! {
        /// Whatever the times, no window has more than the count and what came back within it; and what is refused is
        /// allowed at the instant that was named, not a millisecond earlier.
        #[test]
        fn s02_never_more_than_the_limit_and_the_time_told_is_true(
            count in 1..50_u32, period in 1..100_000_u64, steps in prop::collection::vec(0..5_000_u64, 1..200),
        ) {
            let limit = limit(count, period.max(u64::from(count)));
            let (mut now, mut tat, mut taken) = (NOW, None, Vec::new());
            for step in steps {
                now = now.plus(Duration::from_millis(step));
                match limit.take(tat, now) {
                    Ok(next) => {
                        tat = Some(next);
                        taken.push(now);
                    }
                    Err(opens) => {
                        prop_assert!(opens > now);
                        prop_assert!(limit.take(tat, opens).is_ok());
                        prop_assert_eq!(limit.take(tat, opens.minus(Duration::from_millis(1))), Err(opens));
                    }
                }
            }
            for (n, from) in taken.iter().enumerate() {
                for (m, to) in taken.iter().enumerate().skip(n) {
                    let back = u64::try_from(from.until(*to).as_millis()).unwrap() / limit.interval();
                    prop_assert!((m - n + 1) as u64 <= u64::from(count) + back);
                }
            }
        }
    }
}
