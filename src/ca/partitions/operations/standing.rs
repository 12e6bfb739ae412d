//! The state of the operations partition, for operators.

use super::audit::act;
use super::kind::Operations;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::policies::ShadowRecord;
use crate::store::Kv;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Asks for the state of the operations partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowOperations;

/// The state of the operations partition, as the API shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OperationsState {
    /// The policy in force.
    pub policy: Value,
    /// The end of the audit record.
    pub audit: Value,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Returns the state of the policy and of the audit record.
    pub(in crate::ca) fn state(&self) -> Result<OperationsState, Problem> {
        let end = self.audit_end()?;
        self.transact(|txn| {
            let last = self.last_policy(txn)?;
            Ok(OperationsState {
                policy: json!({
                    "version": last.as_ref().map_or(0, |record| record.version),
                    "made": last.as_ref().map(|record| act(&record.made)),
                    "shadow": txn.get::<ShadowRecord>("")?.is_some(),
                }),
                audit: json!({ "entries": end.number, "chain": end.chain }),
            })
        })
    }
}
