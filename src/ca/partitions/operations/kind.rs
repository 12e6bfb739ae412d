//! The operations partition: its handle and its address.

use crate::ca::notices::delivery::{NoticeStore, Notices};
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::partition_kind;
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::Kv;

partition_kind! {
    /// The operations partition, for the decisions of operators.
    Operations {}
}

/// The operations partition: one for the whole CA.
#[derive(Clone, Copy, Debug)]
pub struct OperationsAt;

impl Address for OperationsAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Operations
    }
}

impl From<OperationsAt> for NoticeStore {
    fn from(OperationsAt: OperationsAt) -> Self {
        Self::Operations
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Returns the notices of this partition.
    pub(in crate::ca) fn notices(&self) -> Notices<'_, P, K> {
        Notices(&self.partition)
    }
}
