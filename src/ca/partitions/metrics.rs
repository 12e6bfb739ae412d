//! Sums of counts, and sending counts to them.

use crate::ca::runtime::message;
use crate::ca::runtime::message::{Message, PartitionId, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::operations::metrics;
use crate::records::operations::metrics::{CountersRecord, Counts};
use crate::store::Kv;
use std::rc::Rc;

/// The partition that sums.
const SUMS: PartitionId = PartitionId::Metrics(0);

/// Sends what was counted to be summed, and gets the sums. What cannot be sent is kept; when only the answer was lost it
/// is counted twice.
///
/// # Errors
/// `serverInternal` when the partition does not answer.
pub async fn flush<P: Ports>(ports: &P) -> Result<Counts, Problem> {
    let counts = ports.memory().take_counts();
    let answer = ports.ask(&SUMS, &Message::Sum(counts.clone())).await;
    if answer.is_err() {
        ports.memory().put_back(&counts);
    }
    match answer? {
        Reply::Sums(sums) => Ok(sums),
        other => Err(message::unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Ends a job: a failure is logged, and counts that are due are sent.
    pub(in crate::ca) fn end_job(self: &Rc<Self>, done: Result<(), Problem>) {
        if let Err(problem) = done {
            // The job stays recorded; the alarm takes it up again at the end of its lease.
            self.log(&problem);
        }
        self.flush_if_due();
    }

    /// Has what was counted in this isolate sent off, if it is time: it need not be one in which there is a front. Beside
    /// what the partition does, which neither waits for it nor fails with it.
    pub fn flush_if_due(self: &Rc<Self>) {
        // Who sums would have to ask itself.
        if matches!(self.name, PartitionId::Metrics(_)) || !self.ports.memory().flush_is_due(self.ports.now()) {
            return;
        }
        let cell = self.clone();
        self.ports.spawn(Box::pin(async move {
            if let Err(problem) = flush(&cell.ports).await {
                cell.log(&problem);
            }
        }));
    }

    /// Adds counts to the sums.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn sum(&self, counts: &Counts) -> Result<Counts, Problem> {
        self.transact(|txn| {
            let mut record = txn.get::<CountersRecord>("")?.unwrap_or_default();
            if !counts.is_empty() {
                metrics::add(&mut record.counts, counts);
                txn.put("", &record)?;
            }
            Ok(record.counts)
        })
    }
}
