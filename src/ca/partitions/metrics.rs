//! Sums of counts, and sending counts to be summed.

use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::operations::metrics;
use crate::records::operations::metrics::{CountersRecord, Counts};
use crate::store::Kv;
use serde::{Deserialize, Serialize};

partition_kind! {
    /// The partition that sums counts.
    Metrics {}
}

/// The partition that sums counts. The number allows for further ones.
#[derive(Clone, Copy, Debug)]
pub struct MetricsAt(pub u8);

impl Address for MetricsAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Metrics(self.0)
    }
}

/// Adds counts; replies the sums.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddCounts(pub Counts);

asks! {
    Metrics at MetricsAt, |metrics, ask|
    AddCounts -> Counts = metrics.add_counts(&ask.0);
}

/// The partition that sums counts: at present the only one.
const METRICS: MetricsAt = MetricsAt(0);

/// Sends the counts of this isolate to be summed. Returns the sums.
///
/// Counts that cannot be sent are kept. If only the answer was lost, they are counted twice.
///
/// # Errors
/// `serverInternal` when the partition does not answer.
pub async fn flush<P: Ports>(ports: &P) -> Result<Counts, Problem> {
    let counts = AddCounts(ports.memory().take_counts());
    let answer = ports.ask(&METRICS, &counts).await;
    if answer.is_err() {
        ports.memory().put_back(&counts.0);
    }
    answer
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Metrics<P, K> {
    /// Adds counts to the sums.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn add_counts(&self, counts: &Counts) -> Result<Counts, Problem> {
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
