//! The account that owns a key: claims, reassignments, look-ups.

use crate::ca::runtime::message;
use crate::ca::runtime::message::{Holding, Message, PartitionId, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::acme::account::KeyOwner;
use crate::store::Kv;
use crate::values::Id;

/// Asks the partition of a key for its owner.
///
/// # Errors
/// `serverInternal` when it does not answer.
pub async fn owner<P: Ports>(ports: &P, thumbprint: &str, message: &Message) -> Result<Option<KeyOwner>, Problem> {
    match ports.ask(&PartitionId::Key(thumbprint.to_owned()), message).await? {
        Reply::Owner(owner) => Ok(owner),
        other => Err(message::unexpected(&other)),
    }
}

/// Asks an account whether it has a key.
///
/// # Errors
/// `serverInternal` when it does not answer.
pub async fn ask_account<P: Ports>(ports: &P, id: &Id, message: &Message) -> Result<Holding, Problem> {
    match ports.ask(&PartitionId::Account(id.clone()), message).await? {
        Reply::Account(holding) => Ok(holding),
        other => Err(message::unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Whose this key is.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn who_owns(&self) -> Result<Reply, Problem> {
        self.transact(|txn| Ok(Reply::Owner(txn.get::<KeyOwner>("")?)))
    }

    /// Gives this key to an account, unless it has another owner. A newer claim of the same account replaces the older
    /// one. Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn claim(&self, claim: KeyOwner) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            Some(owner) if owner.account != claim.account || owner.change >= claim.change => {
                Ok(Reply::Owner(Some(owner)))
            }
            _ => {
                txn.put("", &claim)?;
                Ok(Reply::Owner(Some(claim)))
            }
        })
    }

    /// Gives this key to `to` if it is owned by exactly the claim `from`, by an older one of the same account, or by nobody.
    /// Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn reassign(&self, from: &KeyOwner, to: KeyOwner) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            // An older claim of the same account is let go of when its change fails, so it must not stand for this one.
            Some(owner) if owner != *from && (owner.account != to.account || owner.change >= to.change) => {
                Ok(Reply::Owner(Some(owner)))
            }
            _ => {
                txn.put("", &to)?;
                Ok(Reply::Owner(Some(to)))
            }
        })
    }

    /// Takes this key from an account that changed to another by the key change `claim.change`, unless it has come back
    /// to it since. Answers the owner.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn release(&self, claim: &KeyOwner) -> Result<Reply, Problem> {
        self.transact(|txn| match txn.get::<KeyOwner>("")? {
            Some(owner) if owner.account == claim.account && owner.change < claim.change => {
                txn.delete::<KeyOwner>("");
                Ok(Reply::Owner(None))
            }
            owner => Ok(Reply::Owner(owner)),
        })
    }
}
