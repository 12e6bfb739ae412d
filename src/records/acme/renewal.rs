//! Suggested renewal windows ([RFC 9773](https://www.rfc-editor.org/rfc/rfc9773)).

use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Lifetimes below this are renewed at half, longer ones at two thirds.
const SHORT: u64 = 10 * 24 * 3600;

/// `Retry-After` in seconds: clients learn of a revocation within this time.
const RETRY: u64 = 6 * 3600;

/// The window of a revoked or replaced certificate, relative to that event. It is in the past and constant, so that
/// clients renew at once (RFC 9773 §4.2).
const REVOKED: (Duration, Duration) = (Duration::from_secs(60 * 60), Duration::from_secs(30 * 60));

/// The data of a certificate that determine its renewal window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewable {
    /// Time of issue; `not_before` is earlier.
    pub issued: Time,
    /// Start of validity.
    pub not_before: Time,
    /// End of validity.
    pub not_after: Time,
    /// Time of revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
    /// Time of an operator's replacement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<Time>,
    /// URL of a page that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

impl Renewable {
    /// A certificate that is neither revoked nor replaced.
    pub fn of(issued: Time, not_before: Time, not_after: Time) -> Self {
        Self { issued, not_before, not_after, revoked: None, replace: None, explanation: None }
    }

    /// First whole second of use: the issue, however far `not_before` is backdated.
    fn begin(&self) -> u64 {
        self.issued.millis().div_ceil(1000).max(self.not_before.secs())
    }

    /// Time of use in seconds, at least one.
    fn lifetime(&self) -> u64 {
        // Both ends are inclusive.
        (self.not_after.secs() + 1).saturating_sub(self.begin()).max(1)
    }

    /// The suggested window (RFC 9773 §4.2), in whole seconds.
    ///
    /// Its middle is a third of the lifetime before the end, for short lifetimes a half. `spread`, a number specific
    /// to the certificate, moves it by up to a hundredth, so that certificates issued together are not renewed
    /// together. The window extends a hundredth of the lifetime to both sides. The lifetime begins at the issue, and
    /// no window begins earlier.
    pub fn window(&self, spread: u64) -> (Time, Time) {
        if let Some(at) = self.revoked.or(self.replace) {
            let at = Time::from_secs(at.secs());
            return (at.minus(REVOKED.0), at.minus(REVOKED.1));
        }
        let lifetime = self.lifetime();
        let before_end = if lifetime < SHORT { lifetime / 2 } else { lifetime / 3 };
        let side = (lifetime / 100).max(1);
        let middle = self.not_after.secs().saturating_sub(before_end + side) + spread % (2 * side + 1);
        let start = middle.saturating_sub(side).max(self.begin());
        (Time::from_secs(start), Time::from_secs((middle + side).max(start + 1)))
    }

    /// Seconds until the next request (RFC 9773 §4.3.2): about six hours, less for short lifetimes. Spread by up to a
    /// tenth, and between a minute and a day.
    pub fn retry_after(&self, spread: u64) -> u64 {
        let base = RETRY.min(self.lifetime() / 24);
        let tenth = base / 10;
        (base - tenth + spread % (2 * tenth + 1)).max(60)
    }
}

#[cfg(test)]
mod tests {
    use crate::records::acme::renewal::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    fn renewable(lifetime: u64) -> Renewable {
        let from = 1_795_521_600;
        let (not_before, not_after) = (Time::from_secs(from), Time::from_secs(from + lifetime - 1));
        Renewable::of(not_before, not_before, not_after)
    }

    #[test]
    fn ari_window_is_around_two_thirds_or_half_of_the_lifetime() {
        for (lifetime, part) in [(90 * DAY, 60 * DAY), (45 * DAY, 30 * DAY), (160 * 3600, 80 * 3600), (DAY, DAY / 2)] {
            let certificate = renewable(lifetime);
            let side = lifetime / 100;
            let middle = certificate.not_before.secs() + part - 1;
            // The spread that leaves the window in place.
            let (start, end) = certificate.window(side);
            assert_eq!((start.secs(), end.secs()), (middle - side, middle + side), "{lifetime}");
            assert_eq!(certificate.window(0).0.secs(), middle - 2 * side);
            assert_eq!(certificate.window(2 * side).1.secs(), middle + 2 * side);
        }
    }

    #[test]
    fn ari_a_revoked_certificate_has_its_window_in_the_past() {
        let at = Time::from_millis(1_795_600_000_123);
        let revoked = Renewable { revoked: Some(at), ..renewable(90 * DAY) };
        let (start, end) = revoked.window(5);
        assert_eq!((start.secs(), end.secs()), (at.secs() - 3600, at.secs() - 1800));
    }

    #[test]
    fn ari_retry_after_is_six_hours_at_most() {
        for spread in [0, 1, u64::MAX] {
            let long = renewable(90 * DAY).retry_after(spread);
            assert!((RETRY - RETRY / 10..=RETRY + RETRY / 10).contains(&long), "{long}");
            assert!(renewable(DAY).retry_after(spread) <= 3960);
            assert_eq!(renewable(2).retry_after(spread), 60);
        }
    }

    #[test]
    fn ari_window_counts_from_the_issue() {
        // Backdated by an hour, with five minutes to live: the middle is half of what is left.
        let issued = Time::from_millis(1_795_521_600_500);
        let certificate =
            Renewable::of(issued, issued.minus(Duration::from_secs(3600)), issued.plus(Duration::from_secs(300)));
        for spread in 0..100 {
            let (start, end) = certificate.window(spread);
            assert!(start.secs() >= issued.secs() + 140 && end.secs() <= issued.secs() + 160, "{start:?} {end:?}");
        }
    }

    proptest! {
        #[test]
        fn ari_no_window_begins_before_the_issue(
            lifetime in 0u64..400 * DAY, late in 0u64..500 * DAY, ms in 0u64..1000, spread in any::<u64>(),
        ) {
            let not_before = Time::from_secs(1_795_521_600);
            let issued = Time::from_millis(not_before.millis() + late * 1000 + ms);
            let (start, end) = Renewable::of(issued, not_before, not_before.plus(Duration::from_secs(lifetime))).window(spread);
            prop_assert!(issued <= start && start < end, "{:?} {:?}", start, end);
        }

        #[test]
        fn ari_a_window_always_begins_before_it_ends(lifetime in 1u64..400 * DAY, spread in any::<u64>()) {
            let (start, end) = renewable(lifetime).window(spread);
            prop_assert!(start < end && start.millis() % 1000 == 0 && end.millis() % 1000 == 0);
            prop_assert!((60..=DAY).contains(&renewable(lifetime).retry_after(spread)));
        }
    }
}
