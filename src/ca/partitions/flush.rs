//! Sending of what an isolate collects in memory: counts and failures.

use super::{failures, metrics};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::store::Kv;
use std::rc::Rc;

/// Sends the counts and failures of this isolate.
///
/// # Errors
/// `serverInternal` when a partition does not answer.
pub async fn flush<P: Ports>(ports: &P) -> Result<(), Problem> {
    let sent = failures::asks::send(ports).await;
    if ports.memory().has_counts() {
        metrics::flush(ports).await?;
    }
    sent
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Ends a job: logs a failure, and sends counts and failures that are due.
    pub(in crate::ca) fn end_job(self: &Rc<Self>, done: Result<(), Problem>) {
        if let Err(problem) = done {
            // The job stays recorded; the alarm runs it again when its lease expires.
            self.log(&problem);
        }
        self.flush_if_due();
    }

    /// Sends the counts and failures of this isolate in the background, if they are due.
    ///
    /// An isolate may have no front that sends them. The partition neither waits for it nor fails with it.
    pub fn flush_if_due(self: &Rc<Self>) {
        // These partitions would have to ask themselves.
        let receives = matches!(self.id, PartitionId::Metrics(_) | PartitionId::Failures);
        if receives || !self.ports.memory().flush_is_due(self.ports.now()) {
            return;
        }
        let cell = self.clone();
        self.ports.spawn(Box::pin(async move {
            if let Err(problem) = flush(&cell.ports).await {
                cell.log(&problem);
            }
        }));
    }
}
