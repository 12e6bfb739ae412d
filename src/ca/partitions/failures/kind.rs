//! The partition of failures: its handle and its address.

use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::partition_kind;
use crate::ca::runtime::message::PartitionId;

partition_kind! {
    /// The partition of failures.
    Failures {}
}

/// The partition of failures: one for the whole CA.
#[derive(Clone, Copy, Debug)]
pub struct FailuresAt;

impl Address for FailuresAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Failures
    }
}
