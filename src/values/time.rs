//! Instants as numbers; the library reads no clock, `now` is always passed in.

use core::str::FromStr;
use core::time::Duration;
use der::DateTime;
use serde::{Deserialize, Serialize};

/// Instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

/// Difference from which a clock counts as having leaped.
pub const LEAP: Duration = Duration::from_secs(3600);

/// A day, in seconds.
const DAY: u64 = 86_400;

impl Time {
    /// The instant `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// The instant `secs` seconds after the Unix epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// This instant, `by` later.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This instant, `by` earlier; never before the Unix epoch.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The duration from this instant until `later`; zero when `later` is past.
    pub fn until(self, later: Time) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }

    /// Its day, in days since 1970-01-01 (UTC).
    pub const fn day(self) -> u64 {
        self.secs() / DAY
    }

    /// The first instant of a day.
    pub fn of_day(day: u64) -> Self {
        Self::from_secs(day.saturating_mul(DAY))
    }

    /// Whether `now` is at most `age` after this instant. One in the future is of a clock that went back.
    pub fn is_within(self, age: Duration, now: Self) -> bool {
        self <= now && now < self.plus(age)
    }

    /// Whether the thing of this lifetime that ends at this instant has ended.
    ///
    /// One whose end is further ahead than its lifetime has, too: it is of a clock that went back.
    pub fn has_ended(self, life: Duration, now: Self) -> bool {
        now >= self || self > now.plus(life).plus(LEAP)
    }

    /// Formats as [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) in UTC with whole seconds: `2026-11-24T13:00:00Z`.
    ///
    /// Instants past the year 9999, which RFC 3339 cannot write, give its last second. By hand over der's calendar: jiff
    /// would be a dependency for this function and its parser.
    pub fn rfc3339(self) -> String {
        match DateTime::from_unix_duration(Duration::from_secs(self.secs())) {
            Ok(date) => date.to_string(),
            Err(_) => "9999-12-31T23:59:59Z".to_owned(),
        }
    }

    /// Parses [RFC 3339 §5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), any offset; drops fractions.
    ///
    /// `None` for anything else, for a leap second, and for instants before 1970.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let Parts { local, ahead } = Parts::of(text)?;
        let local = DateTime::from_str(&format!("{local}Z")).ok()?.unix_duration().as_secs();
        local.checked_add_signed(ahead.checked_neg()?).map(Self::from_secs)
    }

    /// Recognises the zero value that Go and .NET clients send for an unset time.
    ///
    /// It is the first second of the year 1 in UTC; .NET writes it without a zone.
    pub fn is_unset(text: &str) -> bool {
        let zero = |parts: Parts| parts.local == FIRST_SECOND && parts.ahead == 0;
        text == FIRST_SECOND || Parts::of(text).is_some_and(zero)
    }
}

/// The first second of the year 1, without a zone.
const FIRST_SECOND: &str = "0001-01-01T00:00:00";

/// Parts of an RFC 3339 date and time, without a fraction of a second.
struct Parts {
    /// Date and time of day, 19 characters, in upper case; not parsed yet.
    local: String,
    /// Offset from UTC in seconds.
    ahead: i64,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let (local, rest) = text.split_at_checked(19)?;
        let rest = match rest.strip_prefix('.') {
            None => rest,
            Some(fraction) => {
                let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if zone.len() == fraction.len() {
                    return None;
                }
                zone
            }
        };
        let ahead = match rest.split_at_checked(1)? {
            ("Z", "") => 0,
            ("+", ahead) => offset(ahead)?,
            ("-", behind) => offset(behind)?.checked_neg()?,
            _ => return None,
        };
        Some(Self { local: local.to_owned(), ahead })
    }
}

/// Seconds in `hh:mm`.
fn offset(text: &str) -> Option<i64> {
    let two = |text: &str, limit: i64| -> Option<i64> {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| digits && *n < limit)
    };
    let (hours, minutes) = text.split_once(':')?;
    Some(two(hours, 24)? * 3600 + two(minutes, 60)? * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn o03_reads_all_of_rfc3339_and_nothing_else() {
        let noon = Time::from_secs(1_795_521_600);
        for good in [
            "2026-11-24T12:00:00Z",
            "2026-11-24t12:00:00z",
            "2026-11-24T12:00:00.000Z",
            "2026-11-24T12:00:00.5Z",
            "2026-11-24T12:00:00.999999999Z",
            "2026-11-24t14:00:00.1234567+02:00",
            "2026-11-24T06:30:00.000000000000000000001-05:30",
            "2026-11-25T11:59:00+23:59",
            "2026-11-24T13:00:00+01:00",
            "2026-11-24T06:30:00-05:30",
            "2026-11-24T12:00:00-00:00",
        ] {
            assert_eq!(Time::parse_rfc3339(good), Some(noon), "{good}");
        }
        for bad in [
            "",
            "2026-11-24",
            "2026-11-24T12:00:00",
            "2026-11-24 12:00:00Z",
            "2026-11-24T12:00Z",
            "2026-11-24T12:00:00.Z",
            "2026-11-24T12:00:00.5",
            "2026-11-24T12:00:00,5Z",
            "2026-11-24T12:00:00.-5Z",
            "2026-11-24T12:00:00.5.5Z",
            "2026-11-24T12:00:00.\u{665}Z",
            "0001-01-01T00:00:00Z",
            "2026-02-29T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T23:59:60Z",
            "2026-11-24T12:00:00+24:00",
            "2026-11-24T12:00:00+1:00",
            "2026-11-24T12:00:00+01:60",
            "2026-11-24T12:00:00+0100",
            "2026-11-24T12:00:00Z ",
            " 2026-11-24T12:00:00Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "+026-11-24T12:00:00Z",
            "2026-11-24T12:00:0\u{e9}Z",
        ] {
            assert_eq!(Time::parse_rfc3339(bad), None, "{bad}");
        }
        assert_eq!(Time::parse_rfc3339(&noon.rfc3339()), Some(noon));
    }

    #[test]
    fn o03_the_zero_value_of_a_time_is_known_in_every_spelling() {
        for unset in [
            "0001-01-01T00:00:00Z",
            "0001-01-01t00:00:00z",
            "0001-01-01T00:00:00+00:00",
            "0001-01-01T00:00:00-00:00",
            "0001-01-01T00:00:00.0000000Z",
            "0001-01-01T00:00:00.000+00:00",
            "0001-01-01T00:00:00",
        ] {
            assert!(Time::is_unset(unset), "{unset}");
        }
        for other in ["", " ", "0001-01-01T00:00:01Z", "0001-01-01T00:00:01", "0001-01-01", "1970-01-01T00:00:00Z"] {
            assert!(!Time::is_unset(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn o03_a_fraction_and_an_offset_change_no_second(
            secs in 86_400_u64..253_402_214_400,
            fraction in "(\\.[0-9]{1,20})?",
            minutes in -1_439_i64..1_440,
        ) {
            let local = Time::from_secs(secs.saturating_add_signed(minutes * 60)).rfc3339();
            let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
            let local = local.trim_end_matches('Z');
            let text = format!("{local}{fraction}{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            prop_assert_eq!(Time::parse_rfc3339(&text), Some(Time::from_secs(secs)), "{}", text);
        }

        #[test]
        fn o03_no_text_makes_it_panic(text in any::<String>(), like in "[0-9TtZz:+.-]{0,40}") {
            for text in [text, like] {
                let _ = (Time::parse_rfc3339(&text), Time::is_unset(&text));
            }
        }
    }

    #[test]
    fn writes_rfc3339() {
        assert_eq!(Time::from_millis(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Time::from_secs(1_709_164_799).rfc3339(), "2024-02-28T23:59:59Z");
        assert_eq!(Time::from_secs(1_709_164_800).rfc3339(), "2024-02-29T00:00:00Z");
        assert_eq!(Time::from_millis(u64::MAX).rfc3339(), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn arithmetic_saturates() {
        let t = Time::from_secs(10);
        assert_eq!(t.minus(Duration::from_secs(11)), Time::from_millis(0));
        assert_eq!(t.until(Time::from_secs(9)), Duration::ZERO);
        assert_eq!(t.plus(Duration::from_millis(5)).millis(), 10_005);
        assert_eq!(t.plus(Duration::MAX).millis(), u64::MAX);
    }

    #[test]
    fn times_of_a_clock_that_went_back_are_recognized() {
        let (at, age) = (Time::from_secs(100_000), Duration::from_secs(10));
        let later = |secs| at.plus(Duration::from_secs(secs));
        assert!(at.is_within(age, at) && at.is_within(age, later(9)) && !at.is_within(age, later(10)));
        assert!(!later(1).is_within(age, at));
        assert!(later(10).has_ended(age, later(10)) && !later(10).has_ended(age, at));
        assert!(!later(3610).has_ended(age, at) && later(3611).has_ended(age, at));
    }
}
