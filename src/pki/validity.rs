//! Validities: as requested by an order, within the limits of profile and issuer
//! ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4): as requested, or refused).

use super::issuer::Issuer;
use super::profile::Profile;
use crate::values::Time;
use core::time::Duration;

/// Maximum time from the order to `notBefore`.
///
/// Names are validated at the time of the order, not when the certificate begins.
pub const MAX_AHEAD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// First and last second of a validity, both counted (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second.
    pub not_before: Time,
    /// The last second.
    pub not_after: Time,
}

impl Period {
    /// Its length, including both ends.
    pub fn length(&self) -> Duration {
        // Both ends count.
        Duration::from_secs((self.not_after.secs() + 1).saturating_sub(self.not_before.secs()))
    }
}

/// The validity that an order requests, in whole seconds; `None` means the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestedPeriod {
    /// The first second.
    pub not_before: Option<Time>,
    /// The last second.
    pub not_after: Option<Time>,
}

/// The limits of a validity.
#[derive(Clone, Copy, Debug)]
pub struct PeriodLimits<'a> {
    /// The issuer that signs.
    pub issuer: &'a Issuer,
    /// The profile of the order.
    pub profile: &'a Profile,
    /// Maximum length, at most the profile's.
    pub longest: Duration,
    /// Time of the order. The limits of that time apply as long as the order exists.
    pub ordered: Time,
}

/// Why a requested validity is refused; the text is a sentence that names the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodFault {
    /// The end is not after the beginning; both.
    #[error("notAfter {until} is not after notBefore {from}.", from = .0.rfc3339(), until = .1.rfc3339())]
    Empty(Time, Time),
    /// The requested end has passed; the end.
    #[error("notAfter {until} has passed.", until = .0.rfc3339())]
    Over(Time),
    /// Longer than the maximum: the maximum, and the profile's name.
    #[error(
        "The validity asked for by notBefore and notAfter is longer than the {seconds} seconds ({days} days) that a \
         certificate of profile {1:?} may have here.",
        seconds = .0.as_secs(),
        days = .0.as_secs() / 86_400
    )]
    TooLong(Duration, &'static str),
    /// It begins earlier than this.
    #[error("notBefore may be {earliest} at the earliest.", earliest = .0.rfc3339())]
    TooEarly(Time),
    /// It begins later than this.
    #[error("notBefore may be {latest} at the latest.", latest = .0.rfc3339())]
    TooLate(Time),
    /// It ends after the issuer certificate, whose end this is.
    #[error("notAfter may be {end} at the latest: the issuer's own certificate ends then.", end = .0.rfc3339())]
    Outlives(Time),
}

impl PeriodLimits<'_> {
    /// Computes the validity of a certificate issued at `now`.
    ///
    /// Requested times are kept to the second. An open beginning is `now` minus the profile's backdate, or later if the
    /// requested end would be too far away. An open end is as late as the maximum length allows; if that is after the
    /// issuer's end, issuing fails instead of shortening the certificate.
    ///
    /// # Errors
    /// [`PeriodFault`] for a request outside the limits; never without a request.
    pub fn period(&self, requested: RequestedPeriod, now: Time) -> Result<Period, PeriodFault> {
        let second = Duration::from_secs(1);
        let start = |at: Time| whole(at.minus(self.profile.backdate)).max(self.issuer.not_before());
        let not_before = match (requested.not_before, requested.not_after) {
            (Some(from), _) => {
                let (earliest, latest) = (start(self.ordered), whole(self.ordered.plus(MAX_AHEAD)));
                if from < earliest {
                    return Err(PeriodFault::TooEarly(earliest));
                }
                if from > latest {
                    return Err(PeriodFault::TooLate(latest));
                }
                from
            }
            (None, Some(until)) => start(now).max(until.plus(second).minus(self.longest)).min(whole(now)),
            (None, None) => start(now),
        };
        let open = not_before.plus(self.longest.saturating_sub(second));
        let period = Period { not_before, not_after: requested.not_after.unwrap_or(open) };
        if requested == RequestedPeriod::default() { Ok(period) } else { self.check(period, now) }
    }

    fn check(&self, period: Period, now: Time) -> Result<Period, PeriodFault> {
        let Period { not_before, not_after } = period;
        if not_after <= now {
            return Err(PeriodFault::Over(not_after));
        }
        if not_after <= not_before {
            return Err(PeriodFault::Empty(not_before, not_after));
        }
        if period.length() > self.longest {
            return Err(PeriodFault::TooLong(self.longest, self.profile.name));
        }
        if not_after > self.issuer.not_after() {
            return Err(PeriodFault::Outlives(self.issuer.not_after()));
        }
        Ok(period)
    }
}

/// Truncates to whole seconds.
fn whole(time: Time) -> Time {
    Time::from_secs(time.secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::profile::{default_profile, find};
    use crate::pki::testing::{NOW, issuer};

    const HOUR: Duration = Duration::from_secs(3600);
    const DAY: Duration = Duration::from_secs(86_400);

    fn period(profile: &str, from: Option<Time>, until: Option<Time>, now: Time) -> Result<Period, PeriodFault> {
        let (profile, issuer) = (find(profile).unwrap(), issuer());
        let terms = PeriodLimits { issuer: &issuer, profile, longest: profile.validity, ordered: NOW };
        terms.period(RequestedPeriod { not_before: from, not_after: until }, now)
    }

    #[test]
    fn o03_period_without_request_is_the_profiles() {
        let later = NOW.plus(HOUR).plus(HOUR).plus(Duration::from_millis(700));
        let found = period("default", None, None, later).unwrap();
        assert_eq!((found.not_before, found.length()), (NOW.plus(HOUR), default_profile().validity));
    }

    #[test]
    fn o03_requested_period_is_kept_to_the_second_later_too() {
        let (from, until) = (NOW.minus(HOUR), NOW.plus(DAY));
        for now in [NOW, NOW.plus(DAY).minus(HOUR)] {
            let found = period("default", Some(from), Some(until), now).unwrap();
            assert_eq!(found, Period { not_before: from, not_after: until });
        }
        let ahead = NOW.plus(MAX_AHEAD);
        let found = period("shortlived", Some(ahead), None, NOW).unwrap();
        assert_eq!((found.not_before, found.length()), (ahead, HOUR * 160));
    }

    #[test]
    fn o03_open_beginning_yields_to_requested_end() {
        let whole_length = NOW.plus(default_profile().validity).minus(Duration::from_secs(1));
        let found = period("default", None, Some(whole_length), NOW).unwrap();
        assert_eq!(found, Period { not_before: NOW, not_after: whole_length });
        let found = period("default", None, Some(NOW.plus(DAY)), NOW).unwrap();
        assert_eq!(found.not_before, NOW.minus(HOUR));
    }

    #[test]
    fn o03_period_outside_limits_is_refused_with_the_limit() {
        let second = Duration::from_secs(1);
        let limit = default_profile().validity;
        let fault = |from, until| period("default", from, until, NOW).unwrap_err();
        assert_eq!(fault(None, Some(NOW.plus(limit))), PeriodFault::TooLong(limit, "default"));
        assert_eq!(fault(Some(NOW), Some(NOW.plus(limit))), PeriodFault::TooLong(limit, "default"));
        assert_eq!(fault(None, Some(NOW)), PeriodFault::Over(NOW));
        let (from, until) = (NOW.plus(DAY), NOW.plus(HOUR));
        assert_eq!(fault(Some(from), Some(until)), PeriodFault::Empty(from, until));
        assert_eq!(fault(Some(from), Some(from)), PeriodFault::Empty(from, from));
        let earliest = NOW.minus(HOUR);
        let older =
            PeriodLimits { issuer: &issuer(), profile: default_profile(), longest: limit, ordered: NOW.plus(DAY) };
        let requested = RequestedPeriod { not_before: Some(NOW.plus(DAY).minus(HOUR).minus(second)), not_after: None };
        assert_eq!(older.period(requested, NOW.plus(DAY)), Err(PeriodFault::TooEarly(earliest.plus(DAY))));
        let latest = NOW.plus(MAX_AHEAD);
        assert_eq!(fault(Some(latest.plus(second)), None), PeriodFault::TooLate(latest));
        let short = PeriodLimits { issuer: &issuer(), profile: default_profile(), longest: DAY, ordered: NOW };
        let requested = RequestedPeriod { not_before: None, not_after: Some(NOW.plus(DAY)) };
        assert_eq!(short.period(requested, NOW), Err(PeriodFault::TooLong(DAY, "default")), "a policy's own limit");
        let end = issuer().not_after();
        let near =
            PeriodLimits { issuer: &issuer(), profile: default_profile(), longest: limit, ordered: end.minus(DAY) };
        let requested = RequestedPeriod { not_before: None, not_after: Some(end.plus(second)) };
        assert_eq!(near.period(requested, end.minus(DAY)), Err(PeriodFault::Outlives(end)));
        assert!(near.period(RequestedPeriod { not_after: Some(end), ..requested }, end.minus(DAY)).is_ok());
        assert!(fault(None, Some(NOW.plus(limit))).to_string().contains("90 days"));
    }
}
