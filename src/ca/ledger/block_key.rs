//! Having the key of a revoked certificate refused everywhere.

use super::kind::Ledger;
use crate::ca::partitions::compromised_keys::{BlockKey, CompromisedKeysAt};
use crate::ca::runtime::jobs::{JobRecord, Work, pause};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::CompromisedKey;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Has the key of a certificate of this ledger, revoked for keyCompromise, refused everywhere. May be done twice.
    ///
    /// # Errors
    /// When a step fails; the job, if there is one, is scheduled again then.
    pub(in crate::ca) async fn block_key(&self, key: &str, serial: &str, attempt: u32) -> Result<(), Problem> {
        let since = self.ports.now();
        let compromised = CompromisedKey { issuer: self.issuer.clone(), serial: serial.to_owned(), since };
        let blocked = self.ports.ask(&CompromisedKeysAt, &BlockKey { key: key.to_owned(), compromised }).await;
        let work = Work::Condemn(key.to_owned(), serial.to_owned());
        self.transact(|txn| {
            if txn.get::<JobRecord>(&work.name())?.is_none() {
                // Somebody else was faster.
                return Ok(());
            }
            match &blocked {
                Ok(()) => txn.delete::<JobRecord>(&work.name()),
                // It is never given up.
                Err(_) => self.schedule(txn, work, self.ports.now().plus(pause(attempt.max(1))))?,
            }
            Ok(())
        })?;
        blocked
    }
}
