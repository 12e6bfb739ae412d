//! Instants, as numbers: no clock exists in the library; `now` is always passed in.

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
}

#[cfg(test)]
mod tests {
    use super::*;

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
