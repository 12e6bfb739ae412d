//! Notices to the operator, each with the state of its delivery to a webhook.

pub mod digest;
mod outgoing;
mod reminder;

pub use self::outgoing::{ScanCursor, ScanStateRecord, WebhookQueueRecord, notice_id, parse_queue_id, queue_id};
pub use self::reminder::{IssuerDates, IssuerNotice, IssuerTurn, issuer_notice_next, issuer_notices_due, remind_at};
use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Time for which a notice is kept.
pub const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// Pause after each failed attempt. After the last, almost 16 hours after the first attempt, delivery is given up.
const BACK_OFF: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(8 * 3600),
];

/// Maximum length of a stored error in bytes.
const MAX_ERROR: usize = 200;

/// 410 Gone: the receiver is permanently gone (Standard Webhooks: stop sending).
const GONE: u16 = 410;

/// Kind of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeKind {
    /// A certificate expires soon and was not renewed.
    #[serde(rename = "certificate.ending")]
    CertificateEnding,
    /// A certificate was revoked.
    #[serde(rename = "certificate.revoked")]
    CertificateRevoked,
    /// An issuer expires soon, or soon cannot issue certificates of full length.
    #[serde(rename = "issuer.ending")]
    IssuerEnding,
    /// A witness has another tree than the transparency log.
    #[serde(rename = "log.forked")]
    LogForked,
    /// A test that the operator requested.
    #[serde(rename = "test")]
    Test,
}

impl NoticeKind {
    /// Its name in storage and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::CertificateEnding => "certificate.ending",
            Self::CertificateRevoked => "certificate.revoked",
            Self::IssuerEnding => "issuer.ending",
            Self::LogForked => "log.forked",
            Self::Test => "test",
        }
    }
}

/// A notice, stored as `notice/{id}`; see [`notice_id`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRecord {
    /// Kind.
    pub kind: NoticeKind,
    /// Time of the event.
    pub at: Time,
    /// The certificate or issuer as the API shows it; always an object.
    pub data: Value,
    /// State of the delivery.
    pub delivery: Delivery,
}

/// State of the delivery of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// No webhook was configured.
    None,
    /// To be sent.
    Waiting {
        /// Time of the next attempt.
        next: Time,
        /// Attempts so far.
        #[serde(flatten)]
        tries: Tries,
    },
    /// Delivered.
    Delivered(Tries),
    /// Given up.
    GivenUp(Tries),
}

/// Attempts to deliver a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// Number of attempts begun.
    pub attempts: u32,
    /// End of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Status of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Error of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Reason of a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An answer with an unsuccessful status.
    Status(u16),
    /// No answer, with the platform's reason.
    Error(String),
}

impl Record for NoticeRecord {
    const PREFIX: &'static str = "notice";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.at.plus(KEPT))
    }
}

impl NoticeRecord {
    /// A new notice; with `webhook` it is due for delivery.
    pub fn new(kind: NoticeKind, data: Value, webhook: bool, now: Time) -> Self {
        let waiting = || Delivery::Waiting { next: now, tries: Tries::default() };
        Self { kind, at: now, data, delivery: if webhook { waiting() } else { Delivery::None } }
    }

    /// Time of the next attempt, if any.
    pub fn next(&self) -> Option<Time> {
        match &self.delivery {
            Delivery::Waiting { next, .. } => Some(*next),
            Delivery::None | Delivery::Delivered(_) | Delivery::GivenUp(_) => None,
        }
    }

    /// Begins an attempt, which counts before it is made. So a notice that crashes its sender is not repeated
    /// forever.
    ///
    /// It is leased for `lease`, and due again afterwards, or after the pause for a failed attempt. The receiver may
    /// get it twice and recognises it by its id. Returns `false` when no attempt is left and delivery is given up.
    pub fn begin(&mut self, now: Time, lease: Duration) -> bool {
        let Delivery::Waiting { next, tries } = &mut self.delivery else { return false };
        if pause_after(tries.attempts).is_none() {
            let error = Some("The last try did not come to an end.".to_owned());
            self.delivery = Delivery::GivenUp(Tries { error, ..tries.clone() });
            return false;
        }
        tries.attempts += 1;
        *next = now.plus(pause_after(tries.attempts).unwrap_or_default().max(lease));
        true
    }

    /// Records an answer of the receiver: any 2xx is success.
    pub fn answered(&mut self, status: u16, now: Time) {
        match status {
            200..=299 => self.succeeded(status, now),
            _ => self.failed(Failure::Status(status), now),
        }
    }

    /// Records a successful attempt. A notice that is not waiting is unchanged: a late answer to a lost attempt has
    /// no effect.
    pub fn succeeded(&mut self, status: u16, now: Time) {
        if let Delivery::Waiting { tries, .. } = &self.delivery {
            self.delivery = Delivery::Delivered(tries.ended(Some(status), None, now));
        }
    }

    /// Records a failed attempt. The next one is scheduled; after the last, or for 410, delivery is given up.
    pub fn failed(&mut self, failure: Failure, now: Time) {
        let Delivery::Waiting { tries, .. } = &self.delivery else { return };
        let pause = pause_after(tries.attempts);
        let gone = failure == Failure::Status(GONE);
        let tries = match failure {
            Failure::Status(status) => tries.ended(Some(status), Some(format!("The answer was {status}.")), now),
            Failure::Error(text) => tries.ended(None, Some(bounded(&text)), now),
        };
        self.delivery = match pause {
            Some(pause) if !gone => Delivery::Waiting { next: now.plus(pause), tries },
            _ => Delivery::GivenUp(tries),
        };
    }

    /// The notice as the API shows it.
    pub fn view(&self, id: &str) -> Value {
        json!({
            "id": id,
            "at": self.at.rfc3339(),
            "kind": self.kind.name(),
            "data": self.data,
            "delivery": self.delivery.view(),
        })
    }
}

impl Delivery {
    fn view(&self) -> Value {
        let none = Tries::default();
        let (state, tries, next) = match self {
            Self::None => ("none", &none, None),
            Self::Waiting { next, tries } => ("waiting", tries, Some(*next)),
            Self::Delivered(tries) => ("delivered", tries, None),
            Self::GivenUp(tries) => ("given_up", tries, None),
        };
        json!({
            "state": state,
            "attempts": tries.attempts,
            "status": tries.status,
            "error": tries.error,
            "last": tries.last.map(Time::rfc3339),
            "next": next.map(Time::rfc3339),
        })
    }
}

impl Tries {
    /// Records the end of an attempt.
    fn ended(&self, status: Option<u16>, error: Option<String>, now: Time) -> Self {
        Self { attempts: self.attempts, last: Some(now), status, error }
    }
}

/// Pause after this many attempts; `None` after the last.
fn pause_after(tries: u32) -> Option<Duration> {
    match usize::try_from(tries).ok()?.checked_sub(1) {
        None => Some(Duration::ZERO),
        Some(failed) => BACK_OFF.get(failed).copied(),
    }
}

/// The first line of a text from the other side, cut to [`MAX_ERROR`].
fn bounded(text: &str) -> String {
    let short = text.get(..text.floor_char_boundary(MAX_ERROR)).unwrap_or_default();
    short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
