//! Blocked keys in a ledger: its copy, and blocking one for all issuers.

use super::kind::Ledger;
use crate::ca::partitions::compromised_keys::{BlockKey, CompromisedKeysAt, KeysPage, SubscribeToKeys};
use crate::ca::runtime::jobs::{JobRecord, Work, pause};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::compromise::{BlockedKeyRecord, CompromisedKey, SubscriptionRecord};
use crate::store::{Kv, Txn};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Copies all blocked keys, once: a ledger that has them gets each new one.
    ///
    /// # Errors
    /// When the storage fails, or the partition of the compromised keys does not answer.
    pub(in crate::ca) async fn know_blocked_keys(&self) -> Result<(), Problem> {
        loop {
            let SubscriptionRecord { after, complete } =
                self.transact(|txn| Ok(txn.get::<SubscriptionRecord>("")?.unwrap_or_default()))?;
            if complete {
                return Ok(());
            }
            let ask = SubscribeToKeys { issuer: self.issuer.clone(), after: after.clone() };
            let KeysPage { keys, complete } = self.ports.ask(&CompromisedKeysAt, &ask).await?;
            self.transact(|txn| {
                keys.iter().try_for_each(|key| put_blocked(txn, key))?;
                let after = keys.last().cloned().or(after);
                Ok(txn.put("", &SubscriptionRecord { after: after.filter(|_| !complete), complete })?)
            })?;
        }
    }

    /// Stores a key that was blocked now.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn learn_key(&self, key: &str) -> Result<(), Problem> {
        self.transact(|txn| put_blocked(txn, key))
    }

    /// Blocks the key of a certificate revoked for keyCompromise, for all issuers. It is idempotent.
    ///
    /// # Errors
    /// When a step fails; the job, if any, is then scheduled again.
    pub(in crate::ca) async fn block_key(&self, key: &str, serial: &str, attempt: u32) -> Result<(), Problem> {
        let since = self.ports.now();
        let compromised = CompromisedKey { issuer: self.issuer.clone(), serial: serial.to_owned(), since };
        let blocked = self.ports.ask(&CompromisedKeysAt, &BlockKey { key: key.to_owned(), compromised }).await;
        let work = Work::Block(key.to_owned(), serial.to_owned());
        self.transact(|txn| {
            if !txn.has::<JobRecord>(&work.name())? {
                // A concurrent attempt has finished the job.
                return Ok(());
            }
            match &blocked {
                Ok(()) => txn.delete::<JobRecord>(&work.name()),
                // The job is retried until it succeeds.
                Err(_) => self.schedule(txn, work, self.ports.now().plus(pause(attempt.max(1))))?,
            }
            Ok(())
        })?;
        blocked
    }
}

/// Stores the ledger's copy of a blocked key.
///
/// # Errors
/// When the storage fails.
pub(in crate::ca) fn put_blocked<K: Kv>(txn: &mut Txn<'_, K>, key: &str) -> Result<(), Problem> {
    if !txn.has::<BlockedKeyRecord>(key)? {
        txn.put(key, &BlockedKeyRecord {})?;
    }
    Ok(())
}
