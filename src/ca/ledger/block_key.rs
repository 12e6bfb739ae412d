//! Blocking the key of a revoked certificate for all issuers.

use super::kind::Ledger;
use crate::ca::partitions::compromised_keys::{BlockKey, CompromisedKeysAt};
use crate::ca::runtime::jobs::{JobRecord, Work, pause};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::CompromisedKey;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
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
            if txn.get::<JobRecord>(&work.name())?.is_none() {
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
