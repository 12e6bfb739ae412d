//! The partition of backups.

use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::partition_kind;
use crate::ca::runtime::message::PartitionId;

partition_kind! {
    /// The partition of the backups that the Worker makes.
    Backups {}
}

/// The address of the only such partition.
#[derive(Clone, Copy, Debug)]
pub struct BackupsAt;

impl Address for BackupsAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Backups
    }
}
