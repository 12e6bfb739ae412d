//! Instants, as numbers: no clock exists in the library; `now` is always passed in.

use core::str::FromStr;
use core::time::Duration;
use der::DateTime;
use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(u64);

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

    /// How long it is from this instant until `later`; zero when that is past.
    pub fn until(self, later: Time) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }

    /// [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) text in UTC with whole seconds: `2026-11-24T13:00:00Z`.
    ///
    /// Instants past the year 9999, which RFC 3339 cannot write, give its last second.
    pub fn rfc3339(self) -> String {
        match DateTime::from_unix_duration(Duration::from_secs(self.secs())) {
            Ok(date) => date.to_string(),
            Err(_) => "9999-12-31T23:59:59Z".to_owned(),
        }
    }

    /// Reads the text of [RFC 3339 §5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), any offset, in whole
    /// seconds: a fraction that is not zero is no instant that a certificate could have.
    ///
    /// `None` for anything else, for a leap second, and for what lies before 1970.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let text = text.to_ascii_uppercase();
        let (local, rest) = text.split_at_checked(19)?;
        let rest = match rest.strip_prefix('.') {
            None => rest,
            Some(fraction) => fraction.strip_prefix('0').map(|more| more.trim_start_matches('0'))?,
        };
        let local = DateTime::from_str(&format!("{local}Z")).ok()?.unix_duration().as_secs();
        let secs = match rest.split_at_checked(1)? {
            ("Z", "") => local,
            ("+", ahead) => local.checked_sub(offset(ahead)?)?,
            ("-", behind) => local.checked_add(offset(behind)?)?,
            _ => return None,
        };
        Some(Self::from_secs(secs))
    }
}

/// Seconds in `hh:mm`.
fn offset(text: &str) -> Option<u64> {
    let two = |text: &str, limit: u64| -> Option<u64> {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| digits && *n < limit)
    };
    let (hours, minutes) = text.split_once(':')?;
    Some(two(hours, 24)? * 3600 + two(minutes, 60)? * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o03_reads_rfc3339_strictly() {
        let noon = Time::from_secs(1_795_521_600);
        for good in [
            "2026-11-24T12:00:00Z",
            "2026-11-24t12:00:00z",
            "2026-11-24T12:00:00.000Z",
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
            "2026-11-24T12:00:00.5Z",
            "2026-11-24T12:00:00.Z",
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
}
