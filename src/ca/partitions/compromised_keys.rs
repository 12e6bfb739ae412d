//! Blocked keys: the keys of certificates that were revoked for keyCompromise.
//!
//! Such a revocation comes from a proven holder of the key or from an operator. All issuers then refuse the key in CSRs
//! and for accounts.
//!
//! One partition stores all of them. The ledger records a job in the transaction of the revocation, blocks the key
//! before it answers, and retries the job until it succeeds. So a revoked certificate's key is blocked eventually, even
//! after a crash, and no key is blocked without a revocation.

use crate::ca::config::key_policy::Use;
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::ledger::entry::CompromisedKey;
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

asks! {
    CompromisedKeys at CompromisedKeysAt, |keys, ask|
    BlockKey -> () = keys.block_key(&ask.key, &ask.compromised);
    IsBlocked -> bool = keys.is_blocked(&ask.key);
}

/// Returns the fingerprint of a key, in the form of `BLOCKED_KEYS`.
///
/// It is the SHA-256 of the DER SubjectPublicKeyInfo, in hex.
pub fn fingerprint(spki_der: &[u8]) -> String {
    crate::values::hex::encode(&Sha256::digest(spki_der))
}

/// Checks that a new key is not blocked.
///
/// # Errors
/// `badPublicKey`, or `badCSR` for a CSR's key, if it is blocked; `serverInternal` when the partition does not answer.
pub async fn check<P: Ports>(ports: &P, for_what: Use, spki_der: &[u8]) -> Result<(), Problem> {
    if !ports.ask(&CompromisedKeysAt, &IsBlocked { key: fingerprint(spki_der) }).await? {
        return Ok(());
    }
    let whose = for_what.label();
    Err(for_what.refuse(&format!("a certificate with {whose} was revoked for keyCompromise; make a new key")))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> CompromisedKeys<P, K> {
    /// Checks whether the key of this fingerprint is blocked. Nothing is stored for other keys.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn is_blocked(&self, key: &str) -> Result<bool, Problem> {
        self.transact(|txn| Ok(txn.get::<CompromisedKey>(key)?.is_some()))
    }

    /// Blocks the key of this fingerprint.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn block_key(&self, key: &str, compromised: &CompromisedKey) -> Result<(), Problem> {
        self.transact(|txn| {
            // Keeps the first record, which has the time of the first revocation.
            if txn.get::<CompromisedKey>(key)?.is_none() {
                txn.put(key, compromised)?;
            }
            Ok(())
        })
    }
}
