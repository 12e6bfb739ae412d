//! Having the key of a revoked certificate refused everywhere.

use crate::ca::runtime::jobs::{JobRecord, Work, pause};
use crate::ca::runtime::message;
use crate::ca::runtime::message::{Message, PartitionId, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::CompromisedKey;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Has the key of a certificate of this ledger, revoked for keyCompromise, refused everywhere. May be done twice.
    ///
    /// # Errors
    /// When a step fails; the job, if there is one, is scheduled again then.
    pub(in crate::ca) async fn have_condemned(&self, key: &str, serial: &str, attempt: u32) -> Result<(), Problem> {
        let PartitionId::Ledger(issuer) = &self.name else {
            return Err(Problem::internal(format!("{} is no ledger", self.name.name())));
        };
        let since = self.ports.now();
        let compromised = CompromisedKey { issuer: issuer.clone(), serial: serial.to_owned(), since };
        let message = Message::Condemn { key: key.to_owned(), compromised };
        let told = match self.ports.ask(&PartitionId::Compromised, &message).await {
            Ok(Reply::Done) => Ok(()),
            Ok(other) => Err(message::unexpected(&other)),
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
