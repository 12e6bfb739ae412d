//! Notices of a partition: stored with what they tell of, and sent to the webhook until the receiver has them.
//!
//! A notice that waits has a record at the time of its next try (`outgoing/…`), and all of them together one job, so that a
//! thousand notices hide no other job. Each is held, and its try counted, before it is sent; what is lost on the way is left to the next try.

use crate::ca::config::webhook::Webhook;
use crate::ca::runtime::ask::{Address, Ask};
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::notice::{
    Delivery, Failure, NoticeKind, NoticeRecord, WebhookQueueRecord, notice_id, parse_queue_id, queue_id,
};
use crate::store::{Kv, Txn};
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// Lease of a notice that is being sent: longer than a host tries to deliver it.
const LEASE: Duration = Duration::from_secs(30);

/// Longest time that one job sends notices before other due jobs run.
const TURN: Duration = Duration::from_secs(15);

/// How long a receiver is left alone that did not answer, whatever else there is for it.
const PAUSE: Duration = Duration::from_secs(5);

/// How many notices are looked at to count them, and how many in one go.
const COUNTED: usize = 5_000;

const PAGE: usize = 500;

/// A partition that stores notices.
#[derive(Clone, Debug)]
pub enum NoticeStore {
    /// The ledger of this issuer.
    Ledger(String),
    /// The operators' partition.
    Operations,
}

impl Address for NoticeStore {
    fn partition(&self) -> PartitionId {
        match self {
            Self::Ledger(issuer) => PartitionId::Ledger(issuer.clone()),
            Self::Operations => PartitionId::Operations,
        }
    }
}

/// Lists the newest notices, as the API shows them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListNotices {
    /// The largest number of notices.
    pub limit: usize,
}

impl Ask for ListNotices {
    type At = NoticeStore;
    type Reply = Vec<Value>;
    const NAME: &'static str = "ListNotices";
}

/// Counts the notices by their delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CountNotices;

impl Ask for CountNotices {
    type At = NoticeStore;
    type Reply = NoticeCounts;
    const NAME: &'static str = "CountNotices";
}

/// Counts of notices, of the last few thousand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NoticeCounts {
    /// Notices that wait for their delivery.
    pub waiting: u64,
    /// Notices that were never delivered.
    pub given_up: u64,
}

/// A notice to be stored.
pub(in crate::ca) struct NewNotice<'a> {
    /// What it is about.
    pub kind: NoticeKind,
    /// That in an id: of the same there is one notice at an instant.
    pub what: &'a str,
    /// The certificate or the issuer.
    pub data: Value,
}

/// The notices of a partition.
pub(in crate::ca) struct Notices<'a, P, K>(pub &'a Partition<P, K>);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Notices<'_, P, K> {
    /// Stores a notice together with what it tells of. With a webhook the alarm sends it: nobody waits for that.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn enqueue(&self, txn: &mut Txn<'_, K>, new: NewNotice<'_>) -> Result<(), Problem> {
        let now = self.0.ports.now();
        let notice = NoticeRecord::new(new.kind, new.data, self.0.ports.settings().webhook.is_some(), now);
        let mut at = now;
        // A revocation may be followed by a graver one within the same millisecond.
        while txn.get::<NoticeRecord>(&notice_id(at, new.what))?.is_some() {
            at = at.plus(Duration::from_millis(1));
        }
        self.put_notice(txn, &notice_id(at, new.what), None, &notice)
    }

    /// Stores a notice, whose next try was at `before`, with its place among those to be sent.
    fn put_notice(
        &self,
        txn: &mut Txn<'_, K>,
        id: &str,
        before: Option<Time>,
        notice: &NoticeRecord,
    ) -> Result<(), Problem> {
        txn.put(id, notice)?;
        if let Some(before) = before {
            txn.delete::<WebhookQueueRecord>(&queue_id(before, id));
        }
        let Some(next) = notice.next() else { return Ok(()) };
        txn.put(&queue_id(next, id), &WebhookQueueRecord {})?;
        match txn.get::<JobRecord>(&Work::Notify.name())? {
            Some(job) if job.due <= next => Ok(()),
            _ => self.0.schedule(txn, Work::Notify, next),
        }
    }

    /// Sees to it that there is a job as long as notices wait; it is due with the first of them, not before `earliest`.
    fn expect_deliveries(&self, txn: &mut Txn<'_, K>, earliest: Time) -> Result<(), Problem> {
        let first = txn.list::<WebhookQueueRecord>(None, 1)?;
        match first.first().and_then(|(id, WebhookQueueRecord {})| parse_queue_id(id)) {
            Some((next, _)) => self.0.schedule(txn, Work::Notify, next.max(earliest)),
            None => {
                txn.delete::<JobRecord>(&Work::Notify.name());
                Ok(())
            }
        }
    }

    /// For a partition that has just come into memory: there may be a webhook again, for which notices wait.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume(&self) -> Result<(), Problem> {
        if self.0.ports.settings().webhook.is_none() {
            return Ok(());
        }
        self.0.transact(|txn| match txn.get::<JobRecord>(&Work::Notify.name())? {
            Some(_) => Ok(()),
            None => self.expect_deliveries(txn, self.0.ports.now()),
        })
    }

    /// Sends what is due. A receiver that does not answer at all is asked once; each notice keeps its own time of the next
    /// try, also where this is done before that.
    ///
    /// # Errors
    /// When the storage fails; the job stays.
    pub(in crate::ca) async fn deliver_due(&self) -> Result<(), Problem> {
        let Some(webhook) = &self.0.ports.settings().webhook else {
            return self.0.transact(|txn| {
                txn.delete::<JobRecord>(&Work::Notify.name());
                Ok(())
            });
        };
        let begun = self.0.ports.now();
        let mut answers = true;
        while answers && begun.until(self.0.ports.now()) < TURN {
            let Some((id, notice)) = self.0.transact(|txn| self.take_notice(txn))? else { break };
            answers = self.send(webhook, &id, &notice).await?;
        }
        let now = self.0.ports.now();
        self.0.transact(|txn| self.expect_deliveries(txn, if answers { now } else { now.plus(PAUSE) }))
    }

    /// The first notice that is due, held; `None` when there is none.
    fn take_notice(&self, txn: &mut Txn<'_, K>) -> Result<Option<(String, NoticeRecord)>, Problem> {
        let now = self.0.ports.now();
        for (row, WebhookQueueRecord {}) in txn.list::<WebhookQueueRecord>(None, PAGE)? {
            let Some((next, id)) = parse_queue_id(&row) else { continue };
            if next > now {
                break;
            }
            match txn.get::<NoticeRecord>(id)?.filter(|notice| notice.next() == Some(next)) {
                Some(mut notice) => {
                    let begun = notice.begin(now, LEASE);
                    self.put_notice(txn, id, Some(next), &notice)?;
                    if begun {
                        return Ok(Some((id.to_owned(), notice)));
                    }
                }
                // It has waited for a webhook until it was over.
                None => txn.delete::<WebhookQueueRecord>(&row),
            }
        }
        Ok(None)
    }

    /// Sends a notice that is held, and stores what became of it. Says whether there was an answer.
    async fn send(&self, webhook: &Webhook, id: &str, notice: &NoticeRecord) -> Result<bool, Problem> {
        let request = webhook.request(id, notice, self.0.ports.now());
        let answer = self.0.ports.deliver(&request).await;
        let (answered, now) = (answer.is_ok(), self.0.ports.now());
        self.0.transact(|txn| {
            let Some(mut notice) = txn.get::<NoticeRecord>(id)? else { return Ok(()) };
            let before = notice.next();
            match &answer {
                Ok(status) => notice.answered(*status, now),
                Err(why) => notice.failed(Failure::Error(without_url(why, &request.url)), now),
            }
            self.put_notice(txn, id, before, &notice)
        })?;
        Ok(answered)
    }

    /// A notice for a test, sent at once. If that fails it is tried again as all are.
    ///
    /// # Errors
    /// 409 where there is no webhook; when the storage fails.
    pub(in crate::ca) async fn test(&self) -> Result<Value, Problem> {
        let Some(webhook) = &self.0.ports.settings().webhook else {
            let detail = "There is no webhook: set WEBHOOK_URL, the secret WEBHOOK_SECRET, and deploy.";
            return Err(Problem::malformed(detail).with_status(409));
        };
        let now = self.0.ports.now();
        let id = notice_id(now, &format!("test-{}", Id::from_random(self.0.ports.random()?)));
        let data = json!({ "directory": self.0.ports.settings().urls.directory() });
        let mut notice = NoticeRecord::new(NoticeKind::Test, data, true, now);
        notice.begin(now, LEASE);
        // First of all: where nothing else is ever due, nobody would come back to what is stored and lost right after.
        self.0.ports.wake_at(now.plus(LEASE));
        self.0.transact(|txn| self.put_notice(txn, &id, None, &notice))?;
        self.send(webhook, &id, &notice).await?;
        self.0.transact(|txn| {
            self.expect_deliveries(txn, self.0.ports.now())?;
            let sent = txn.get::<NoticeRecord>(&id)?;
            Ok(sent.unwrap_or(notice).view(&id))
        })
    }

    /// The newest notices, as the API shows them.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn newest(&self, limit: usize) -> Result<Vec<Value>, Problem> {
        self.0.transact(|txn| {
            let found = txn.list::<NoticeRecord>(None, limit)?;
            Ok(found.iter().map(|(id, notice)| notice.view(id)).collect())
        })
    }

    /// How many notices are on their way, and how many never arrived, of the last few thousand.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn counts(&self) -> Result<NoticeCounts, Problem> {
        let (mut waiting, mut given_up, mut seen, mut after) = (0, 0, 0, None::<String>);
        loop {
            let page = self.0.transact(|txn| Ok(txn.list::<NoticeRecord>(after.as_deref(), PAGE)?))?;
            for (_, notice) in &page {
                match notice.delivery {
                    Delivery::Waiting { .. } => waiting += 1,
                    Delivery::GivenUp(_) => given_up += 1,
                    Delivery::None | Delivery::Delivered(_) => {}
                }
            }
            seen += page.len();
            after = page.last().map(|(id, _)| id.clone());
            if page.len() < PAGE || seen >= COUNTED {
                return Ok(NoticeCounts { waiting, given_up });
            }
        }
    }
}

/// What a host says of a failure, without the URL: many receivers know their callers by it.
fn without_url(why: &str, url: &str) -> String {
    let why = why.replace(url, "WEBHOOK_URL");
    let path = Url::parse(url).map(|url| url[url::Position::BeforePath..].to_owned()).unwrap_or_default();
    if path.len() > 1 { why.replace(&path, "/…") } else { why }
}

#[cfg(test)]
mod tests {
    use super::without_url;

    #[test]
    fn an_error_does_not_tell_the_url() {
        let url = "https://hooks.test/token?key=1";
        assert_eq!(without_url("cannot load https://hooks.test/token?key=1.", url), "cannot load WEBHOOK_URL.");
        assert_eq!(without_url("POST /token?key=1 to hooks.test failed", url), "POST /… to hooks.test failed");
        assert_eq!(without_url("a / b", "https://hooks.test/"), "a / b");
    }
}
