//! The calendar feed: what ends, was revoked or takes over when, as iCalendar
//! ([RFC 5545](https://www.rfc-editor.org/rfc/rfc5545)) for the calendar programs that people have open anyway.

pub mod events;
#[cfg(test)]
mod tests;
mod text;

use self::text::{Lines, instant};
use crate::values::Time;

/// The most events of a feed.
pub const MAX_EVENTS: usize = 500;

/// How often a program should look again (RFC 7986 §5.7); the second name is what Outlook knows it by.
const REFRESH: [&str; 2] = ["REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"];

/// What an event is about; the first are those that are left out last when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Issuers and the root: few, and the whole authority depends on them.
    Issuers,
    /// Certificates that end.
    Certificates,
    /// Certificates that were revoked.
    Revocations,
}

/// When an event begins. It has no end: an instant ends at once, a day with the day (RFC 5545 §3.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At this instant.
    At(Time),
    /// All through the UTC day that has this instant.
    Day(Time),
}

/// One event of the calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name, the same in each feed; the calendar's host is added to it.
    pub uid: String,
    /// When it is.
    pub start: Start,
    /// Its title.
    pub summary: String,
    /// More about it.
    pub description: String,
    /// What it is about.
    pub category: Category,
    /// How many days before it a program should remind of it.
    pub alarm: Option<u32>,
}

/// Writes the calendar called `name` of the authority at `host`, as it is at `now`.
///
/// Of more than [`MAX_EVENTS`] the most important are kept, and of those the nearest in time; that some were left out
/// is said in the calendar's description.
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
        // RFC 5545 §3.8.7.2: where there is a METHOD, when this text was made.
        lines.raw(&format!("DTSTAMP:{}", instant(now)));
        lines.raw(&self.start.line());
        lines.text("SUMMARY", &self.summary);
        lines.text("DESCRIPTION", &self.description);
        lines.text("CATEGORIES", self.category.name());
        // Nobody is busy because a certificate ends.
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

    /// How far from `now` it is, to either side.
    fn distance(self, now: Time) -> u64 {
        self.time().millis().abs_diff(now.millis())
    }

    /// The line of it: a UTC date-time, or a date (RFC 5545 §3.8.2.4).
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
