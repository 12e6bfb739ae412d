//! Rate limits by the generic cell rate algorithm.
//!
//! All that is stored is the theoretical arrival time (TAT): counting writes one small record, which expires by
//! itself.

use crate::records::acme::nonce::SKEW;
use crate::store::{Layout, Record, Table, pooled_row};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Grace period of an expired record.
///
/// Records that expire close together share an alarm, which is a write.
const SLACK: Duration = Duration::from_secs(3 * 3600);

/// A rate limit: `count` at once, afterwards as many evenly in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Count, at least one.
    pub count: u32,
    /// Period.
    pub period: Duration,
}

impl Limit {
    /// Time in which one comes back, in milliseconds. Rounded up, so that the limit is never exceeded.
    fn interval(self) -> u64 {
        let period = u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX);
        period.div_ceil(u64::from(self.count.max(1))).max(1)
    }

    /// Time in which all come back: the period, except for rounding.
    fn whole(self) -> Duration {
        Duration::from_millis(self.interval().saturating_mul(u64::from(self.count.max(1))))
    }

    /// The TAT after the next one. A count under an earlier configuration fills the limit at most.
    fn next(self, tat: Option<Time>, now: Time) -> Time {
        // One far ahead is of a clock that went back. Clocks of machines differ a little.
        let possible = now.plus(self.whole()).plus(self.whole()).plus(SKEW);
        let tat = tat.filter(|tat| *tat <= possible);
        let from = tat.unwrap_or(now).max(now).min(now.plus(self.whole()));
        from.plus(Duration::from_millis(self.interval()))
    }

    /// Takes one at `now` and returns the new TAT.
    ///
    /// # Errors
    /// The first instant at which there may be one.
    pub fn take(self, tat: Option<Time>, now: Time) -> Result<Time, Time> {
        let next = self.next(tat, now);
        let opens = next.minus(self.whole());
        if opens <= now { Ok(next) } else { Err(opens) }
    }

    /// Counts one that has happened, allowed or not, and returns the new TAT. A limit is filled at most.
    pub fn count(self, tat: Option<Time>, now: Time) -> Time {
        self.next(tat, now).min(now.plus(self.whole()))
    }
}

/// The state of a limit, stored as `limit/{name}` in the limited account's or address's partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRecord {
    /// Theoretical arrival time; once past, the record has no effect.
    pub tat: Time,
}

impl Record for LimitRecord {
    const PREFIX: &'static str = "limit";
    const TABLE: Table = Table::Expiring;
    const LAYOUT: Layout = Layout::Pooled;

    fn row(id: &str) -> String {
        pooled_row(id)
    }

    fn expires(&self) -> Option<Time> {
        Some(self.tat.plus(SLACK))
    }
}

/// Time for which a series of failures is kept after the last.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);

/// Time for which a pause is kept. A client that still tries is paused again by its failures.
const PAUSED: Duration = Duration::from_secs(400 * 86_400);

/// Consecutive failed validations of a name, stored as `failing/{type}:{value}` in the account's partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingRecord {
    /// Theoretical arrival time of the limit of failed validations.
    pub tat: Time,
    /// Number of consecutive failures.
    pub streak: u32,
    /// Time of the first failure.
    pub since: Time,
    /// Time of the last failure.
    pub last: Time,
    /// Time of the pause of the name for this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Time>,
}

impl FailingRecord {
    /// Adds a failure and returns whether it pauses the name. The failure that makes `pause_after` in a row does.
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
    const LAYOUT: Layout = Layout::Pooled;

    fn row(id: &str) -> String {
        pooled_row(id)
    }

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
    fn s02_limit_allows_count_at_once_and_one_per_interval() {
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
        // All are available when the TAT is past.
        assert_eq!(limit.take(tat, tat.unwrap()), limit.take(None, tat.unwrap()));
    }

    #[test]
    fn s02_count_fills_a_limit_at_most() {
        let limit = limit(2, 2_000);
        let mut tat = None;
        for _ in 0..100 {
            tat = Some(limit.count(tat, NOW));
        }
        assert_eq!(limit.take(tat, NOW), Err(NOW.plus(Duration::from_secs(1))));
        let beyond = |secs| Some(NOW.plus(Duration::from_secs(secs)));
        assert_eq!(limit.take(beyond(64), NOW), Err(NOW.plus(Duration::from_secs(1))));
        assert_eq!(limit.take(beyond(65), NOW), limit.take(None, NOW), "the clock went back");
    }

    #[test]
    fn name_is_paused_once_by_the_last_failure() {
        let (mut record, mut pauses) = FailingRecord::fail(None, None, Some(3), NOW);
        for n in 1..5_u64 {
            assert_eq!(pauses, n == 3, "{n}");
            (record, pauses) = FailingRecord::fail(Some(record), None, Some(3), NOW.plus(Duration::from_secs(n)));
        }
        assert_eq!((record.streak, record.since, record.paused), (5, NOW, Some(NOW.plus(Duration::from_secs(2)))));
        assert_eq!(FailingRecord::fail(Some(record), None, None, NOW).0.tat, NOW, "no limit leaves no mark");
    }

    proptest! {
        /// No window has more than the count and what came back within it. Refusals end at the named instant, not a
        /// millisecond earlier.
        #[test]
        fn s02_window_never_exceeds_the_limit_and_refusal_names_the_time(
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
