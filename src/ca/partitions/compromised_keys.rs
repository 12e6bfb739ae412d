//! Keys that were compromised: a certificate with such a key was revoked for keyCompromise, by somebody who has proven to
//! have the key, and it is refused from then on in CSRs and for accounts, whichever issuer is asked.
//!
//! One partition has them all. A ledger that revokes a certificate so records in the same transaction, as a job, that the
//! key is to be put there, does it before it answers, and goes on trying when that fails: the key of a revoked certificate
//! is refused sooner or later whatever is lost, and the key of one that was not revoked never is.

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

/// Blocks a key everywhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockKey {
    /// The SHA-256 of its DER SubjectPublicKeyInfo, in hex.
    pub key: String,
    /// The revocation that compromised it.
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

/// The fingerprint of a key: the SHA-256 of its DER SubjectPublicKeyInfo in hex, as in `BLOCKED_KEYS`.
pub fn fingerprint(spki_der: &[u8]) -> String {
    crate::values::hex::encode(&Sha256::digest(spki_der))
}

/// Asks whether a key that comes in new was compromised.
///
/// # Errors
/// `badPublicKey`, for a CSR's key `badCSR`, where it was; `serverInternal` when there is no answer.
pub async fn check<P: Ports>(ports: &P, for_what: Use, spki_der: &[u8]) -> Result<(), Problem> {
    if !ports.ask(&CompromisedKeysAt, &IsBlocked { key: fingerprint(spki_der) }).await? {
        return Ok(());
    }
    let whose = for_what.label();
    Err(for_what.refuse(&format!("a certificate with {whose} was revoked for keyCompromise; make a new key")))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> CompromisedKeys<P, K> {
    /// Whether the key of this fingerprint is refused. Nothing is stored for one that is not.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn is_blocked(&self, key: &str) -> Result<bool, Problem> {
        self.transact(|txn| Ok(txn.get::<CompromisedKey>(key)?.is_some()))
    }

    /// Refuses the key of this fingerprint from now on.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn block_key(&self, key: &str, compromised: &CompromisedKey) -> Result<(), Problem> {
        self.transact(|txn| {
            // The first record stays: it has the time of the first revocation.
            if txn.get::<CompromisedKey>(key)?.is_none() {
                txn.put(key, compromised)?;
            }
            Ok(())
        })
    }
}
