//! Findings about the backups that the Worker makes by itself.

use super::finding::{Finding, Severity};
use crate::values::Time;
use core::time::Duration;

/// What to do.
const TODO: &str = "`selvedge backup list` shows which are in the bucket, and the Worker's log why; until then `selvedge backup \
                    FILE` makes one";

/// The backups into a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFacts {
    /// The time between two.
    pub period: Duration,
    /// When the schedule was first seen.
    pub since: Time,
    /// When the newest whole one was begun.
    pub last: Option<Time>,
    /// When one was given up since, and why.
    pub failed: Option<(Time, String)>,
}

/// Returns the findings about backups.
pub fn late_or_failed(facts: &BackupFacts, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let of = facts.last.unwrap_or(facts.since);
    if of.plus(facts.period.saturating_mul(2)) < now {
        let what = match facts.last {
            Some(last) => format!("the newest whole backup in the bucket is of {}", last.rfc3339()),
            None => format!("no backup became whole since the schedule was set, {}", facts.since.rfc3339()),
        };
        found.push(Finding::new("backup-late", Severity::Wrong, what, TODO));
    }
    if let Some((at, why)) = &facts.failed {
        let what = format!("the backup was given up at {}: {why}", at.rfc3339());
        let todo = "see that the bucket exists and is bound as BACKUPS (docs/OPERATIONS.md, \"Into a bucket\"); the next try \
                    follows within an hour";
        found.push(Finding::new("backup-failed", Severity::Due, what, todo));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_and_failed_backups_have_findings() {
        let (since, day) = (Time::from_secs(1_800_000_000), Duration::from_secs(86_400));
        let good = BackupFacts { period: day, since, last: None, failed: None };
        let ids = |facts: &BackupFacts, now| {
            late_or_failed(facts, now).into_iter().map(|one| (one.id, one.severity)).collect::<Vec<_>>()
        };
        let late = ("backup-late".to_owned(), Severity::Wrong);
        assert_eq!(ids(&good, since.plus(day * 2)), []);
        assert_eq!(ids(&good, since.plus(day * 3)), std::slice::from_ref(&late));
        let made = BackupFacts { last: Some(since.plus(day)), ..good };
        assert_eq!(ids(&made, since.plus(day * 3)), []);
        let failed = BackupFacts { failed: Some((since.plus(day * 2), "why".to_owned())), ..made };
        assert_eq!(ids(&failed, since.plus(day * 4)), [late, ("backup-failed".to_owned(), Severity::Due)]);
        assert!(late_or_failed(&failed, since)[0].what.ends_with(": why"));
    }
}
