//! The rate limit of new accounts for each client address.

use crate::ca::config::rate_limits::Name;
use crate::ca::http::address::ClientAddress;
use crate::ca::runtime::message;
use crate::ca::runtime::message::{Message, PartitionId, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::store::Kv;

/// The one limit of a partition that has no other.
pub(in crate::ca) const ACCOUNTS: &str = "accounts";

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// To the partition of a client address: one more account is being made from there.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub fn count_address(&self) -> Result<(), Problem> {
        self.transact(|txn| self.use_up(txn, Name::NewAccounts, ACCOUNTS))
    }
}

/// Has the partition of a client address count one more account. Nothing is counted for an address that is not known.
///
/// # Errors
/// `rateLimited`; `serverInternal` when it does not answer.
pub async fn count_account<P: Ports>(ports: &P, address: Option<ClientAddress>) -> Result<(), Problem> {
    let Some(address) = limited(ports, address) else { return Ok(()) };
    match ports.ask(&PartitionId::Address(address), &Message::CountAccount).await? {
        Reply::Done => Ok(()),
        other => Err(message::unexpected(&other)),
    }
}

/// The address, if accounts made from it are limited.
pub fn limited<P: Ports>(ports: &P, address: Option<ClientAddress>) -> Option<ClientAddress> {
    address.filter(|_| ports.settings().limits.get(Name::NewAccounts).is_some())
}
