//! Digests of a partition: notices that gather, and the messages about them.

use super::forms::{Message, line, message, without_url};
use crate::ca::config::receivers::Receiver;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::notice::NoticeKind;
use crate::records::operations::notice::digest::{Batch, DigestRecord};
use crate::store::{Kv, Txn};
use crate::values::Time;
use core::time::Duration;
use serde_json::{Value, json};

/// Lease of a message that is being sent. It is longer than a host's delivery timeout.
const LEASE: Duration = Duration::from_secs(30);

/// The digests of a partition.
pub(super) struct Digests<'a, P, K>(pub &'a Partition<P, K>);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Digests<'_, P, K> {
    fn receivers(&self) -> &[Receiver] {
        &self.0.ports.settings().receivers
    }

    /// Adds a notice to the digest of each receiver. Returns when the first of them is due.
    pub(super) fn gather(&self, txn: &mut Txn<'_, K>, kind: NoticeKind, data: &Value) -> Result<Option<Time>, Problem> {
        if self.receivers().is_empty() {
            return Ok(None);
        }
        let (line, now) = (line(kind, data), self.0.ports.now());
        for receiver in self.receivers() {
            let mut digest = txn.get::<DigestRecord>(receiver.name())?.unwrap_or_default();
            digest.add(kind.name(), &line, now);
            txn.put(receiver.name(), &digest)?;
        }
        self.due(txn)
    }

    /// Returns when the first digest of a configured receiver is due.
    pub(super) fn due(&self, txn: &Txn<'_, K>) -> Result<Option<Time>, Problem> {
        let mut first = None;
        for receiver in self.receivers() {
            let next = txn.get::<DigestRecord>(receiver.name())?.and_then(|digest| digest.next);
            first = [first, next].into_iter().flatten().min();
        }
        Ok(first)
    }

    /// Sends the digests that are due, to each receiver one.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) async fn send(&self) -> Result<(), Problem> {
        for receiver in self.receivers() {
            let now = self.0.ports.now();
            let taken = self.0.transact(|txn| {
                let Some(mut digest) = txn.get::<DigestRecord>(receiver.name())? else { return Ok(None) };
                if digest.next.is_none_or(|next| next > now) {
                    return Ok(None);
                }
                let batch = digest.begin(now, LEASE);
                txn.put(receiver.name(), &digest)?;
                Ok(batch)
            })?;
            let Some(batch) = taken else { continue };
            let arrived = match self.send_batch(receiver, &batch).await {
                Ok(200..=299) => true,
                Ok(status) => {
                    self.0.ports.log(&format!("the notices for {}: the answer was {status}", receiver.name()));
                    false
                }
                Err(why) => {
                    self.0.ports.log(&format!("the notices for {}: {why}", receiver.name()));
                    false
                }
            };
            let now = self.0.ports.now();
            self.0.transact(|txn| {
                let Some(mut digest) = txn.get::<DigestRecord>(receiver.name())? else { return Ok(()) };
                digest.ended(arrived, now);
                txn.put(receiver.name(), &digest)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Sends a message. Returns the status of the answer; 200 for an accepted mail.
    async fn send_batch(&self, receiver: &Receiver, batch: &Batch) -> Result<u16, String> {
        let base = self.0.ports.settings().urls.of_path("");
        let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
        match message(receiver, host, batch) {
            Message::Http(request) => {
                let answer = self.0.ports.deliver(&request).await;
                answer.map_err(|why| without_url(&why, &request.url))
            }
            Message::Mail(mail) => self.0.ports.mail(&mail).await.map(|()| 200),
        }
    }

    /// Sends a test to each receiver at once. Returns the results as the API shows them.
    pub(super) async fn test(&self, data: &Value) -> Vec<Value> {
        let mut batch = Batch::new(self.0.ports.now());
        batch.add(NoticeKind::Test.name(), &line(NoticeKind::Test, data));
        let mut all = Vec::new();
        for receiver in self.receivers() {
            let (status, error) = match self.send_batch(receiver, &batch).await {
                Ok(status) => {
                    (Some(status), (!(200..300).contains(&status)).then(|| format!("The answer was {status}.")))
                }
                Err(why) => (None, Some(why)),
            };
            all.push(json!({ "receiver": receiver.name(), "status": status, "error": error }));
        }
        all
    }

    /// Counts the notices that wait and those that were given up, of all receivers.
    pub(super) fn counts(&self) -> Result<(u64, u64), Problem> {
        self.0.transact(|txn| {
            let (mut waiting, mut given_up) = (0_u64, 0_u64);
            for receiver in self.receivers() {
                let digest = txn.get::<DigestRecord>(receiver.name())?.unwrap_or_default();
                waiting = waiting.saturating_add(digest.waiting());
                given_up = given_up.saturating_add(digest.given_up);
            }
            Ok((waiting, given_up))
        })
    }
}
