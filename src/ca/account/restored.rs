//! The account after a restore: its nonces, its key, its entry in the list.

use super::kind::Account;
use crate::ca::partitions::key_owner::{ClaimKey, KeyAt};
use crate::ca::partitions::nonce;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::account::KeyOwner;
use crate::records::{AccountRecord, Problem};
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Refuses nonces of before, claims the account key, updates the list of accounts. It is idempotent.
    ///
    /// # Errors
    /// When the storage fails, or another partition does not answer.
    pub(in crate::ca) async fn settle_restored(&self) -> Result<(), Problem> {
        let account = self.transact(|txn| {
            let mut activity = self.activity(txn)?;
            if activity.nonces.refuse_until(nonce::latest_expiry(&self.ports)) {
                txn.put("", &activity)?;
            }
            Ok(txn.get::<AccountRecord>("")?)
        })?;
        // An account that was listed and never created has a tombstone at most.
        let Some(account) = account else { return Ok(()) };
        let claim = KeyOwner { account: account.id.clone(), change: account.key_changes };
        let owner = self.ports.ask(&KeyAt(account.thumbprint.clone()), &ClaimKey(claim)).await?;
        if owner.account != account.id {
            // A key that changed hands while it was copied. Its new owner keeps it.
            let log = format!("after a restore, key {} belongs to account {}", account.thumbprint, owner.account);
            self.log(&Problem::internal(log));
        }
        self.send_to_roster().await.map(drop)
    }
}
