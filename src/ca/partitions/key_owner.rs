//! The account that owns a key: claims, reassignments, look-ups.

use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::acme::account::KeyOwner;
use crate::store::Kv;
use serde::{Deserialize, Serialize};

partition_kind! {
    /// The partition of an account key: the account that owns it.
    Key {}
}

/// The partition of the account key of this thumbprint.
#[derive(Clone, Debug)]
pub struct KeyAt(pub String);

impl Address for KeyAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Key(self.0.clone())
    }
}

/// Asks for the owner of the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindOwner;

/// Claims the key for an account, unless another owns it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClaimKey(pub KeyOwner);

/// Moves the key from one claim to another, if the first is unchanged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReassignKey {
    /// The claim of an owner that does not, or no longer, have the key.
    pub from: KeyOwner,
    /// The new claim.
    pub to: KeyOwner,
}

/// Releases the key if this account's claim is older than this key change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseKey(pub KeyOwner);

asks! {
    Key at KeyAt, |key, ask|
    FindOwner -> Option<KeyOwner> = key.owner();
    ClaimKey -> KeyOwner = key.claim(ask.0);
    ReassignKey -> KeyOwner = key.reassign(&ask.from, ask.to);
    ReleaseKey -> Option<KeyOwner> = key.release(&ask.0);
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Key<P, K> {
    /// Returns the claim of the key's owner, if any.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn owner(&self) -> Result<Option<KeyOwner>, Problem> {
        self.transact(|txn| Ok(txn.get::<KeyOwner>("")?))
    }

    /// Claims the key for an account unless another account owns it. Returns the resulting claim.
    ///
    /// A newer claim of the same account replaces the older one.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn claim(&self, claim: KeyOwner) -> Result<KeyOwner, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            Some(owner) if owner.account != claim.account || owner.change >= claim.change => Ok(owner),
            _ => {
                txn.put("", &claim)?;
                Ok(claim)
            }
        })
    }

    /// Replaces exactly the claim `from` by `to`. Returns the resulting claim.
    ///
    /// `to` also replaces an older claim of the same account, and claims a key without an owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn reassign(&self, from: &KeyOwner, to: KeyOwner) -> Result<KeyOwner, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            // An older claim of the same account is released when its key change fails, so `to` must replace it.
            Some(owner) if owner != *from && (owner.account != to.account || owner.change >= to.change) => Ok(owner),
            _ => {
                txn.put("", &to)?;
                Ok(to)
            }
        })
    }

    /// Releases the key of an account that moved to another key by change `claim.change`.
    ///
    /// A newer claim of the account is kept. Returns the resulting claim.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn release(&self, claim: &KeyOwner) -> Result<Option<KeyOwner>, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            Some(owner) if owner.account == claim.account && owner.change < claim.change => {
                txn.delete::<KeyOwner>("");
                Ok(None)
            }
            owner => Ok(owner),
        })
    }
}
