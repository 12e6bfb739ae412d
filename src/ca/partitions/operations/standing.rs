//! The state of the operators' partition, for them to see.

use super::audit::act;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::policies::ShadowRecord;
use crate::store::Kv;
use serde_json::{Value, json};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// What there is to say of operations as a whole.
    pub(in crate::ca) fn operations_standing(&self) -> Result<Value, Problem> {
        let end = self.audit_end()?;
        self.transact(|txn| {
            let last = self.last_policy(txn)?;
            Ok(json!({
                "policy": {
                    "version": last.as_ref().map_or(0, |record| record.version),
                    "made": last.as_ref().map(|record| act(&record.made)),
                    "shadow": txn.get::<ShadowRecord>("")?.is_some(),
                },
                "audit": { "entries": end.number, "chain": end.chain },
            }))
        })
    }
}
