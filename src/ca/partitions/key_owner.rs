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

/// Hands the key from one claim to another, if nothing has changed since the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReassignKey {
    /// The claim of the owner that does not have the key (any more).
    pub from: KeyOwner,
    /// The new claim.
    pub to: KeyOwner,
}

/// Releases the key, if it is this account's by a claim before this key change.
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
    /// Whose this key is.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn owner(&self) -> Result<Option<KeyOwner>, Problem> {
        self.transact(|txn| Ok(txn.get::<KeyOwner>("")?))
    }

    /// Gives this key to an account, unless it has another owner. A newer claim of the same account replaces the older
    /// one. Answers the owner.
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

    /// Gives this key to `to` if it is owned by exactly the claim `from`, by an older one of the same account, or by nobody.
    /// Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn reassign(&self, from: &KeyOwner, to: KeyOwner) -> Result<KeyOwner, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            // An older claim of the same account is let go of when its change fails, so it must not stand for this one.
            Some(owner) if owner != *from && (owner.account != to.account || owner.change >= to.change) => Ok(owner),
            _ => {
                txn.put("", &to)?;
                Ok(to)
            }
        })
    }

    /// Takes this key from an account that changed to another by the key change `claim.change`, unless it has come back
    /// to it since. Answers the owner.
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
