//! In which order notices are read and sent, and how far a ledger has looked for what ends.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// From here the milliseconds of an id are counted down; it has 15 digits, which is enough until the year 33658.
const LAST: u64 = 999_999_999_999_999;

/// The id of a notice about `what`, of which there is one at an instant. The newest stand first: of many notices those
/// are read.
pub fn notice_id(at: Time, what: &str) -> String {
    format!("{:015}-{what}", LAST.saturating_sub(at.millis()))
}

/// That a notice is to be sent then, stored as `outgoing/{millisecond, 15 digits}-{id of the notice}`. It stands there for
/// as long as the notice waits, so that thousands of notices can wait and only what is due is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookQueueRecord {}

impl Record for WebhookQueueRecord {
    const PREFIX: &'static str = "outgoing";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The id of the record that a notice is to be sent then.
pub fn queue_id(next: Time, notice: &str) -> String {
    format!("{:015}-{notice}", next.millis())
}

/// The millisecond and the notice's id in such an id.
pub fn parse_queue_id(id: &str) -> Option<(Time, &str)> {
    let (millis, notice) = id.split_once('-')?;
    Some((Time::from_millis(millis.parse().ok()?), notice))
}

/// How far a ledger has looked for what ends, stored as `looked`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanStateRecord {
    /// What there was to tell until then is told; `None` when it has never looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// The look that it is at, between two steps of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<ScanCursor>,
    /// When it goes on, or looks again.
    pub due: Time,
}

/// A look through a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanCursor {
    /// When it began.
    pub at: Time,
    /// The last certificate that it has come to, in the order of their ends.
    pub after: String,
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
    fn the_newest_notice_comes_first_and_the_one_that_is_due_first() {
        let (early, late) = (Time::from_secs(999), Time::from_secs(1_795_521_600));
        assert!(notice_id(late, "a") < notice_id(early, "b"));
        assert!(queue_id(early, "b") < queue_id(late, "a"));
        assert_eq!(
            parse_queue_id(&queue_id(late, &notice_id(early, "x-1"))),
            Some((late, &*notice_id(early, "x-1")))
        );
        assert_eq!(parse_queue_id("x"), None);
    }

    #[test]
    fn an_id_has_no_dot_in_it() {
        // Standard Webhooks: id, timestamp and body are signed with dots between them.
        assert!(!notice_id(Time::from_secs(1), "test").contains('.'));
    }
}
