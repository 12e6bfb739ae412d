//! Counts of an issuer's certificates by state and time left, made in steps.

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Maximum number of unrenewed certificates that are named.
pub const MAX_NAMED: usize = 10;

/// The least time between two counts.
const FRESH: Duration = Duration::from_secs(60);

/// The time between two counts for each certificate counted. So counting reads some dozens of rows a second at most.
const FRESH_PER_CERTIFICATE: Duration = Duration::from_millis(50);

/// The bounds of the time left, in days.
pub const DAYS_LEFT: [u64; 3] = [1, 7, 30];

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
        for (sum, more) in self.ending.iter_mut().zip(other.ending) {
            *sum += more;
        }
        self.first.extend(other.first.iter().cloned());
        self.first.sort_by_key(|one| one.not_after);
        self.first.truncate(MAX_NAMED);
    }

    /// Number of counted certificates.
    fn total(&self) -> u64 {
        self.valid.saturating_add(self.revoked)
    }
}

impl CensusRecord {
    /// Whether another census, or a step of one, is due.
    pub fn is_due(&self, now: Time) -> bool {
        let counted = u32::try_from(self.counts.total()).unwrap_or(u32::MAX);
        let fresh = FRESH.max(FRESH_PER_CERTIFICATE.saturating_mul(counted));
        self.next.is_some() || self.at.is_none_or(|at| at.plus(fresh) <= now)
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
}
