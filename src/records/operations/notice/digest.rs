//! Digests: the notices that are gathered into one message for people.

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Time in which notices gather before the first message.
pub const GATHER: Duration = Duration::from_secs(30);

/// Least time between two messages.
pub const WINDOW: Duration = Duration::from_secs(600);

/// Number of notices that a message shows.
pub const SHOWN: usize = 5;

/// Maximum length of a shown notice, in characters.
const MAX_LINE: usize = 400;

/// Pause after each failed attempt. After the last, a message is given up.
const BACK_OFF: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(1800),
    Duration::from_secs(3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(8 * 3600),
];

/// Notices of one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Time of the first.
    pub since: Time,
    /// The number of each kind.
    pub counts: BTreeMap<String, u64>,
    /// The first ones, as text.
    pub first: Vec<String>,
}

/// The digest for a receiver, stored as `digest/{receiver}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestRecord {
    /// Notices that gather for the next message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gathering: Option<Batch>,
    /// The message under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<Batch>,
    /// Attempts to send it.
    pub attempts: u32,
    /// Time of the next attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
    /// Time of the last message that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Notices that were given up since then.
    pub given_up: u64,
}

impl Record for DigestRecord {
    const PREFIX: &'static str = "digest";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Batch {
    /// A batch without notices.
    pub fn new(since: Time) -> Self {
        Self { since, counts: BTreeMap::new(), first: Vec::new() }
    }

    /// Adds a notice.
    pub fn add(&mut self, kind: &str, line: &str) {
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count = count.saturating_add(1);
        if self.first.len() < SHOWN {
            let cut = if line.chars().count() > MAX_LINE { "…" } else { "" };
            self.first.push(format!("{}{cut}", line.chars().take(MAX_LINE).collect::<String>()));
        }
    }

    /// The number of its notices.
    pub fn number(&self) -> u64 {
        self.counts.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl DigestRecord {
    /// Adds a notice.
    pub fn add(&mut self, kind: &str, line: &str, now: Time) {
        self.gathering.get_or_insert_with(|| Batch::new(now)).add(kind, line);
        self.next = self.next.or_else(|| self.opens(now));
    }

    /// When the gathered notices may be sent.
    fn opens(&self, now: Time) -> Option<Time> {
        let gathered = self.gathering.as_ref()?.since.plus(GATHER);
        Some(self.last.map_or(gathered, |last| gathered.max(last.plus(WINDOW))).max(now))
    }

    /// Begins an attempt if it is due, which counts before it is made. It is leased for `lease`.
    pub fn begin(&mut self, now: Time, lease: Duration) -> Option<Batch> {
        if self.next.is_none_or(|next| next > now) {
            return None;
        }
        if self.sending.is_some() && self.pause().is_none() {
            self.give_up(now);
            return None;
        }
        self.sending = self.sending.take().or_else(|| self.gathering.take());
        if self.sending.is_none() {
            self.next = None;
            return None;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.next = Some(now.plus(self.pause().unwrap_or_default().max(lease)));
        self.sending.clone()
    }

    /// Records the end of an attempt.
    pub fn ended(&mut self, arrived: bool, now: Time) {
        if self.sending.is_none() {
            return;
        }
        match self.pause() {
            _ if arrived => {
                (self.sending, self.attempts, self.last, self.given_up) = (None, 0, Some(now), 0);
                self.next = self.opens(now);
            }
            Some(pause) => self.next = Some(now.plus(pause)),
            None => self.give_up(now),
        }
    }

    fn give_up(&mut self, now: Time) {
        let lost = self.sending.take().map_or(0, |batch| batch.number());
        self.given_up = self.given_up.saturating_add(lost);
        self.attempts = 0;
        self.next = self.opens(now);
    }

    /// Pause after the attempts so far; `None` after the last.
    fn pause(&self) -> Option<Duration> {
        BACK_OFF.get(usize::try_from(self.attempts).ok()?.saturating_sub(1)).copied()
    }

    /// The number of notices that wait.
    pub fn waiting(&self) -> u64 {
        [&self.gathering, &self.sending].into_iter().flatten().map(Batch::number).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn at(secs: u64) -> Time {
        Time::from_secs(1_800_000_000 + secs)
    }

    #[test]
    fn notices_gather_into_one_message_and_the_next_waits_for_the_window() {
        let mut digest = DigestRecord::default();
        for n in 0..12 {
            digest.add(if n < 10 { "a" } else { "b" }, &format!("line {n}"), at(n));
        }
        assert_eq!((digest.begin(at(29), LEASE), digest.waiting()), (None, 12));
        let batch = digest.begin(at(30), LEASE).unwrap();
        assert_eq!((batch.number(), batch.first.len(), &*batch.first[4]), (12, 5, "line 4"));
        assert_eq!(batch.counts, BTreeMap::from([("a".to_owned(), 10), ("b".to_owned(), 2)]));
        // What comes meanwhile is not lost, and not in this message.
        digest.add("a", "late", at(31));
        assert_eq!(digest.begin(at(31), LEASE), None, "leased");
        digest.ended(true, at(32));
        assert_eq!((digest.next, digest.waiting()), (Some(at(32).plus(WINDOW)), 1));
        let batch = digest.begin(at(700), LEASE).unwrap();
        assert_eq!(batch.first, ["late"]);
        digest.ended(true, at(701));
        assert_eq!((digest.next, digest.waiting()), (None, 0));
        // A quiet receiver hears of the next one soon.
        digest.add("a", &"x".repeat(500), at(5000));
        assert_eq!(digest.next, Some(at(5000).plus(GATHER)));
        assert_eq!(digest.gathering.unwrap().first[0].chars().count(), MAX_LINE + 1);
    }

    #[test]
    fn failed_message_is_repeated_with_pauses_and_given_up() {
        let mut digest = DigestRecord::default();
        digest.add("a", "x", at(0));
        digest.add("a", "y", at(0));
        let (mut tries, mut now) = (0, at(30));
        while let Some(next) = digest.next {
            now = next.max(now);
            if digest.begin(now, LEASE).is_none() {
                break;
            }
            tries += 1;
            digest.ended(false, now);
        }
        assert_eq!((tries, digest.given_up, digest.waiting()), (8, 2, 0));
        digest.add("a", "z", now);
        assert!(digest.begin(now.plus(GATHER), LEASE).is_some());
        digest.ended(true, now.plus(GATHER));
        assert_eq!(digest.given_up, 0, "it arrives again");
        // A lost attempt is repeated after its lease.
        digest.add("a", "z", now.plus(WINDOW * 2));
        let due = digest.next.unwrap();
        assert!(digest.begin(due, LEASE).is_some() && digest.begin(due.plus(LEASE), LEASE).is_some());
    }
}
