//! Test CAs, each below a URL of its own: their ids, records and clocks.

use super::proof::same_secret;
use crate::records::acme::nonce;
use crate::store::{Record, Table};
use crate::values::{Id, Time, b64};
use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Lifetime of a test CA by default.
pub const DEFAULT_TTL: Duration = Duration::from_secs(2 * 3600);

/// Shortest lifetime of a test CA.
pub const MIN_TTL: Duration = Duration::from_secs(60);

/// Longest lifetime of a test CA.
pub const MAX_TTL: Duration = Duration::from_secs(7 * 86_400);

/// Random octets of an id; the others are a MAC of them.
pub const RANDOM_BYTES: usize = 9;

/// How long after its end the list forgets a test CA at the latest.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// Makes the id of a new test CA.
///
/// A part of it is a MAC, so that the id of an ended test CA is known without a record of it.
pub fn new_id(key: &[u8; 32], random: [u8; RANDOM_BYTES]) -> Id {
    let tag = nonce::derived(key, b"selvedge test ca v1\0", &random);
    let mut id = [0; 16];
    id.iter_mut().zip(random.into_iter().chain(tag)).for_each(|(to, from)| *to = from);
    Id::from_random(id)
}

/// Whether this CA made an id.
pub fn is_id(key: &[u8; 32], id: &Id) -> bool {
    let bytes = id.bytes();
    bytes.first_chunk().is_some_and(|random| same_secret(key, id.as_str(), new_id(key, *random).as_str()))
}

/// The operations token of a test CA, which its maker gets.
pub fn token(key: &[u8; 32], id: &Id) -> String {
    b64::encode(&nonce::derived(key, b"selvedge test ca token v1\0", &id.bytes()))
}

/// The public facts of a test CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestAuthority {
    /// The root, PEM.
    pub root: String,
    /// The intermediate, PEM.
    pub issuer: String,
    /// An expired certificate of the intermediate, PEM, for the fault of that name.
    pub expired: String,
    /// When it was made.
    pub made: Time,
    /// When it ends, in real time.
    pub ends: Time,
    /// Whether every validation succeeds, without a look-up.
    pub always_valid: bool,
}

/// A test CA, stored as `testca` in its own partition; `Debug` leaves out the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCaRecord {
    /// Its public facts.
    #[serde(flatten)]
    pub authority: TestAuthority,
    /// The intermediate's key: PKCS#8 in base64url.
    pub key: String,
    /// The first instant of its root and its intermediate.
    pub not_before: Time,
    /// The last instant of its intermediate.
    pub not_after: Time,
    /// Whether its end has begun.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub ending: bool,
}

impl fmt::Debug for TestCaRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCaRecord").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Record for TestCaRecord {
    const PREFIX: &'static str = "testca";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        // Its end deletes it, after all that is within it.
        None
    }
}

/// A partition that came to be within a test CA, stored as `within/{partition}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithinRecord {
    /// When it was first written, in real time.
    pub since: Time,
}

impl Record for WithinRecord {
    const PREFIX: &'static str = "within";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// A test CA in the list of all, stored as `made/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeRecord {
    /// Whose quota it counts for.
    pub owner: String,
    /// When it was made.
    pub made: Time,
    /// When it ends.
    pub ends: Time,
}

impl Record for MadeRecord {
    const PREFIX: &'static str = "made";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.ends.plus(FORGOTTEN))
    }
}

/// A settable clock: real time with a shift, or frozen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Milliseconds that it is ahead of real time.
    pub shift: i64,
    /// The instant at which it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Time>,
    /// The number of its changes.
    pub changes: u64,
}

/// The clock of a test CA, stored as `clock` in its own partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRecord {
    /// The clock.
    #[serde(flatten)]
    pub clock: Clock,
    /// Whether alarms within the CA do not follow its last change yet.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub following: bool,
}

impl Record for ClockRecord {
    const PREFIX: &'static str = "clock";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// A change of a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockChange {
    /// The new time.
    pub set: Option<Time>,
    /// How far it is put forward.
    pub advance: Option<Duration>,
    /// Whether it stands from now on.
    pub frozen: Option<bool>,
}

impl Clock {
    /// The time that it shows at this real time.
    pub fn at(&self, real: Time) -> Time {
        self.frozen.unwrap_or(Time::from_millis(real.millis().saturating_add_signed(self.shift)))
    }

    /// The real time at which it shows `shown`; `None` for never.
    pub fn real(&self, shown: Time) -> Option<Time> {
        match self.frozen {
            // The platform refuses an alarm at zero.
            Some(frozen) => (shown <= frozen).then_some(Time::from_millis(1)),
            None => Some(Time::from_millis(shown.millis().saturating_add_signed(self.shift.saturating_neg()))),
        }
    }

    /// The clock after a change at this real time.
    #[must_use]
    pub fn changed(&self, change: ClockChange, real: Time) -> Self {
        let now = change.set.unwrap_or_else(|| self.at(real));
        let now = change.advance.map_or(now, |by| now.plus(by));
        let frozen = change.frozen.unwrap_or(self.frozen.is_some());
        let shift = i64::try_from(i128::from(now.millis()) - i128::from(real.millis())).unwrap_or_default();
        Self {
            shift: if frozen { 0 } else { shift },
            frozen: frozen.then_some(now),
            changes: self.changes.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: Time = Time::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn id_proves_its_maker() {
        let id = new_id(&[7; 32], [1; RANDOM_BYTES]);
        assert!(is_id(&[7; 32], &id) && !is_id(&[8; 32], &id));
        assert_ne!(new_id(&[7; 32], [2; RANDOM_BYTES]).bytes()[RANDOM_BYTES..], id.bytes()[RANDOM_BYTES..]);
        for at in 0..16 {
            let mut bytes = id.bytes();
            bytes[at] ^= 1;
            assert!(!is_id(&[7; 32], &Id::from_random(bytes)), "octet {at}");
        }
        let token = token(&[7; 32], &id);
        assert_eq!(token.len(), 43);
        assert_ne!(token, super::token(&[8; 32], &id));
    }

    #[test]
    fn clock_is_set_advanced_frozen_and_run() {
        let clock = Clock::default();
        assert_eq!((clock.at(REAL), clock.real(REAL)), (REAL, Some(REAL)));
        let ahead = clock.changed(ClockChange { advance: Some(90 * DAY), ..ClockChange::default() }, REAL);
        assert_eq!(ahead.at(REAL), REAL.plus(90 * DAY));
        assert_eq!(ahead.real(REAL.plus(91 * DAY)), Some(REAL.plus(DAY)));
        let frozen = ahead.changed(ClockChange { frozen: Some(true), ..ClockChange::default() }, REAL);
        assert_eq!(frozen.at(REAL.plus(DAY)), REAL.plus(90 * DAY), "it stands");
        assert_eq!(frozen.real(REAL.plus(91 * DAY)), None);
        assert!(frozen.real(REAL).is_some(), "what was due then stays due");
        let later = frozen.changed(ClockChange { advance: Some(DAY), ..ClockChange::default() }, REAL.plus(DAY));
        assert_eq!((later.at(REAL), later.frozen.is_some()), (REAL.plus(91 * DAY), true));
        let run = later.changed(ClockChange { frozen: Some(false), ..ClockChange::default() }, REAL.plus(2 * DAY));
        assert_eq!(run.at(REAL.plus(3 * DAY)), REAL.plus(92 * DAY), "it goes on where it stood");
        let back = run.changed(ClockChange { set: Some(REAL.minus(DAY)), ..ClockChange::default() }, REAL);
        assert_eq!((back.at(REAL), back.real(REAL)), (REAL.minus(DAY), Some(REAL.plus(DAY))));
        assert_eq!(back.changes, 5);
    }
}
