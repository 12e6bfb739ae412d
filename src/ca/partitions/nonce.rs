//! Redeeming nonces, in this partition or in another one.

use crate::ca::runtime::ask::{Address, Ask};
use crate::ca::runtime::jws::used_nonce;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::{NONCE_SHARDS, PartitionId};
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::acme::nonce::{LIFETIME, NonceNumber};
use crate::records::acme::redeemed::RedeemedNonces;
use crate::records::{Home, Nonce, Problem};
use crate::store::{Kv, Txn};
use crate::values::Time;
use serde::{Deserialize, Serialize};

partition_kind! {
    /// A partition of nonces that were issued without an account.
    NonceShard {}
}

/// The partition that a nonce was issued for.
#[derive(Clone, Debug)]
pub struct NonceHome(pub Home);

impl Address for NonceHome {
    fn partition(&self) -> PartitionId {
        match &self.0 {
            Home::Account(id) => PartitionId::Account(id.clone()),
            Home::Shard(n) => NonceShardAt(*n).partition(),
        }
    }
}

/// A partition of nonces without an account.
#[derive(Clone, Copy, Debug)]
pub struct NonceShardAt(pub u8);

impl Address for NonceShardAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Nonce(self.0 % NONCE_SHARDS)
    }
}

impl From<NonceShardAt> for NonceHome {
    fn from(NonceShardAt(n): NonceShardAt) -> Self {
        Self(Home::Shard(n))
    }
}

/// Redeems a nonce at its home; replies whether this was its first use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redeem {
    /// The nonce's name at its home.
    pub name: String,
    /// The time until which its use is stored.
    pub expires: Time,
}

impl Ask for Redeem {
    type At = NonceHome;
    type Reply = bool;
    const NAME: &'static str = "Redeem";
}

impl From<&Nonce> for Redeem {
    fn from(nonce: &Nonce) -> Self {
        Self { name: nonce.name.clone(), expires: nonce.expires }
    }
}

asks! {
    NonceShard at NonceShardAt, |shard, ask|
    + Redeem = shard.transact(|txn| redeem(txn, &ask, (shard.ports.now(), latest_expiry(&shard.ports))));
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> NonceShard<P, K> {
    /// Refuses all nonces that were issued until now.
    ///
    /// A restore does not know which of them were redeemed.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn refuse_earlier(&self) -> Result<(), Problem> {
        self.transact(|txn| {
            let mut redeemed = txn.get::<RedeemedNonces>("")?.unwrap_or_default();
            if redeemed.refuse_until(latest_expiry(&self.ports)) {
                txn.put("", &redeemed)?;
            }
            Ok(())
        })
    }
}

/// Returns the latest expiry of the nonces that were issued until now.
pub fn latest_expiry<P: Ports>(ports: &P) -> Time {
    ports.now().plus(ports.settings().life(LIFETIME))
}

/// Redeems a nonce in another partition.
///
/// # Errors
/// `badNonce` if it was used; `serverInternal` when its home does not answer.
pub async fn redeem_remotely<P: Ports>(ports: &P, nonce: &Nonce) -> Result<(), Problem> {
    match ports.ask(&NonceHome(nonce.home.clone()), &Redeem::from(nonce)).await? {
        true => Ok(()),
        false => Err(used_nonce()),
    }
}

/// Marks a nonce without an account as used. Returns `false` if it was used before.
///
/// `latest` is when a nonce issued now expires.
///
/// # Errors
/// When the storage fails.
pub fn redeem<K: Kv>(txn: &mut Txn<'_, K>, nonce: &Redeem, (now, latest): (Time, Time)) -> Result<bool, Problem> {
    let Some(number) = NonceNumber::of(&nonce.name) else { return Ok(false) };
    let mut redeemed = txn.get::<RedeemedNonces>("")?.unwrap_or_default();
    let ahead = redeemed.heed_clock(latest);
    let first = redeemed.redeem(number, nonce.expires, now);
    if first || ahead {
        txn.put("", &redeemed)?;
    }
    Ok(first)
}
