//! The generation of the calendar URL.

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
    /// How often the calendar was given another URL.
    pub(in crate::ca) fn calendar_moved(&self, moved: bool) -> Result<Value, Problem> {
        self.transact(|txn| {
            let mut record = txn.get::<CalendarRecord>("")?.unwrap_or_default();
            if moved {
                record.moved = record.moved.saturating_add(1);
                txn.put("", &record)?;
            }
            Ok(record.moved.into())
        })
    }
}
