//! The state of the operators' partition, for them to see.

use super::audit::act;
use super::policies::{Stored, no_version};
use crate::acme::Problem;
use crate::acme::act::Act;
use crate::acme::inventory::set_id;
use crate::acme::policies::{CalendarRecord, FindingRecord, PolicyRecord, ShadowRecord};
use crate::ca::runtime::ask::json_of;
use crate::ca::runtime::operation::{FOUND, InForceDocuments, NewPolicy, Restored};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::{Kv, Txn};
use crate::values::Id;
use serde_json::{Value, json};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
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
