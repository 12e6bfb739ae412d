//! The rate limit of new accounts for each client address.

use crate::ca::config::rate_limits::LimitName;
use crate::ca::http::address::ClientAddress;
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::store::Kv;
use serde::{Deserialize, Serialize};

/// The one limit of a partition that has no other.
pub(in crate::ca) const ACCOUNTS: &str = "accounts";

partition_kind! {
    /// The partition of a client address.
    ClientAddressLimit {}
}

/// The partition of this client address.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddressAt(pub ClientAddress);

impl Address for ClientAddressAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Address(self.0)
    }
}

/// Counts one more account made from the address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CountAccount;

asks! {
    ClientAddressLimit at ClientAddressAt, |limit, ask|
    CountAccount -> () = limit.count_address();
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> ClientAddressLimit<P, K> {
    /// Counts one more account made from this address.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub fn count_address(&self) -> Result<(), Problem> {
        self.transact(|txn| self.use_up(txn, LimitName::NewAccounts, ACCOUNTS))
    }
}

/// Has the partition of a client address count one more account. Nothing is counted for an address that is not known.
///
/// # Errors
/// `rateLimited`; `serverInternal` when it does not answer.
pub async fn count_account<P: Ports>(ports: &P, address: Option<ClientAddress>) -> Result<(), Problem> {
    let Some(address) = limited(ports, address) else { return Ok(()) };
    ports.ask(&ClientAddressAt(address), &CountAccount).await
}

/// The address, if accounts made from it are limited.
pub fn limited<P: Ports>(ports: &P, address: Option<ClientAddress>) -> Option<ClientAddress> {
    address.filter(|_| ports.settings().limits.get(LimitName::NewAccounts).is_some())
}
