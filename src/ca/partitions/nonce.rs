//! Redeeming nonces, here and at the home of a nonce elsewhere.

use crate::ca::runtime::jws::used_nonce;
use crate::ca::runtime::message::{Message, PartitionId, Redemption, Reply, unexpected};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::acme::nonce::RedeemedNonce;
use crate::records::{AccountRecord, Nonce, Problem};
use crate::store::{Kv, Txn};

/// Redeems a nonce at a partition that is not the caller's own.
///
/// # Errors
/// `badNonce` when it was used, `serverInternal` when its home cannot be asked.
pub async fn redeem_remotely<P: Ports>(ports: &P, nonce: &Nonce) -> Result<(), Problem> {
    match ports.ask(&PartitionId::from(&nonce.home), &Message::Redeem(Redemption::from(nonce))).await? {
        Reply::Redeemed(true) => Ok(()),
        Reply::Redeemed(false) => Err(used_nonce()),
        other => Err(unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Marks a nonce used whose home is here, for a request to another partition. `false` when it was, and in the partition
    /// of an account that does not exist: it was given no nonce, and stores none.
    pub(in crate::ca) fn redeem_here(&self, nonce: &Redemption) -> Result<bool, Problem> {
        self.transact(|txn| {
            let of_account = matches!(self.name, PartitionId::Account(_));
            if of_account && txn.get::<AccountRecord>("")?.is_none() {
                return Ok(false);
            }
            redeem(txn, nonce)
        })
    }
}

/// Marks a nonce used. `false` when it was.
///
/// # Errors
/// When the storage fails.
pub fn redeem<K: Kv>(txn: &mut Txn<'_, K>, nonce: &Redemption) -> Result<bool, Problem> {
    if txn.get::<RedeemedNonce>(&nonce.name)?.is_some() {
        return Ok(false);
    }
    txn.put(&nonce.name, &RedeemedNonce { expires: nonce.expires })?;
    Ok(true)
}
