//! Keys that were compromised: a certificate with such a key was revoked for keyCompromise, by somebody who has proven to
//! have the key, and it is refused from then on in CSRs and for accounts, whichever issuer is asked.
//!
//! One partition has them all. A ledger that revokes a certificate so records in the same transaction, as a job, that the
//! key is to be put there, does it before it answers, and goes on trying when that fails: the key of a revoked certificate
//! is refused sooner or later whatever is lost, and the key of one that was not revoked never is.

use crate::ca::config::key_policy::Use;
use crate::ca::runtime::message;
use crate::ca::runtime::message::{Message, PartitionId, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::ledger::entry::CompromisedKey;
use crate::store::Kv;
use sha2::{Digest, Sha256};

/// By what a key is known: the SHA-256 of its DER SubjectPublicKeyInfo in hex, as in `BLOCKED_KEYS`.
pub fn fingerprint(spki_der: &[u8]) -> String {
    crate::values::hex::encode(&Sha256::digest(spki_der))
}

/// Asks whether a key that comes in new was compromised.
///
/// # Errors
/// `badPublicKey`, for a CSR's key `badCSR`, where it was; `serverInternal` when there is no answer.
pub async fn check<P: Ports>(ports: &P, for_what: Use, spki_der: &[u8]) -> Result<(), Problem> {
    let message = Message::IsCompromised { key: fingerprint(spki_der) };
    match ports.ask(&PartitionId::Compromised, &message).await? {
        Reply::Compromised(false) => Ok(()),
        Reply::Compromised(true) => {
            let whose = for_what.whose();
            Err(for_what.refuse(&format!("a certificate with {whose} was revoked for keyCompromise; make a new key")))
        }
        other => Err(message::unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Whether the key of this fingerprint is refused. Nothing is stored for one that is not.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn is_compromised(&self, key: &str) -> Result<bool, Problem> {
        self.transact(|txn| Ok(txn.get::<CompromisedKey>(key)?.is_some()))
    }

    /// Refuses the key of this fingerprint from now on.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn condemn(&self, key: &str, compromised: &CompromisedKey) -> Result<(), Problem> {
        self.transact(|txn| {
            // The first stays, so that it can be told since when.
            if txn.get::<CompromisedKey>(key)?.is_none() {
                txn.put(key, compromised)?;
            }
            Ok(())
        })
    }
}
