//! The rate limit on new accounts per client address.

use crate::ca::config::rate_limits::LimitName;
use crate::ca::http::address::ClientAddress;
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::store::Kv;
use serde::{Deserialize, Serialize};

/// Record id of the limit on new accounts, the only limit of its partition.
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

/// Counts one more account created from the address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CountAccount;

asks! {
    ClientAddressLimit at ClientAddressAt, |limit, ask|
    CountAccount -> () = limit.count_address();
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> ClientAddressLimit<P, K> {
    /// Counts one more account created from this address.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub fn count_address(&self) -> Result<(), Problem> {
        self.transact(|txn| self.use_up(txn, LimitName::NewAccounts, ACCOUNTS))
    }
}

/// Counts one more account of a client address. Nothing is counted for an unknown address or without a limit.
///
/// # Errors
/// `rateLimited`; `serverInternal` when the partition does not answer.
pub async fn count_account<P: Ports>(ports: &P, address: Option<ClientAddress>) -> Result<(), Problem> {
    let Some(address) = limited(ports, address) else { return Ok(()) };
    ports.ask(&ClientAddressAt(address), &CountAccount).await
}

/// Returns the address if accounts created from it are limited.
pub fn limited<P: Ports>(ports: &P, address: Option<ClientAddress>) -> Option<ClientAddress> {
    address.filter(|_| ports.settings().limits.get(LimitName::NewAccounts).is_some())
}
