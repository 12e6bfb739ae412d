//! Counts of an issuer's certificates by state and time left, made in steps.

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum number of unrenewed certificates that are named.
pub const MAX_NAMED: usize = 10;

/// The least time between two counts.
const FRESH: Duration = Duration::from_secs(60);

/// The time between two counts for each certificate counted. So counting reads some dozens of rows a second at most.
const FRESH_PER_CERTIFICATE: Duration = Duration::from_millis(50);

/// The bounds of the time left, in days.
pub const DAYS_LEFT: [u64; 3] = [1, 7, 30];

/// The number of days with counts of ending certificates: today, and 90 more.
pub const DAYS_AHEAD: u64 = 91;

/// The number of days with counts of issued certificates, today the last.
pub const DAYS_BACK: u64 = 30;

/// The counts of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// Certificates that were issued.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub issued: u64,
    /// Valid ones that end, and that an issuer has renewed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub renewed: u64,
    /// Valid ones that end, and that no issuer has renewed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unrenewed: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Counts by day, in days since 1970-01-01 (UTC).
pub type Days = BTreeMap<u64, DayCount>;

/// The earliest end of certificates that a census reads.
///
/// None that ended before was issued in its days.
pub fn earliest_end(at: Time) -> Time {
    Time::of_day(at.day().saturating_sub(DAYS_BACK - 1))
}

/// A certificate that was not renewed in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrenewed {
    /// Its serial number in hex.
    pub serial: String,
    /// Its first name.
    pub name: String,
    /// The number of its names.
    pub names_count: usize,
    /// End of validity.
    pub not_after: Time,
    /// The account.
    pub account: Id,
}

/// The counts of certificates that have not expired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Valid certificates.
    pub valid: u64,
    /// Revoked ones.
    pub revoked: u64,
    /// Valid ones that this issuer has renewed.
    pub renewed: u64,
    /// Valid ones that end within each of [`DAYS_LEFT`] and not within an earlier one.
    pub ending: [u64; DAYS_LEFT.len()],
    /// Valid ones in the last sixth of their lifetime that no issuer has renewed.
    pub unrenewed: u64,
    /// The first of those to expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<Unrenewed>,
    /// The counts by day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days: Days,
    /// The number of entries read, also of expired certificates.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read: u64,
}

/// A census in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusStep {
    /// The time at which certificates are counted.
    pub at: Time,
    /// The serial number of the last counted certificate.
    pub after: String,
    /// The counts so far.
    pub counts: Census,
}

/// The last census, stored as `census` in a ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CensusRecord {
    /// The time of the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Its counts.
    #[serde(default)]
    pub counts: Census,
    /// The next one, as far as it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<CensusStep>,
}

impl Record for CensusRecord {
    const PREFIX: &'static str = "census";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Census {
    /// Counts a valid certificate.
    pub fn count_valid(&mut self, left: Duration, renewed: bool) {
        self.valid += 1;
        self.renewed += u64::from(renewed);
        let within = |days: &u64| left <= Duration::from_secs(days * 86_400);
        if let Some(ending) = DAYS_LEFT.iter().position(within).and_then(|at| self.ending.get_mut(at)) {
            *ending += 1;
        }
    }

    /// Counts an issuance by day, if a census at `at` has that day.
    pub fn count_issued(&mut self, at: Time, issued: Time) {
        if issued >= earliest_end(at) && issued <= at {
            self.days.entry(issued.day()).or_default().issued += 1;
        }
    }

    /// Counts the end of a valid certificate by day, if a census has that day.
    pub fn count_end(&mut self, at: Time, not_after: Time, renewed: bool) {
        if let Some(day) = self.day_ahead(at, not_after) {
            *(if renewed { &mut day.renewed } else { &mut day.unrenewed }) += 1;
        }
    }

    /// Counts a certificate as renewed that was counted as not renewed.
    pub fn move_to_renewed(&mut self, at: Time, not_after: Time) {
        if let Some(day) = self.day_ahead(at, not_after) {
            day.unrenewed = day.unrenewed.saturating_sub(1);
            day.renewed += 1;
        }
    }

    fn day_ahead(&mut self, at: Time, not_after: Time) -> Option<&mut DayCount> {
        let (today, day) = (at.day(), not_after.day());
        (today..today.saturating_add(DAYS_AHEAD)).contains(&day).then(|| self.days.entry(day).or_default())
    }

    /// Counts certificates that were not renewed.
    pub fn count_unrenewed(&mut self, found: impl IntoIterator<Item = Unrenewed>) {
        for one in found {
            self.unrenewed += 1;
            if self.first.len() < MAX_NAMED {
                self.first.push(one);
            }
        }
    }

    /// Adds the counts of another issuer.
    pub fn add(&mut self, other: &Self) {
        self.valid += other.valid;
        self.revoked += other.revoked;
        self.renewed += other.renewed;
        self.unrenewed += other.unrenewed;
        self.read += other.read;
        for (day, more) in &other.days {
            let sum = self.days.entry(*day).or_default();
            sum.issued += more.issued;
            sum.renewed += more.renewed;
            sum.unrenewed += more.unrenewed;
        }
        for (sum, more) in self.ending.iter_mut().zip(other.ending) {
            *sum += more;
        }
        self.first.extend(other.first.iter().cloned());
        self.first.sort_by_key(|one| one.not_after);
        self.first.truncate(MAX_NAMED);
    }

    /// Number of counted certificates.
    fn total(&self) -> u64 {
        self.valid.saturating_add(self.revoked).max(self.read)
    }
}

impl CensusRecord {
    /// Whether another census, or a step of one, is due.
    pub fn is_due(&self, now: Time) -> bool {
        let counted = u32::try_from(self.counts.total()).unwrap_or(u32::MAX);
        let fresh = FRESH.max(FRESH_PER_CERTIFICATE.saturating_mul(counted));
        self.next.is_some() || self.at.is_none_or(|at| !at.is_within(fresh, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    #[test]
    fn census_is_due_later_the_more_it_counted() {
        let of = |valid| CensusRecord { at: Some(NOW), counts: Census { valid, ..Census::default() }, next: None };
        let due = |record: &CensusRecord, secs| record.is_due(NOW.plus(Duration::from_secs(secs)));
        assert!(CensusRecord::default().is_due(NOW));
        assert!(!due(&of(1_000), 59) && due(&of(1_000), 60));
        assert!(!due(&of(100_000), 4_999) && due(&of(100_000), 5_000));
    }

    #[test]
    fn certificates_are_counted_by_the_time_left() {
        let mut census = Census::default();
        for hours in [1, 24, 25, 24 * 7, 24 * 30, 24 * 30 + 1] {
            census.count_valid(Duration::from_secs(hours * 3600), hours == 1);
        }
        assert_eq!((census.valid, census.renewed, census.ending), (6, 1, [2, 2, 1]));
    }

    #[test]
    fn days_have_bounds_in_both_directions() {
        let (mut census, day) = (Census::default(), Duration::from_secs(86_400));
        let (first, ahead) = (earliest_end(NOW), Time::of_day(NOW.day() + DAYS_AHEAD));
        for issued in [first, first.minus(Duration::from_secs(1)), NOW, NOW.plus(day)] {
            census.count_issued(NOW, issued);
        }
        for (end, renewed) in [(NOW, true), (ahead.minus(day), false), (ahead, false), (NOW.minus(day), false)] {
            census.count_end(NOW, end, renewed);
        }
        census.move_to_renewed(NOW, ahead.minus(day));
        assert_eq!(census.days.len(), 3);
        assert_eq!(census.days[&first.day()], DayCount { issued: 1, ..DayCount::default() });
        assert_eq!(census.days[&NOW.day()], DayCount { issued: 1, renewed: 1, unrenewed: 0 });
        assert_eq!(census.days[&(ahead.day() - 1)], DayCount { issued: 0, renewed: 1, unrenewed: 0 });
        let mut sum = census.clone();
        sum.add(&census);
        assert_eq!(sum.days[&NOW.day()], DayCount { issued: 2, renewed: 2, unrenewed: 0 });
    }
}
