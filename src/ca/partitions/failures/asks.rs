//! The asks that the partition of failures understands, and the sending of queued failures.

use super::kind::{Failures, FailuresAt};
use super::list::{FailurePage, FailureSummary, ListFailures, ListPaused, SummarizeFailures};
use crate::ca::runtime::failure_queue::QueuedFailures;
use crate::ca::runtime::kind::asks;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::failure::PausedRecord;
use serde::{Deserialize, Serialize};

/// Records failures and changes of paused names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordFailures(pub QueuedFailures);

asks! {
    Failures at FailuresAt, |failures, ask|
    RecordFailures -> () = failures.record(ask.0);
    ListFailures -> FailurePage = failures.list(&ask);
    ListPaused -> Vec<PausedRecord> = failures.paused(&ask);
    SummarizeFailures -> FailureSummary = failures.summary(ask.since);
}

/// Sends the queued failures of this isolate.
///
/// Those that cannot be sent are kept. If only the answer was lost, they are counted twice.
///
/// # Errors
/// `serverInternal` when the partition does not answer.
pub async fn send<P: Ports>(ports: &P) -> Result<(), Problem> {
    let queued = ports.memory().failures.take();
    if queued.is_empty() {
        return Ok(());
    }
    let ask = RecordFailures(queued);
    let answer = ports.ask(&FailuresAt, &ask).await;
    if answer.is_err() {
        ports.memory().failures.put_back(ask.0);
    }
    answer
}
