//! What there is to tell the operator: each notice is a record, which also says how its delivery to a webhook stands.

mod outgoing;
mod reminder;

pub use self::outgoing::{ScanCursor, ScanStateRecord, WebhookQueueRecord, notice_id, queue_id, parse_queue_id};
pub use self::reminder::{IssuerDates, IssuerNotice, IssuerTurn, issuer_notice_next, issuer_notices_due, remind_at};
use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// For how long a notice is kept.
pub const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// How long after each failure the next try comes. After the last of these it is given up: almost 16 hours after the
/// first try, in which time somebody has noticed that the receiver is down.
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

/// The most of an error that is kept, in bytes.
const MAX_ERROR: usize = 200;

/// 410 Gone: the receiver says that it is none any more (Standard Webhooks: stop sending).
const GONE: u16 = 410;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeKind {
    /// A certificate is near its end and was not renewed.
    #[serde(rename = "certificate.ending")]
    CertificateEnding,
    /// A certificate was revoked.
    #[serde(rename = "certificate.revoked")]
    CertificateRevoked,
    /// An issuer is near its end, or near the day from which it can issue no certificates of full length.
    #[serde(rename = "issuer.ending")]
    IssuerEnding,
    /// The operator asked for it, to see whether it arrives.
    #[serde(rename = "test")]
    Test,
}

impl NoticeKind {
    /// Its name, as stored and sent.
    pub fn name(self) -> &'static str {
        match self {
            Self::CertificateEnding => "certificate.ending",
            Self::CertificateRevoked => "certificate.revoked",
            Self::IssuerEnding => "issuer.ending",
            Self::Test => "test",
        }
    }
}

/// A notice, stored as `notice/{id}`; see [`notice_id`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRecord {
    /// What it is about.
    pub kind: NoticeKind,
    /// When it was noticed.
    pub at: Time,
    /// The certificate or the issuer, as the API shows it; always an object.
    pub data: Value,
    /// How its delivery stands.
    pub delivery: Delivery,
}

/// How the delivery of a notice stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Delivery {
    /// There was no webhook when it was noticed.
    None,
    /// It is to be sent.
    Waiting {
        /// When it is to be tried, for the first time or again.
        next: Time,
        /// The tries so far.
        #[serde(flatten)]
        tries: Tries,
    },
    /// The receiver has it.
    Delivered(Tries),
    /// It will not be tried any more.
    GivenUp(Tries),
}

/// The tries to deliver a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// How many were begun.
    pub attempts: u32,
    /// When the last one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// What the receiver answered to the last one, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Why a try failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The receiver answered with this status, which is none of success.
    Status(u16),
    /// There was no answer; the reason, as the platform has it.
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
    /// A new notice; with `webhook` it waits to be sent at once.
    pub fn new(kind: NoticeKind, data: Value, webhook: bool, now: Time) -> Self {
        let waiting = || Delivery::Waiting { next: now, tries: Tries::default() };
        Self { kind, at: now, data, delivery: if webhook { waiting() } else { Delivery::None } }
    }

    /// When it is to be tried next; `None` when it is not.
    pub fn next(&self) -> Option<Time> {
        match &self.delivery {
            Delivery::Waiting { next, .. } => Some(*next),
            Delivery::None | Delivery::Delivered(_) | Delivery::GivenUp(_) => None,
        }
    }

    /// Begins a try, counted before it is made: a notice whose sending ends its sender does not come back for ever. It is
    /// nobody else's for `held`, and due again after that, or after the pause that a failure of this try would have. So the
    /// receiver may have it twice, and knows that by its id. `false` when no try is left, and it is given up.
    pub fn begin(&mut self, now: Time, held: Duration) -> bool {
        let Delivery::Waiting { next, tries } = &mut self.delivery else { return false };
        if pause_after(tries.attempts).is_none() {
            let error = Some("The last try did not come to an end.".to_owned());
            self.delivery = Delivery::GivenUp(Tries { error, ..tries.clone() });
            return false;
        }
        tries.attempts += 1;
        *next = now.plus(pause_after(tries.attempts).unwrap_or_default().max(held));
        true
    }

    /// After an answer of the receiver: any 2xx is success.
    pub fn answered(&mut self, status: u16, now: Time) {
        match status {
            200..=299 => self.succeeded(status, now),
            _ => self.failed(Failure::Status(status), now),
        }
    }

    /// After a try that succeeded. A notice that is not waiting stays what it is: an answer that comes late, to a try
    /// that was given up for lost, changes nothing.
    pub fn succeeded(&mut self, status: u16, now: Time) {
        if let Delivery::Waiting { tries, .. } = &self.delivery {
            self.delivery = Delivery::Delivered(tries.ended(Some(status), None, now));
        }
    }

    /// After a try that failed: it waits for the next, or it is given up after the last or when the receiver is gone.
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
    /// With what came of the last one.
    fn ended(&self, status: Option<u16>, error: Option<String>, now: Time) -> Self {
        Self { attempts: self.attempts, last: Some(now), status, error }
    }
}

/// How long after the last of so many tries the next one comes; `None` when that was the last of all.
fn pause_after(tries: u32) -> Option<Duration> {
    match usize::try_from(tries).ok()?.checked_sub(1) {
        None => Some(Duration::ZERO),
        Some(failed) => BACK_OFF.get(failed).copied(),
    }
}

/// The beginning of a text that the other side may have written, on one line.
fn bounded(text: &str) -> String {
    let short = text.get(..text.floor_char_boundary(MAX_ERROR)).unwrap_or_default();
    short.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
