//! Keys that were compromised: a certificate with such a key was revoked for keyCompromise, by somebody who has proven to
//! have the key, and it is refused from then on in CSRs and for accounts, whichever issuer is asked.
//!
//! One partition has them all. A ledger that revokes a certificate so records in the same transaction, as a job, that the
//! key is to be put there, does it before it answers, and goes on trying when that fails: the key of a revoked certificate
//! is refused sooner or later whatever is lost, and the key of one that was not revoked never is.

use super::cell::Cell;
use super::jobs::{JobRecord, Work};
use super::ladder;
use super::message::{Message, Partition, Reply};
use super::new_key::Use;
use super::ports::{PartitionPorts, Ports};
use crate::acme::Problem;
use crate::acme::ledger::CompromisedKey;
use crate::store::Kv;
use core::time::Duration;
use sha2::{Digest, Sha256};

/// How long until it is tried again to have a key refused, after the first try; longer with each.
const RETRY: Duration = Duration::from_secs(5);

/// The longest wait, in that many of the first.
const SLOWEST: u32 = 60;

/// How long after so many tries in vain the next one comes.
pub(super) fn pause(tries: u32) -> Duration {
    RETRY * tries.min(SLOWEST)
}

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
    match ports.ask(&Partition::Compromised, &message).await? {
        Reply::Compromised(false) => Ok(()),
        Reply::Compromised(true) => {
            let whose = for_what.whose();
            Err(for_what.refuse(&format!("a certificate with {whose} was revoked for keyCompromise; make a new key")))
        }
        other => Err(ladder::unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Whether the key of this fingerprint is refused. Nothing is stored for one that is not.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) fn is_compromised(&self, key: &str) -> Result<bool, Problem> {
        self.transact(|txn| Ok(txn.get::<CompromisedKey>(key)?.is_some()))
    }

    /// Refuses the key of this fingerprint from now on.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) fn condemn(&self, key: &str, compromised: &CompromisedKey) -> Result<(), Problem> {
        self.transact(|txn| {
            // The first stays, so that it can be told since when.
            if txn.get::<CompromisedKey>(key)?.is_none() {
                txn.put(key, compromised)?;
            }
            Ok(())
        })
    }

    /// Has the key of a certificate of this ledger, revoked for keyCompromise, refused everywhere. May be done twice.
    ///
    /// # Errors
    /// When a step fails; the job, if there is one, is scheduled again then.
    pub(super) async fn have_condemned(&self, key: &str, serial: &str, attempt: u32) -> Result<(), Problem> {
        let Partition::Ledger(issuer) = &self.name else {
            return Err(Problem::internal(format!("{} is no ledger", self.name.name())));
        };
        let since = self.ports.now();
        let compromised = CompromisedKey { issuer: issuer.clone(), serial: serial.to_owned(), since };
        let message = Message::Condemn { key: key.to_owned(), compromised };
        let told = match self.ports.ask(&Partition::Compromised, &message).await {
            Ok(Reply::Done) => Ok(()),
            Ok(other) => Err(ladder::unexpected(&other)),
            Err(problem) => Err(problem),
        };
        let work = Work::Condemn(key.to_owned(), serial.to_owned());
        self.transact(|txn| {
            if txn.get::<JobRecord>(&work.name())?.is_none() {
                // Somebody else was faster.
                return Ok(());
            }
            match &told {
                Ok(()) => txn.delete::<JobRecord>(&work.name()),
                // It is never given up.
                Err(_) => self.schedule(txn, work, self.ports.now().plus(pause(attempt.max(1))))?,
            }
            Ok(())
        })?;
        told
    }
}
