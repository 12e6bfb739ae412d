//! CRL records of an issuer's ledger ([RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)).
//!
//! They are the state, the revoked certificates and the signed CRL of each shard.

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Interval of signing a CRL. A day or two without an issuer key, or without the platform, goes unnoticed.
pub const RENEWED: Duration = Duration::from_secs(24 * 3600);

/// Validity of a CRL: Boulder's 216 hours, below the ten days of the Baseline Requirements (4.9.7).
pub const VALIDITY: Duration = Duration::from_secs(216 * 3600);

/// Backdating of a CRL, for verifiers with late clocks.
pub const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// Default gathering time: later revocations within it join one CRL, except a shard's first.
pub const GATHERED: Duration = Duration::from_secs(10);

/// Margin of [`ShardRecord::until`], so that it is not written with each certificate.
pub const AHEAD: Duration = Duration::from_secs(7 * 24 * 3600);

/// Longest time between two lists on a clock that did not leap. Alarms may be late for a day or two.
pub const STEADY_GAP: Duration = Duration::from_secs(3 * 24 * 3600);

/// Least time of lists on a steady clock before entries of expired certificates are dropped.
pub const STEADY: Duration = Duration::from_secs(7 * 24 * 3600);

/// Maximum number of URLs in a CRL. `STATUS_URL` changes less often within a certificate's lifetime.
pub const MAX_URLS: usize = 16;

/// State of a shard, stored as `shard/{shard}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Expiry of all of its certificates.
    pub until: Time,
    /// Time of the next signature; `None` when all of its certificates have expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// The highest CRL number assigned, whether signed or not. Milliseconds since 1970, or one more than the last, so
    /// that it also rises after a restore of an earlier state.
    pub number: u64,
    /// Number of entries of the current CRL.
    #[serde(default)]
    pub entries: usize,
    /// Signing time of the current CRL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Time>,
    /// Since when lists are signed on a clock that did not leap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady: Option<Time>,
    /// `nextUpdate` of the current CRL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_update: Option<Time>,
    /// URLs that the shard's certificates point to, the oldest first. Its CRL names all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Those of them that new certificates do not name any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerUrl>,
}

/// A former URL of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerUrl {
    /// The URL.
    pub url: String,
    /// Expiry of all certificates that name it.
    pub until: Time,
}

impl Record for ShardRecord {
    const PREFIX: &'static str = "shard";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl ShardRecord {
    /// The state after a certificate with this expiry and URL was entered at `now`. `None` if nothing changes.
    pub fn with_certificate(found: Option<Self>, not_after: Time, url: Option<&str>, now: Time) -> Option<Self> {
        let until = not_after.plus(AHEAD);
        let Some(shard) = found else {
            let urls = url.map(str::to_owned).into_iter().collect();
            let (due, number, entries) = (Some(now), 0, 0);
            let (signed, steady, next_update, former) = (None, None, None, Vec::new());
            return Some(Self { until, due, number, entries, signed, steady, next_update, urls, former });
        };
        let elsewhere = url.is_some_and(|url| !shard.urls.iter().any(|known| known == url));
        if shard.until >= not_after && shard.due.is_some() && !elsewhere {
            return None;
        }
        // The current CRL does not name the new URL.
        let due = if elsewhere { Some(now) } else { shard.due.or(Some(now)) };
        let until = if shard.until >= not_after { shard.until } else { shard.until.max(until) };
        // Certificates with the former URL end with those of before.
        Some(Self { until, due, ..shard.served_at(url) })
    }

    /// The state with this present URL; beyond [`MAX_URLS`] the oldest are dropped.
    ///
    /// All others become former ones, which end with the certificates of now.
    #[must_use]
    pub fn served_at(mut self, url: Option<&str>) -> Self {
        let Some(url) = url else { return self };
        if !self.urls.iter().any(|known| known == url) {
            self.urls.push(url.to_owned());
            let more = self.urls.len().saturating_sub(MAX_URLS);
            self.urls.drain(..more);
        }
        self.former.retain(|former| former.url != url && self.urls.contains(&former.url));
        for other in self.urls.iter().filter(|known| *known != url) {
            if !self.former.iter().any(|former| former.url == *other) {
                self.former.push(FormerUrl { url: other.clone(), until: self.until });
            }
        }
        self
    }

    /// The state without former URLs whose certificates have all expired, each after one more list.
    #[must_use]
    pub fn without_ended_urls(mut self) -> Self {
        let (ended, former): (Vec<_>, Vec<_>) =
            core::mem::take(&mut self.former).into_iter().partition(|former| self.may_drop(former.until));
        self.urls.retain(|url| !ended.iter().any(|former| former.url == *url));
        Self { former, ..self }
    }

    /// The state after a revocation at `now`. A CRL is due at once, or later if the current one is younger than
    /// `gathering` and has entries.
    pub fn with_revocation(self, now: Time, gathering: Duration) -> Self {
        let others = self.signed.filter(|_| self.entries > 0);
        let soon = others.map_or(now, |at| at.plus(gathering).max(now).min(now.plus(gathering)));
        Self { due: Some(self.due.map_or(soon, |due| due.min(soon))), ..self }
    }

    /// Time of the next signature, seen at `now`. If the clock went back, a list is due at once.
    pub fn due_at(&self, now: Time) -> Option<Time> {
        match self.due {
            Some(due) if due > now.plus(RENEWED) => Some(now),
            None if !self.is_over(now) => Some(now),
            due => due,
        }
    }

    /// Whether all of its certificates have expired, and lists after that were due.
    pub fn is_over(&self, now: Time) -> bool {
        now > self.until.plus(RENEWED).plus(RENEWED)
    }

    /// The state with a list signed at `now`.
    #[must_use]
    pub fn signed_at(self, now: Time) -> Self {
        let steady = self.steady.filter(|_| self.signed.is_some_and(|at| at <= now && now <= at.plus(STEADY_GAP)));
        Self { signed: Some(now), steady: Some(steady.unwrap_or(now)), ..self }
    }

    /// Whether the list just signed may be the last with a certificate that expired then.
    ///
    /// A regular list after the expiry has had it (RFC 5280 §3.3), and the clock has not leaped for a while: after a leap, the
    /// certificate may be valid still.
    pub fn may_drop(&self, not_after: Time) -> bool {
        let after = self.signed.is_some_and(|signed| signed > not_after.plus(RENEWED));
        after && self.signed.zip(self.steady).is_some_and(|(signed, since)| signed >= since.plus(STEADY))
    }

    /// Number of a CRL signed at `now`.
    pub fn next_number(&self, now: Time) -> u64 {
        self.number.saturating_add(1).max(now.millis())
    }
}

/// A revoked certificate, stored as `revoked/{shard}/{serial}` while its shard's CRL lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedRecord {
    /// Time of revocation.
    pub at: Time,
    /// The CRLReason, absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// Expiry of the certificate.
    pub not_after: Time,
}

impl Record for RevokedRecord {
    const PREFIX: &'static str = "revoked";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The last signed CRL of a shard, stored as `crl/{shard}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlRecord {
    /// Its number.
    pub number: u64,
    /// Number of entries.
    pub entries: usize,
    /// `nextUpdate`.
    pub next_update: Time,
    /// The CRL, DER in base64url; in storage, the part that fits into one row.
    pub der: String,
    /// Number of [`CrlPieceRecord`]s with the rest; 0 unless stored.
    #[serde(default, skip_serializing_if = "is_none")]
    pub pieces: usize,
}

fn is_none(pieces: &usize) -> bool {
    *pieces == 0
}

impl Record for CrlRecord {
    const PREFIX: &'static str = "crl";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// Maximum length of a piece in characters: half of a row's limit on Cloudflare.
const PIECE: usize = 1_000_000;

/// A further piece of a CRL, stored as `crlpiece/{shard}/{n, 6 digits}`, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlPieceRecord {
    /// Number of the CRL.
    pub number: u64,
    /// DER in base64url.
    pub der: String,
}

impl Record for CrlPieceRecord {
    const PREFIX: &'static str = "crlpiece";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl CrlRecord {
    /// Splits the CRL into pieces that fit into a row each.
    pub fn split(self) -> (Self, Vec<CrlPieceRecord>) {
        let number = self.number;
        // Base64url is ASCII.
        let mut texts = self.der.as_bytes().chunks(PIECE).map(|piece| String::from_utf8_lossy(piece).into_owned());
        let first = texts.next().unwrap_or_default();
        let pieces: Vec<_> = texts.map(|der| CrlPieceRecord { number, der }).collect();
        (Self { der: first, pieces: pieces.len(), ..self }, pieces)
    }

    /// Joins the pieces; `None` if one is missing or belongs to another CRL.
    pub fn joined(mut self, pieces: &[CrlPieceRecord]) -> Option<Self> {
        let pieces = pieces.get(..self.pieces)?;
        pieces.iter().all(|piece| piece.number == self.number).then(|| {
            self.der.extend(pieces.iter().map(|piece| piece.der.as_str()));
            self.pieces = 0;
            self
        })
    }
}

/// A shard's number and state.
pub type ShardStatus = (u16, ShardRecord);

#[cfg(test)]
mod tests {
    use crate::records::ledger::crl::*;

    const NOW: Time = Time::from_secs(1_795_521_600);
    const DAY: Duration = Duration::from_secs(86_400);
    const URL: &str = "http://ca.test/crl/00/1.crl";

    fn shard() -> ShardRecord {
        ShardRecord::with_certificate(None, NOW.plus(DAY * 90), Some(URL), NOW).unwrap()
    }

    #[test]
    fn first_certificate_makes_a_crl_due_and_later_ones_rarely_write() {
        let first = shard();
        assert_eq!((first.due, first.until), (Some(NOW), NOW.plus(DAY * 97)));
        assert_eq!(ShardRecord::with_certificate(Some(first.clone()), NOW.plus(DAY * 97), Some(URL), NOW), None);
        let later = ShardRecord::with_certificate(Some(first.clone()), NOW.plus(DAY * 98), Some(URL), NOW).unwrap();
        assert_eq!((later.due, later.until), (Some(NOW), NOW.plus(DAY * 105)));
        let ended = ShardRecord { due: None, ..first };
        let again = ShardRecord::with_certificate(Some(ended), NOW.plus(DAY), Some(URL), NOW.plus(DAY)).unwrap();
        assert_eq!((again.due, again.until), (Some(NOW.plus(DAY)), NOW.plus(DAY * 97)));
    }

    #[test]
    fn new_url_makes_a_crl_due_with_all_urls() {
        let signed = ShardRecord { due: Some(NOW.plus(RENEWED)), ..shard() };
        let other = "http://lists.test/crl/00/1.crl";
        let moved = ShardRecord::with_certificate(Some(signed.clone()), NOW, Some(other), NOW.plus(DAY)).unwrap();
        assert_eq!((moved.due, moved.until), (Some(NOW.plus(DAY)), signed.until));
        assert_eq!(moved.urls, [URL, other]);
        assert_eq!(moved.former, [FormerUrl { url: URL.to_owned(), until: shard().until }]);
        assert_eq!(ShardRecord::with_certificate(Some(moved.clone()), NOW, Some(URL), NOW), None, "and back");
        assert_eq!(moved.clone().served_at(Some(other)), moved);
        let often = (0..20).fold(moved, |shard, n| shard.served_at(Some(&format!("http://{n}.test/"))));
        assert_eq!((often.urls.len(), often.urls.last().unwrap().as_str()), (MAX_URLS, "http://19.test/"));
    }

    #[test]
    fn revocation_makes_a_crl_due_within_seconds() {
        let signed_with_one = || ShardRecord { signed: Some(NOW), due: Some(NOW.plus(RENEWED)), entries: 1, ..shard() };
        let signed = signed_with_one();
        let hour = NOW.plus(Duration::from_secs(3600));
        assert_eq!(signed.clone().with_revocation(hour, GATHERED).due, Some(hour));
        let second = NOW.plus(Duration::from_secs(1));
        assert_eq!(signed.clone().with_revocation(second, GATHERED).due, Some(NOW.plus(GATHERED)));
        let first = ShardRecord { entries: 0, ..signed };
        assert_eq!(first.with_revocation(second, GATHERED).due, Some(second), "the first waits for no others");
        let at_once = signed_with_one().with_revocation(second, Duration::ZERO);
        assert_eq!(at_once.due, Some(second), "nothing is gathered where that is set");
        assert_eq!(
            ShardRecord { due: Some(NOW), ..shard() }.with_revocation(second, GATHERED).due,
            Some(NOW),
            "not later"
        );
    }

    #[test]
    fn long_crl_is_stored_in_bounded_rows() {
        let list = |length: usize| {
            let der = "AZaz09-_".chars().cycle().take(length).collect();
            CrlRecord { number: 7, entries: 1, next_update: NOW, der, pieces: 0 }
        };
        for (length, count) in [(0, 0), (1, 0), (PIECE, 0), (PIECE + 1, 1), (3 * PIECE, 2), (10 * PIECE + 5, 10)] {
            let (first, mut pieces) = list(length).split();
            assert_eq!((first.pieces, pieces.len()), (count, count));
            assert!(first.der.len() <= PIECE && pieces.iter().all(|piece| piece.der.len() <= PIECE));
            assert_eq!(first.clone().joined(&pieces), Some(list(length)));
            if let Some(last) = pieces.last_mut() {
                last.number = 6;
                assert_eq!(first.clone().joined(&pieces), None, "a piece of another list");
                pieces.pop();
                assert_eq!(first.joined(&pieces), None, "a piece is missing");
            }
        }
    }

    #[test]
    fn clock_that_went_back_makes_a_crl_due_at_once() {
        let signed = ShardRecord { due: Some(NOW.plus(RENEWED)), ..shard() }.signed_at(NOW);
        assert_eq!(signed.due_at(NOW), Some(NOW.plus(RENEWED)));
        let before = NOW.minus(DAY);
        assert_eq!(signed.due_at(before), Some(before), "a list of tomorrow");
        let over = ShardRecord { due: None, ..signed.clone() };
        assert_eq!(over.due_at(over.until.plus(DAY * 3)), None);
        assert_eq!(over.due_at(NOW), Some(NOW), "its certificates have not expired");
        let revoked = ShardRecord { entries: 1, ..signed }.with_revocation(before, GATHERED);
        assert_eq!(revoked.due, Some(before.plus(GATHERED)));
    }

    #[test]
    fn entries_are_dropped_only_on_a_steady_clock() {
        let daily = |days: u32| (0..=days).fold(shard(), |shard, day| shard.signed_at(NOW.plus(DAY * day)));
        let expired = NOW.minus(DAY * 2);
        assert!(!daily(6).may_drop(expired) && daily(7).may_drop(expired));
        assert!(!daily(7).may_drop(NOW.plus(DAY * 6)), "no regular list has had it");
        let leap = daily(7).signed_at(NOW.plus(DAY * 372));
        assert!(!leap.may_drop(expired) && !leap.signed_at(NOW.plus(DAY * 8)).may_drop(expired), "ahead, and back");
    }

    #[test]
    fn crl_numbers_rise_with_any_clock() {
        let shard = ShardRecord { number: NOW.millis(), ..shard() };
        assert_eq!(shard.next_number(NOW.minus(DAY)), NOW.millis() + 1);
        assert_eq!(shard.next_number(NOW), NOW.millis() + 1);
        assert_eq!(shard.next_number(NOW.plus(DAY)), NOW.plus(DAY).millis());
    }

    #[test]
    fn former_url_ends_with_the_certificates_of_its_time() {
        let other = "http://lists.test/crl/00/1.crl";
        let former = |shard: &ShardRecord| -> Vec<(String, Time)> {
            shard.former.iter().map(|former| (former.url.clone(), former.until)).collect()
        };
        let first = shard();
        // Later certificates name the new one only.
        let later = NOW.plus(DAY * 200);
        let moved = ShardRecord::with_certificate(Some(first.clone()), later, Some(other), NOW).unwrap();
        assert_eq!((former(&moved), moved.until), (vec![(URL.to_owned(), first.until)], later.plus(AHEAD)));
        assert_eq!(former(&moved.clone().served_at(Some(URL))), [(other.to_owned(), moved.until)]);
        // It is dropped after a further list, on a steady clock.
        let signed = |at, since| ShardRecord { signed: Some(at), steady: Some(since), ..moved.clone() };
        let (end, next) = (first.until.plus(RENEWED), first.until.plus(RENEWED + DAY));
        for (at, since, urls) in [(end, NOW, &[URL, other][..]), (next, next, &[URL, other]), (next, NOW, &[other])] {
            assert_eq!(signed(at, since).without_ended_urls().urls, urls);
        }
    }
}
