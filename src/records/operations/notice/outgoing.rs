//! Ids of notices, the webhook queue, and the state of the expiry scan.

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Start of the downward count of milliseconds in ids. Its 15 digits last until the year 33658.
const LAST: u64 = 999_999_999_999_999;

/// The id of a notice about `what`, unique per instant. Newer ones sort first, as they are read.
pub fn notice_id(at: Time, what: &str) -> String {
    format!("{:015}-{what}", LAST.saturating_sub(at.millis()))
}

/// An entry of the webhook queue, stored as `outgoing/{millisecond, 15 digits}-{id of the notice}`. Only due entries
/// are read, even if thousands wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookQueueRecord {}

impl Record for WebhookQueueRecord {
    const PREFIX: &'static str = "outgoing";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The id of a queue entry that is due at `next`.
pub fn queue_id(next: Time, notice: &str) -> String {
    format!("{:015}-{notice}", next.millis())
}

/// Parses the due time and the notice's id of a queue entry's id.
pub fn parse_queue_id(id: &str) -> Option<(Time, &str)> {
    let (millis, notice) = id.split_once('-')?;
    Some((Time::from_millis(millis.parse().ok()?), notice))
}

/// State of a ledger's expiry scan, stored as `scan`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanStateRecord {
    /// End of the last complete scan; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Cursor of the scan under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<ScanCursor>,
    /// Time of the next step or scan.
    pub due: Time,
}

/// Cursor of an expiry scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanCursor {
    /// Start of the scan.
    pub at: Time,
    /// The last scanned entry of the expiry index.
    pub after: String,
}

impl ScanStateRecord {
    /// The state seen at `now`. If the clock went back, times in the future are now.
    #[must_use]
    pub fn at(self, now: Time, interval: Duration) -> Self {
        let due = if self.due > now.plus(interval) { now } else { self.due };
        let (until, cursor) = (self.until.map(|until| until.min(now)), self.cursor.filter(|cursor| cursor.at <= now));
        Self { until, cursor, due }
    }
}

impl Record for ScanStateRecord {
    const PREFIX: &'static str = "scan";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::records::operations::notice::outgoing::*;

    #[test]
    fn notices_sort_newest_first_and_queue_entries_by_due_time() {
        let (early, late) = (Time::from_secs(999), Time::from_secs(1_795_521_600));
        assert!(notice_id(late, "a") < notice_id(early, "b"));
        assert!(queue_id(early, "b") < queue_id(late, "a"));
        assert_eq!(parse_queue_id(&queue_id(late, &notice_id(early, "x-1"))), Some((late, &*notice_id(early, "x-1"))));
        assert_eq!(parse_queue_id("x"), None);
    }

    #[test]
    fn notice_id_has_no_dot() {
        // Standard Webhooks signs id, timestamp and body with dots between them.
        assert!(!notice_id(Time::from_secs(1), "test").contains('.'));
    }
}
