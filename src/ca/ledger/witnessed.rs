//! The newest checkpoint with a quorum of witnesses.

use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::cosigning::{CosigningRecord, WitnessedCheckpoint};
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the newest checkpoint with a quorum that covers a leaf.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn witnessed(&self, log: &str, index: u64) -> Result<Option<WitnessedCheckpoint>, Problem> {
        let record = self.transact(|txn| Ok(txn.get::<CosigningRecord>(log)?))?;
        Ok(record.and_then(|record| record.witnessed).filter(|witnessed| index < witnessed.size))
    }
}
