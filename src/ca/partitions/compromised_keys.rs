//! Blocked keys: the keys of certificates that were revoked for keyCompromise.
//!
//! Such a revocation comes from a proven holder of the key or from an operator. All issuers then refuse the key in CSRs
//! and for accounts.
//!
//! One partition stores all of them, and each ledger has a copy, with which it checks a certificate before it records it.
//! A ledger subscribes before its first certificate: it gets all keys, and from then on each new one. The ledger of a
//! revocation records a job in the same transaction, blocks the key before it answers, and retries the job until the
//! partition and all subscribers have stored the key. So a revoked certificate's key is blocked eventually, even after a
//! crash, and no key is blocked without a revocation.

use crate::ca::config::key_policy::Use;
use crate::ca::runtime::ask::{Address, Ask};
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::ledger::compromise::{CompromisedKey, SubscriberRecord};
use crate::store::Kv;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

partition_kind! {
    /// The partition of the compromised keys.
    CompromisedKeys {}
}

/// The partition of the compromised keys: one for all issuers.
#[derive(Clone, Copy, Debug)]
pub struct CompromisedKeysAt;

impl Address for CompromisedKeysAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Compromised
    }
}

/// Blocks a key for all issuers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockKey {
    /// The SHA-256 of its DER SubjectPublicKeyInfo, in hex.
    pub key: String,
    /// The revocation that blocks it.
    pub compromised: CompromisedKey,
}

/// Asks whether a key is blocked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IsBlocked {
    /// As in [`BlockKey`].
    pub key: String,
}

/// Subscribes a ledger to the blocked keys. Replies the next known ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscribeToKeys {
    /// The ledger's issuer.
    pub issuer: String,
    /// The last key that the ledger has stored of the earlier replies.
    pub after: Option<String>,
}

/// A part of the blocked keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeysPage {
    /// The keys, as in [`BlockKey`], in byte order.
    pub keys: Vec<String>,
    /// Whether these are the last.
    pub complete: bool,
}

/// A subscribed ledger: the address of the messages to it.
#[derive(Clone, Debug)]
pub struct SubscriberAt(pub String);

impl Address for SubscriberAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Ledger(self.0.clone())
    }
}

/// Has a subscriber store a blocked key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LearnKey {
    /// As in [`BlockKey`].
    pub key: String,
}

impl Ask for LearnKey {
    type At = SubscriberAt;
    type Reply = ();
    const NAME: &'static str = "LearnKey";
}

/// Maximum number of keys in a reply.
const PAGE: usize = 500;

/// Maximum number of subscribers. A CA has a ledger for each of its issuers.
const MAX_SUBSCRIBERS: usize = 1_000;

asks! {
    CompromisedKeys at CompromisedKeysAt, |keys, ask|
    BlockKey -> () = keys.block_key(&ask.key, &ask.compromised).await;
    IsBlocked -> bool = keys.is_blocked(&ask.key);
    SubscribeToKeys -> KeysPage = keys.subscribe(&ask);
}

/// Returns the fingerprint of a key, in the form of `BLOCKED_KEYS`.
///
/// It is the SHA-256 of the DER SubjectPublicKeyInfo, in hex.
pub fn fingerprint(spki_der: &[u8]) -> String {
    crate::values::hex::encode(&Sha256::digest(spki_der))
}

/// Checks that a new account key is not blocked. Keys of certificates are checked by the ledger.
///
/// # Errors
/// `badPublicKey` if it is blocked; `serverInternal` when the partition does not answer.
pub async fn check<P: Ports>(ports: &P, for_what: Use, spki_der: &[u8]) -> Result<(), Problem> {
    match ports.ask(&CompromisedKeysAt, &IsBlocked { key: fingerprint(spki_der) }).await? {
        true => Err(refusal(for_what)),
        false => Ok(()),
    }
}

/// The refusal of a blocked key.
pub fn refusal(for_what: Use) -> Problem {
    let whose = for_what.label();
    for_what.refuse(&format!("a certificate with {whose} was revoked for keyCompromise; make a new key"))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> CompromisedKeys<P, K> {
    /// Checks whether the key of this fingerprint is blocked. Nothing is stored for other keys.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn is_blocked(&self, key: &str) -> Result<bool, Problem> {
        self.transact(|txn| Ok(txn.has::<CompromisedKey>(key)?))
    }

    /// Blocks the key of this fingerprint, also at all subscribers. It is idempotent.
    ///
    /// # Errors
    /// When the storage fails, or a subscriber does not answer.
    pub(in crate::ca) async fn block_key(&self, key: &str, compromised: &CompromisedKey) -> Result<(), Problem> {
        let subscribers = self.transact(|txn| {
            // Keeps the first record, which has the time of the first revocation.
            if !txn.has::<CompromisedKey>(key)? {
                txn.put(key, compromised)?;
            }
            Ok(txn.list::<SubscriberRecord>(None, MAX_SUBSCRIBERS)?)
        })?;
        // The ledger of the revocation has stored it already.
        for (issuer, _) in subscribers.into_iter().filter(|(issuer, _)| *issuer != compromised.issuer) {
            self.ports.ask(&SubscriberAt(issuer), &LearnKey { key: key.to_owned() }).await?;
        }
        Ok(())
    }

    /// Subscribes a ledger, and returns the known keys.
    ///
    /// It is subscribed before it reads: so no key falls between the known ones and the new ones.
    ///
    /// # Errors
    /// When the storage fails.
    fn subscribe(&self, ask: &SubscribeToKeys) -> Result<KeysPage, Problem> {
        self.transact(|txn| {
            if !txn.has::<SubscriberRecord>(&ask.issuer)? {
                txn.put(&ask.issuer, &SubscriberRecord {})?;
            }
            let mut keys = txn.list::<CompromisedKey>(ask.after.as_deref(), PAGE + 1)?;
            let complete = keys.len() <= PAGE;
            keys.truncate(PAGE);
            Ok(KeysPage { keys: keys.into_iter().map(|(key, _)| key).collect(), complete })
        })
    }
}
