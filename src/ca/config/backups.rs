//! The settings of backups that the Worker makes by itself: BACKUP_SCHEDULE, BACKUP_RECIPIENT and BACKUP_KEEP.

use super::values::{Values, invalid, number};
use crate::values::Time;
use crate::values::age::Recipient;
use core::time::Duration;

/// Backups that are kept by default.
const KEEP: u32 = 14;

/// Most backups that are kept.
const MAX_KEEP: u32 = 400;

/// Most recipients.
const MAX_RECIPIENTS: usize = 5;

/// Longest interval in hours: a week.
const MAX_HOURS: u64 = 168;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Backups into the bucket `BACKUPS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backups {
    /// When they are made.
    pub schedule: Schedule,
    /// The recipients to which they are encrypted.
    pub recipients: Vec<Recipient>,
    /// The number of backups that are kept.
    pub keep: u32,
}

/// The times of backups: one in each period, at a fixed time of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Seconds of a period.
    period: u64,
    /// Seconds from its beginning.
    offset: u64,
}

impl Schedule {
    /// Reads `daily 03:00` or `6 hours`.
    fn parse(text: &str) -> Option<Self> {
        if let Some(time) = text.strip_prefix("daily ") {
            let (hours, minutes) = time.trim().split_once(':')?;
            let two = |text: &str, limit: u64| {
                let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                text.parse::<u64>().ok().filter(|n| digits && *n < limit)
            };
            return Some(Self { period: DAY, offset: two(hours, 24)? * HOUR + two(minutes, 60)? * 60 });
        }
        let hours = text.strip_suffix(" hours").or_else(|| text.strip_suffix(" hour"))?;
        let hours = hours.trim().parse::<u64>().ok().filter(|hours| (1..=MAX_HOURS).contains(hours))?;
        Some(Self { period: hours * HOUR, offset: 0 })
    }

    /// The time between backups.
    pub fn period(self) -> Duration {
        Duration::from_secs(self.period)
    }

    /// The last scheduled time, at the latest `now`.
    pub fn last(self, now: Time) -> Time {
        let since = now.secs().saturating_sub(self.offset);
        Time::from_secs(since.saturating_sub(since.checked_rem(self.period).unwrap_or_default()) + self.offset)
    }

    /// The first scheduled time after `now`.
    pub fn next(self, now: Time) -> Time {
        let last = self.last(now);
        if last > now { last } else { last.plus(self.period()) }
    }
}

impl Backups {
    /// Reads the settings; `None` without a schedule.
    ///
    /// # Errors
    /// A sentence that names the variable.
    // A function of its own, as a compiler of the module sees it: see `runtime/apart.rs`.
    #[inline(never)]
    pub fn read(value: Values<'_>) -> Result<Option<Self>, String> {
        let keep = number(value, "BACKUP_KEEP", 1..=MAX_KEEP)?;
        let recipients = value("BACKUP_RECIPIENT");
        let Some(text) = value("BACKUP_SCHEDULE") else {
            let left = [("BACKUP_RECIPIENT", recipients.is_some()), ("BACKUP_KEEP", keep.is_some())];
            return match left.into_iter().find(|(_, set)| *set) {
                Some((name, _)) => Err(format!(
                    "{name} is set, and BACKUP_SCHEDULE is not; set it too, like \"daily 03:00\", or remove {name}."
                )),
                None => Ok(None),
            };
        };
        let like = "a time of day in UTC, like \"daily 03:00\", or an interval of 1 to 168 hours, like \"6 hours\"";
        let schedule = Schedule::parse(text.trim()).ok_or_else(|| invalid("BACKUP_SCHEDULE", &text, like))?;
        let recipients = recipients.ok_or(
            "BACKUP_SCHEDULE is set, and BACKUP_RECIPIENT is not; backups are encrypted: set it to a recipient of age, \
             which `age-keygen -o backup.key` prints, and keep backup.key elsewhere.",
        )?;
        Ok(Some(Self { schedule, recipients: read_recipients(&recipients)?, keep: keep.unwrap_or(KEEP) }))
    }
}

fn read_recipients(text: &str) -> Result<Vec<Recipient>, String> {
    let mut all = Vec::new();
    for one in text.split([',', ' ', '\n']).filter(|one| !one.is_empty()) {
        if one.to_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(
                "BACKUP_RECIPIENT has an identity (AGE-SECRET-KEY-1…), which is secret; make another one with \
                        `age-keygen`, and set its recipient, age1…."
                    .to_owned(),
            );
        }
        let refused =
            |why: &str| invalid("BACKUP_RECIPIENT", one, format_args!("a recipient of age, like age1…: {why}"));
        all.push(one.parse().map_err(refused)?);
    }
    if all.is_empty() || all.len() > MAX_RECIPIENTS {
        return Err(invalid("BACKUP_RECIPIENT", text, format_args!("1 to {MAX_RECIPIENTS} recipients of age")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::age::testing::Identity;

    fn read(values: &[(&str, &str)]) -> Result<Option<Backups>, String> {
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        Backups::read(&value)
    }

    fn at(text: &str) -> Time {
        Time::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn schedules_have_their_times() {
        let daily = Schedule::parse("daily 03:30").unwrap();
        for (now, last, next) in [
            ("2027-01-31T03:29:59Z", "2027-01-30T03:30:00Z", "2027-01-31T03:30:00Z"),
            ("2027-01-31T03:30:00Z", "2027-01-31T03:30:00Z", "2027-02-01T03:30:00Z"),
        ] {
            assert_eq!((daily.last(at(now)), daily.next(at(now))), (at(last), at(next)), "{now}");
        }
        let hours = Schedule::parse("6 hours").unwrap();
        let now = at("2027-01-31T11:59:00Z");
        assert_eq!((hours.last(now), hours.next(now)), (at("2027-01-31T06:00:00Z"), at("2027-01-31T12:00:00Z")));
        assert_eq!(hours.period(), Duration::from_secs(6 * HOUR));
        assert_eq!(daily.next(Time::from_millis(0)), at("1970-01-01T03:30:00Z"));
        for wrong in
            ["", "daily", "daily 3:00", "daily 24:00", "daily 03:60", "0 hours", "169 hours", "6", "6 h", "weekly"]
        {
            assert_eq!(Schedule::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn settings_are_read_together() {
        let one = Identity::of([7; 32]).recipient();
        let two = format!("{one}, {}", Identity::of([8; 32]).recipient());
        let schedule = ("BACKUP_SCHEDULE", "daily 03:00");
        assert_eq!(read(&[]), Ok(None));
        let usual = read(&[schedule, ("BACKUP_RECIPIENT", &one)]).unwrap().unwrap();
        assert_eq!((usual.keep, usual.recipients.len()), (KEEP, 1));
        let more = read(&[schedule, ("BACKUP_RECIPIENT", &two), ("BACKUP_KEEP", "3")]).unwrap().unwrap();
        assert_eq!((more.keep, more.recipients.len()), (3, 2));
        for (values, says) in [
            (&[schedule][..], "BACKUP_RECIPIENT is not"),
            (&[("BACKUP_RECIPIENT", one.as_str())], "BACKUP_SCHEDULE is not"),
            (&[("BACKUP_KEEP", "3")], "BACKUP_SCHEDULE is not"),
            (&[("BACKUP_SCHEDULE", "nightly"), ("BACKUP_RECIPIENT", &one)], "BACKUP_SCHEDULE is \"nightly\""),
            (&[schedule, ("BACKUP_RECIPIENT", &one), ("BACKUP_KEEP", "0")], "BACKUP_KEEP"),
            (&[schedule, ("BACKUP_RECIPIENT", "age1x")], "BACKUP_RECIPIENT is \"age1x\""),
            (&[schedule, ("BACKUP_RECIPIENT", ",")], "1 to 5 recipients"),
            (&[schedule, ("BACKUP_RECIPIENT", "AGE-SECRET-KEY-1QQQ")], "has an identity"),
        ] {
            let refusal = read(values).unwrap_err();
            assert!(refusal.contains(says) && refusal.ends_with('.') && !refusal.contains("QQQ"), "{refusal}");
        }
    }
}
