//! The redeemed nonces of an account or of a shard, in one row.
//!
//! Nonces are numbered. Clients use nearly all of them, in about the order of their issue, so the numbers of the redeemed
//! ones are a few ranges. A row for each nonce would be written, and deleted again after two hours.

use super::nonce::{NonceNumber, SKEW};
use crate::store::{Record, Table};
use crate::values::{Time, b64};
use serde::{Deserialize, Serialize};

/// Maximum number of ranges in the row: at most about 40 kB.
const MAX_RANGES: usize = 512;

/// The redeemed nonces of an account or of a shard.
///
/// An account has them in its activity; a shard stores them as `redeemed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemedNonces {
    /// Nonces that expire at this time or before count as redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Time>,
    /// The redeemed nonces that expire later, by series.
    pub series: Vec<RedeemedSeries>,
}

/// The redeemed nonces of a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemedSeries {
    /// The series, base64url of 8 bytes.
    pub id: String,
    /// The latest expiry of a redeemed nonce.
    pub expires: Time,
    /// Ascending ranges of numbers, each with its first and its last one.
    pub used: Vec<(u64, u64)>,
}

impl Record for RedeemedNonces {
    const PREFIX: &'static str = "redeemed";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl RedeemedNonces {
    /// Whether a nonce counts as redeemed.
    pub fn has(&self, nonce: NonceNumber, expires: Time) -> bool {
        self.has_in(&b64::encode(&nonce.series), nonce.number, expires)
    }

    fn has_in(&self, id: &str, number: u64, expires: Time) -> bool {
        self.floor.is_some_and(|floor| expires <= floor)
            || self.series.iter().any(|series| series.id == id && series.has(number))
    }

    /// Redeems a nonce; `false` if it was redeemed before. Expired series are removed.
    ///
    /// If the row is full, its oldest unused nonces are refused from then on: their clients retry with the fresh nonce of
    /// the refusal.
    pub fn redeem(&mut self, nonce: NonceNumber, expires: Time, now: Time) -> bool {
        let id = b64::encode(&nonce.series);
        if self.has_in(&id, nonce.number, expires) {
            return false;
        }
        match self.series.iter_mut().find(|series| series.id == id) {
            Some(series) => series.add(nonce.number, expires),
            None => self.series.push(RedeemedSeries { id, expires, used: vec![(nonce.number, nonce.number)] }),
        }
        while let Some(at) = self.series.iter().position(|series| series.expires < now) {
            self.remove(at);
        }
        while self.series.iter().map(|series| series.used.len()).sum::<usize>() > MAX_RANGES {
            self.shrink();
        }
        true
    }

    /// Counts all nonces as redeemed that expire at this time or before. `false` if they were before.
    pub fn refuse_until(&mut self, expiry: Time) -> bool {
        let refused = self.floor.is_some_and(|floor| floor >= expiry);
        self.floor = self.floor.max(Some(expiry));
        !refused
    }

    /// Lowers a floor that is later than any nonce issued by now may expire. Returns whether it was.
    ///
    /// Then the clock was ahead and went back. All nonces issued until now stay refused.
    pub fn heed_clock(&mut self, latest: Time) -> bool {
        let ahead = self.floor.is_some_and(|floor| floor > latest.plus(SKEW));
        if ahead {
            self.floor = Some(latest);
        }
        ahead
    }

    /// The number of redeemed nonces that are stored.
    pub fn count(&self) -> u64 {
        self.series.iter().map(RedeemedSeries::count).sum()
    }

    /// Removes a series. Its nonces stay refused by [`RedeemedNonces::floor`], whatever the clock says later.
    fn remove(&mut self, at: usize) {
        let removed = self.series.remove(at);
        self.floor = self.floor.max(Some(removed.expires));
    }

    /// Removes the oldest series, or closes the first gap of the only one.
    fn shrink(&mut self) {
        let oldest = self.series.iter().enumerate().min_by_key(|(_, series)| series.expires).map(|(at, _)| at);
        match (self.series.as_mut_slice(), oldest) {
            ([only], _) => only.close_first_gap(),
            (_, Some(at)) => self.remove(at),
            (_, None) => {}
        }
    }
}

impl RedeemedSeries {
    /// The number of its redeemed nonces.
    pub fn count(&self) -> u64 {
        self.used.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1)).sum()
    }

    fn has(&self, number: u64) -> bool {
        self.used.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    fn add(&mut self, number: u64, expires: Time) {
        self.expires = self.expires.max(expires);
        self.used.push((number, number));
        self.used.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.used.len());
        for (first, last) in self.used.drain(..) {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.used = joined;
    }

    fn close_first_gap(&mut self) {
        if let [first, second, ..] = self.used.as_mut_slice() {
            second.0 = first.0;
            self.used.remove(0);
        }
    }
}

#[cfg(test)]
mod tests;
