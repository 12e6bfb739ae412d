//! The generation of the calendar URL.

use super::kind::Operations;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::policies::CalendarRecord;
use crate::store::Kv;
use serde::{Deserialize, Serialize};

/// Asks how often the calendar's URL was replaced; if `moved`, it is first replaced again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CalendarGeneration {
    /// Whether it is replaced now.
    pub moved: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Returns how often the calendar's URL was replaced, after replacing it if `moved`.
    pub(in crate::ca) fn calendar_generation(&self, moved: bool) -> Result<u64, Problem> {
        self.transact(|txn| {
            let mut record = txn.get::<CalendarRecord>("")?.unwrap_or_default();
            if moved {
                record.moved = record.moved.saturating_add(1);
                txn.put("", &record)?;
            }
            Ok(u64::from(record.moved))
        })
    }
}
