//! The account partition: its handle and its address.

use crate::ca::partitions::nonce::NonceHome;
use crate::ca::partitions::pruning::HolderAt;
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::partition_kind;
use crate::ca::runtime::message::PartitionId;
use crate::records::Home;
use crate::values::Id;

partition_kind! {
    /// An account with its orders, authorizations and certificates.
    Account {
        /// The id of the account.
        id: Id,
    }
}

/// The address of the account with this id.
#[derive(Clone, Debug)]
pub struct AccountAt(pub Id);

impl Address for AccountAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Account(self.0.clone())
    }
}

impl From<AccountAt> for NonceHome {
    fn from(AccountAt(id): AccountAt) -> Self {
        Self(Home::Account(id))
    }
}

impl From<AccountAt> for HolderAt {
    fn from(AccountAt(id): AccountAt) -> Self {
        Self(id)
    }
}
