//! Times as they are typed and shown.

use core::time::Duration;

use selvedge::values::Time;

/// A typed time: an instant, or a span from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// `2027-01-31T00:00:00Z`, or the day alone for its beginning in UTC.
    At(Time),
    /// `90d`, `12h`, `2w` from now.
    Ahead(Duration),
}

impl Moment {
    /// The instant, relative to now.
    pub fn from(self, now: Time) -> Time {
        match self {
            Self::At(time) => time,
            Self::Ahead(span) => now.plus(span),
        }
    }
}

/// Parses an instant or a span.
///
/// # Errors
/// The accepted forms.
pub fn moment(text: &str) -> Result<Moment, String> {
    let instant = Time::parse_rfc3339(text).or_else(|| Time::parse_rfc3339(&format!("{text}T00:00:00Z")));
    let ahead = || span(text).ok().map(Moment::Ahead);
    instant.map(Moment::At).or_else(ahead).ok_or_else(|| {
        format!(
            "{text:?} is not a time: write 2027-01-31T00:00:00Z, the day 2027-01-31, or a span from now, as 90d or 12h"
        )
    })
}

/// Parses a span: hours, days or weeks.
///
/// # Errors
/// The accepted forms.
pub fn span(text: &str) -> Result<Duration, String> {
    let unit = |letter| match letter {
        'h' => Some(3600_u64),
        'd' => Some(86_400),
        'w' => Some(7 * 86_400),
        _ => None,
    };
    let parts = text.char_indices().next_back().and_then(|(at, letter)| Some((text.get(..at)?, unit(letter)?)));
    let digits = parts.filter(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    let secs = digits.and_then(|(number, unit)| number.parse::<u64>().ok()?.checked_mul(unit));
    // A hundred years, the longest span that makes sense here.
    let secs = secs.filter(|secs| *secs <= 36_525 * 86_400);
    secs.map(Duration::from_secs).ok_or_else(|| format!("{text:?} is not a time span: write 12h, 90d or 2w"))
}

/// The day of a time: `2027-01-31`.
pub fn day(at: Time) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// A time as a day, and how far away it is: `2027-01-31, in 66 days`.
pub fn when(at: Time, now: Time) -> String {
    let days = |time: Time| i64::try_from(time.secs() / 86_400).unwrap_or(i64::MAX);
    let away = match days(at).saturating_sub(days(now)) {
        0 => "today".to_owned(),
        1 => "in 1 day".to_owned(),
        -1 => "1 day ago".to_owned(),
        n if n > 0 => format!("in {n} days"),
        n => format!("{} days ago", n.saturating_neg()),
    };
    format!("{}, {away}", day(at))
}

/// How long ago a time was: `12 minutes ago`.
pub fn age(at: Time, now: Time) -> String {
    let secs = now.secs().saturating_sub(at.secs());
    let units = [("day", 86_400), ("hour", 3_600), ("minute", 60)];
    let found = units.into_iter().find_map(|(unit, size)| Some((secs.checked_div(size).filter(|n| *n > 0)?, unit)));
    match found {
        None => "now".to_owned(),
        Some((1, unit)) => format!("1 {unit} ago"),
        Some((n, unit)) => format!("{n} {unit}s ago"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_hours_days_or_weeks() {
        let secs = |text: &str| span(text).map(|span| span.as_secs());
        assert_eq!(
            [secs("12h"), secs("90d"), secs("2w"), secs("0d")].map(Result::unwrap),
            [43_200, 7_776_000, 1_209_600, 0]
        );
        for bad in ["", "d", "90", "-1d", "1.5d", "1m", "١d", "999999999999999999d", "40000d", "d90", "é"] {
            assert!(secs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_instants_days_or_ahead() {
        let now = Time::parse_rfc3339("2026-11-24T12:00:00Z").unwrap();
        let at = |text: &str| moment(text).unwrap().from(now).rfc3339();
        assert_eq!(at("2027-01-31T01:00:00+01:00"), "2027-01-31T00:00:00Z");
        assert_eq!(at("2027-01-31"), "2027-01-31T00:00:00Z");
        assert_eq!(at("1d"), "2026-11-25T12:00:00Z");
        assert!(moment("soon").unwrap_err().contains("2027-01-31"));
    }

    #[test]
    fn ages_have_the_greatest_unit() {
        let now = Time::from_secs(1_795_521_600);
        let of = |secs| age(Time::from_secs(now.secs() - secs), now);
        assert_eq!(
            [of(0), of(59), of(60), of(119), of(7_199)],
            ["now", "now", "1 minute ago", "1 minute ago", "1 hour ago"]
        );
        assert_eq!([of(7_200), of(86_400), of(200_000)], ["2 hours ago", "1 day ago", "2 days ago"]);
        assert_eq!(age(Time::from_secs(now.secs() + 90), now), "now", "another clock");
    }

    #[test]
    fn days_are_counted_by_the_calendar() {
        let noon = Time::from_secs(1_795_521_600);
        let after = |hours: u64| Time::from_secs(noon.secs() + hours * 3600);
        assert_eq!(when(noon, noon), "2026-11-24, today");
        assert_eq!(when(after(12), noon), "2026-11-25, in 1 day");
        assert_eq!(when(after(11), noon), "2026-11-24, today");
        assert_eq!(when(after(24 * 66), noon), "2027-01-29, in 66 days");
        assert_eq!(when(noon, after(13)), "2026-11-24, 1 day ago");
        assert_eq!(when(noon, after(48)), "2026-11-24, 2 days ago");
    }
}
