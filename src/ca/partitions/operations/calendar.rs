//! The generation of the calendar URL.

use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::policies::CalendarRecord;
use crate::store::Kv;
use serde_json::Value;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
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
