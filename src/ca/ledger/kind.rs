//! The ledger partition: its handle and its address.

use crate::ca::notices::delivery::{NoticeStore, Notices};
use crate::ca::partitions::compromised_keys::SubscriberAt;
use crate::ca::partitions::operations::replacements::ReplacementStore;
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::partition_kind;
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::Kv;

partition_kind! {
    /// The ledger of an issuer: its certificates, their CRLs, the notices about them.
    Ledger {
        /// The id of the issuer.
        issuer: String,
    }
}

/// The ledger of the issuer with this id.
#[derive(Clone, Debug)]
pub struct LedgerAt(pub String);

impl Address for LedgerAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Ledger(self.0.clone())
    }
}

impl From<&str> for LedgerAt {
    fn from(issuer: &str) -> Self {
        Self(issuer.to_owned())
    }
}

impl From<LedgerAt> for NoticeStore {
    fn from(LedgerAt(issuer): LedgerAt) -> Self {
        Self::Ledger(issuer)
    }
}

impl From<LedgerAt> for SubscriberAt {
    fn from(LedgerAt(issuer): LedgerAt) -> Self {
        Self(issuer)
    }
}

impl From<LedgerAt> for ReplacementStore {
    fn from(LedgerAt(issuer): LedgerAt) -> Self {
        Self::Ledger(issuer)
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the notices of this partition.
    pub(in crate::ca) fn notices(&self) -> Notices<'_, P, K> {
        Notices(&self.partition)
    }
}
