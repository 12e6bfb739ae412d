//! Notices of a partition: stored with their events, and sent to the webhook until delivered.
//!
//! A waiting notice has a queue entry at the time of its next attempt (`outgoing/…`). All of them share one job, so
//! that a thousand notices hide no other job. Each is leased, and its attempt counted, before it is sent. If the
//! attempt is lost, the next one follows.

use super::digests::Digests;
use super::forms::without_url;
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

/// Lease of a notice that is being sent. It is longer than a host's delivery timeout.
const LEASE: Duration = Duration::from_secs(30);

/// Maximum time that one job sends notices before other due jobs run.
const MAX_DURATION: Duration = Duration::from_secs(15);

/// Pause of all deliveries after the receiver did not answer.
const PAUSE: Duration = Duration::from_secs(5);

/// Longest time for which a notice waits for its next delivery.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Number of notices that are counted.
const MAX_COUNTED: usize = 5_000;

/// Number of records per read.
const PAGE: usize = 500;

/// A partition that stores notices.
#[derive(Clone, Debug)]
pub enum NoticeStore {
    /// The ledger of this issuer.
    Ledger(String),
    /// The operations partition.
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
    /// Maximum number of notices.
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

/// Counts of the last few thousand notices, by their delivery.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NoticeCounts {
    /// Notices that wait for their delivery.
    pub waiting: u64,
    /// Notices whose delivery was given up.
    pub given_up: u64,
    /// The earliest due time of the partition's jobs.
    pub due: Option<Time>,
}

/// A notice to be stored.
pub(in crate::ca) struct NewNotice<'a> {
    /// Its kind.
    pub kind: NoticeKind,
    /// Its subject as a part of the id, which is unique per instant.
    pub what: &'a str,
    /// The certificate or the issuer.
    pub data: Value,
}

/// The notices of a partition.
pub(in crate::ca) struct Notices<'a, P, K>(pub &'a Partition<P, K>);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Notices<'_, P, K> {
    /// Stores a notice in the transaction of its event. With a webhook, the alarm sends it asynchronously.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn enqueue(&self, txn: &mut Txn<'_, K>, new: NewNotice<'_>) -> Result<(), Problem> {
        let now = self.0.ports.now();
        let notice = NoticeRecord::new(new.kind, new.data, self.0.ports.settings().webhook.is_some(), now);
        let mut at = now;
        // A revocation may be followed by a more severe one within the same millisecond.
        while txn.get::<NoticeRecord>(&notice_id(at, new.what))?.is_some() {
            at = at.plus(Duration::from_millis(1));
        }
        self.put_notice(txn, &notice_id(at, new.what), None, &notice)?;
        match Digests(self.0).gather(txn, notice.kind, &notice.data)? {
            Some(due) => self.expect_by(txn, due),
            None => Ok(()),
        }
    }

    /// Schedules the job for this time, unless it is due earlier.
    fn expect_by(&self, txn: &mut Txn<'_, K>, due: Time) -> Result<(), Problem> {
        match txn.get::<JobRecord>(&Work::Notify.name())? {
            Some(job) if job.due <= due => Ok(()),
            _ => self.0.schedule(txn, Work::Notify, due),
        }
    }

    /// Stores a notice and its queue entry, which replaces the one at `before`.
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
        self.expect_by(txn, next)
    }

    /// Schedules the job for the first waiting notice or digest.
    ///
    /// A notice is not sent before `earliest`.
    ///
    /// The job is deleted if no notice waits.
    fn expect_deliveries(&self, txn: &mut Txn<'_, K>, earliest: Time) -> Result<(), Problem> {
        let webhook = self.0.ports.settings().webhook.is_some();
        let first = if webhook { txn.list::<WebhookQueueRecord>(None, 1)? } else { Vec::new() };
        let first = first.first().and_then(|(id, WebhookQueueRecord {})| parse_queue_id(id));
        let first =
            first.map(|(next, _)| if next > earliest.plus(LONGEST_WAIT) { earliest } else { next.max(earliest) });
        match [first, Digests(self.0).due(txn)?].into_iter().flatten().min() {
            Some(next) => self.0.schedule(txn, Work::Notify, next),
            None => {
                txn.delete::<JobRecord>(&Work::Notify.name());
                Ok(())
            }
        }
    }

    /// Schedules waiting notices of a newly loaded partition. A webhook may be configured again.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume(&self) -> Result<(), Problem> {
        if !self.0.ports.settings().sends_notices() {
            return Ok(());
        }
        self.0.transact(|txn| match txn.get::<JobRecord>(&Work::Notify.name())? {
            Some(_) => Ok(()),
            None => self.expect_deliveries(txn, self.0.ports.now()),
        })
    }

    /// Sends the notices that are due, until the receiver fails to answer.
    ///
    /// Each notice keeps the time of its own next attempt, even if the job is due earlier.
    ///
    /// # Errors
    /// When the storage fails; the job stays.
    pub(in crate::ca) async fn deliver_due(&self) -> Result<(), Problem> {
        let begun = self.0.ports.now();
        let mut answers = true;
        if let Some(webhook) = &self.0.ports.settings().webhook {
            while answers && begun.until(self.0.ports.now()) < MAX_DURATION {
                let Some((id, notice)) = self.0.transact(|txn| self.take_notice(txn))? else { break };
                answers = self.send(webhook, &id, &notice).await?;
            }
        }
        Digests(self.0).send().await?;
        let now = self.0.ports.now();
        self.0.transact(|txn| self.expect_deliveries(txn, if answers { now } else { now.plus(PAUSE) }))
    }

    /// Leases the first notice that is due, if any.
    fn take_notice(&self, txn: &mut Txn<'_, K>) -> Result<Option<(String, NoticeRecord)>, Problem> {
        let now = self.0.ports.now();
        for (row, WebhookQueueRecord {}) in txn.list::<WebhookQueueRecord>(None, PAGE)? {
            let Some((next, id)) = parse_queue_id(&row) else { continue };
            // One further ahead than any waits is of a clock that went back.
            if next > now && next <= now.plus(LONGEST_WAIT) {
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
                // The notice expired while it waited for a webhook.
                None => txn.delete::<WebhookQueueRecord>(&row),
            }
        }
        Ok(None)
    }

    /// Sends a leased notice and stores the result. Returns whether the receiver answered.
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

    /// Sends a test notice to all receivers at once. After a failure the webhook's is retried like any other.
    ///
    /// # Errors
    /// 409 if none is configured; when the storage fails.
    pub(in crate::ca) async fn test(&self) -> Result<Value, Problem> {
        let settings = self.0.ports.settings();
        if !settings.sends_notices() {
            let detail = "There is no receiver of notices: set WEBHOOK_URL and the secret WEBHOOK_SECRET, SLACK_URL, \
                          TEAMS_URL, NTFY_URL or EMAIL_TO, and deploy.";
            return Err(Problem::malformed(detail).with_status(409));
        }
        let data = json!({ "directory": settings.urls.directory() });
        let mut shown = match &settings.webhook {
            Some(webhook) => self.test_webhook(webhook, &data).await?,
            None => NoticeRecord::new(NoticeKind::Test, data.clone(), false, self.0.ports.now())
                .view(&notice_id(self.0.ports.now(), "test")),
        };
        let results = Digests(self.0).test(&data).await;
        if let (Some(members), false) = (shown.as_object_mut(), results.is_empty()) {
            members.insert("receivers".into(), results.into());
        }
        Ok(shown)
    }

    /// Sends a test notice to the webhook.
    async fn test_webhook(&self, webhook: &Webhook, data: &Value) -> Result<Value, Problem> {
        let now = self.0.ports.now();
        let id = notice_id(now, &format!("test-{}", Id::from_random(self.0.ports.random()?)));
        let mut notice = NoticeRecord::new(NoticeKind::Test, data.clone(), true, now);
        notice.begin(now, LEASE);
        // Set first: if nothing else is due, no other alarm would resume a notice that is stored just before a crash.
        self.0.ports.wake_at(now.plus(LEASE));
        self.0.transact(|txn| self.put_notice(txn, &id, None, &notice))?;
        self.send(webhook, &id, &notice).await?;
        self.0.transact(|txn| {
            self.expect_deliveries(txn, self.0.ports.now())?;
            let sent = txn.get::<NoticeRecord>(&id)?;
            Ok(sent.unwrap_or(notice).view(&id))
        })
    }

    /// Returns the newest notices, as the API shows them.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn newest(&self, limit: usize) -> Result<Vec<Value>, Problem> {
        self.0.transact(|txn| {
            let found = txn.list::<NoticeRecord>(None, limit)?;
            Ok(found.iter().map(|(id, notice)| notice.view(id)).collect())
        })
    }

    /// Counts the waiting and the given-up notices among the last few thousand.
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
            if page.len() < PAGE || seen >= MAX_COUNTED {
                let due = self.0.jobs()?.into_iter().map(|(_, job)| job.due).min();
                let (gathered, lost) = Digests(self.0).counts()?;
                return Ok(NoticeCounts { waiting: waiting + gathered, given_up: given_up + lost, due });
            }
        }
    }
}
