//! The asks of a test CA to its partitions: its end, and a changed clock.

use super::ask::common_asks;
use super::partition::Partition;
use super::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::Kv;
use serde::{Deserialize, Serialize};

/// Deletes all of a partition within a test CA, which ends. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndPartition;

/// Runs the alarm of a partition, because its clock was changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FollowClock;

common_asks! {
    EndPartition -> ();
    FollowClock -> ();
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Deletes all of this partition, permanently.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn end_within(&self) -> Result<(), Problem> {
        // What still runs finds it ended, and writes nothing.
        self.running.ended.set(true);
        self.ports.cancel_alarm();
        self.with_storage(|kv| kv.clear())
    }

    /// Sets the alarm for now, unless nothing is stored.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn follow_clock(&self) -> Result<(), Problem> {
        if !self.with_storage(|kv| kv.is_empty())? {
            self.ports.wake_at(self.ports.now());
        }
        Ok(())
    }
}
