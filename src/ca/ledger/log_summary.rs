//! The state of the open log, for operators.

use super::cosigning::CosigningState;
use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::log::CheckpointRecord;
use crate::store::Kv;
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// The state of a log that takes leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSummary {
    /// Its origin.
    pub origin: String,
    /// Number of its leaves.
    pub size: u64,
    /// The size of its newest checkpoint, and when it was signed.
    pub checkpoint: Option<(u64, Time)>,
    /// The work of its witnesses, with `LOG_POLICY`.
    pub cosigning: Option<CosigningState>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the state of the open log; `None` without one.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn log_summary(&self) -> Result<Option<LogSummary>, Problem> {
        if self.ports.settings().log.is_none() {
            return Ok(None);
        }
        let cosigning = self.cosigning()?;
        self.transact_logging(|txn, open| {
            let Some(state) = open.logs(txn)?.open().cloned() else { return Ok(None) };
            // Operators see a log whose rows have a gap, too.
            let size = open.find(txn, &state.id).map(|found| found.map_or(0, |(_, tail)| tail.size()));
            let size = size.unwrap_or_else(|problem| {
                self.log(&problem);
                state.tiled
            });
            let checkpoint = txn.get::<CheckpointRecord>(&state.id)?.map(|newest| (newest.size, newest.signed));
            Ok(Some(LogSummary { origin: state.origin, size, checkpoint, cosigning }))
        })
    }
}
