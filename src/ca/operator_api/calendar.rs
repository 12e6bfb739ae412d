//! The calendar feed in iCalendar format ([RFC 5545](https://www.rfc-editor.org/rfc/rfc5545)), for common calendar
//! programs. It shows expiries, revocations and changes of issuer.

pub mod events;
#[cfg(test)]
mod tests;
mod text;

use self::text::{Lines, instant};
use crate::values::Time;

/// Maximum number of events of a feed.
pub const MAX_EVENTS: usize = 500;

/// Refresh interval for calendar programs (RFC 7986 §5.7). The second property is Outlook's.
const REFRESH: [&str; 2] = ["REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"];

/// The subject of an event, most important first. Beyond the maximum, the last ones are dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Issuers and the root: few, and the whole CA depends on them.
    Issuers,
    /// What the CA depends on: its endpoint, its domain, tokens and keys of operators.
    Operation,
    /// Certificates that expire.
    Certificates,
    /// Revoked certificates.
    Revocations,
}

/// The start of an event. There is no `DTEND`: an instant ends at once, a day at its end (RFC 5545 §3.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At this instant.
    At(Time),
    /// The whole UTC day that contains this instant.
    Day(Time),
}

/// An event of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stable identifier, the same in each feed; the calendar's host is appended.
    pub uid: String,
    /// Start.
    pub start: Start,
    /// Title.
    pub summary: String,
    /// Details.
    pub description: String,
    /// Subject.
    pub category: Category,
    /// Reminder, in days before the start.
    pub alarm: Option<u32>,
}

/// Writes the calendar `name` of the CA at `host`, as of `now`.
///
/// Beyond [`MAX_EVENTS`], the most important events are kept, and among those the nearest in time. The calendar's
/// description then has the number of dropped events.
pub fn write(name: &str, host: &str, mut events: Vec<Event>, now: Time) -> String {
    events.sort_by_key(|event| (event.category, event.start.distance(now)));
    let left_out = events.len().saturating_sub(MAX_EVENTS);
    events.truncate(MAX_EVENTS);
    events.sort_by(|one, other| (one.start.time(), &one.uid).cmp(&(other.start.time(), &other.uid)));
    let mut lines = Lines::default();
    lines.raw("BEGIN:VCALENDAR");
    lines.raw("VERSION:2.0");
    lines.raw("PRODID:-//Selvedge//Selvedge//EN");
    lines.raw("CALSCALE:GREGORIAN");
    lines.raw("METHOD:PUBLISH");
    lines.text("NAME", name);
    lines.text("X-WR-CALNAME", name);
    if left_out > 0 {
        lines.text("X-WR-CALDESC", &format!("{left_out} more events are not shown; the inventory has all of them."));
    }
    REFRESH.into_iter().for_each(|line| lines.raw(line));
    events.iter().for_each(|event| event.write(&mut lines, host, now));
    lines.raw("END:VCALENDAR");
    lines.into_string()
}

impl Event {
    fn write(&self, lines: &mut Lines, host: &str, now: Time) {
        lines.raw("BEGIN:VEVENT");
        lines.text("UID", &format!("{}@{host}", self.uid));
        // RFC 5545 §3.8.7.2: with a METHOD, the time of writing.
        lines.raw(&format!("DTSTAMP:{}", instant(now)));
        lines.raw(&self.start.line());
        lines.text("SUMMARY", &self.summary);
        lines.text("DESCRIPTION", &self.description);
        lines.text("CATEGORIES", self.category.name());
        // An expiry does not occupy the calendar owner's time.
        lines.raw("TRANSP:TRANSPARENT");
        if let Some(days) = self.alarm {
            lines.raw("BEGIN:VALARM");
            lines.raw("ACTION:DISPLAY");
            lines.text("DESCRIPTION", &self.summary);
            lines.raw(&format!("TRIGGER:-P{days}D"));
            lines.raw("END:VALARM");
        }
        lines.raw("END:VEVENT");
    }
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Self::Issuers => "Issuers",
            Self::Operation => "Operation",
            Self::Certificates => "Certificates",
            Self::Revocations => "Revocations",
        }
    }
}

impl Start {
    fn time(self) -> Time {
        match self {
            Self::At(time) | Self::Day(time) => time,
        }
    }

    /// Returns the absolute distance from `now` in milliseconds.
    fn distance(self, now: Time) -> u64 {
        self.time().millis().abs_diff(now.millis())
    }

    /// Returns the DTSTART line: a UTC date-time, or a date (RFC 5545 §3.8.2.4).
    fn line(self) -> String {
        match self {
            Self::At(time) => format!("DTSTART:{}", instant(time)),
            Self::Day(time) => {
                let instant = instant(time);
                format!("DTSTART;VALUE=DATE:{}", instant.split('T').next().unwrap_or_default())
            }
        }
    }
}
