//! Deletion of certificates that expired long ago, at the request of their ledger.

use super::kind::Account;
use crate::ca::partitions::pruning::ForgetCertificates;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::{CertificateRecord, Problem};
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Deletes the named certificates, except those that did not expire before the given time.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn forget_certificates(&self, ask: &ForgetCertificates) -> Result<(), Problem> {
        self.transact(|txn| {
            for serial in &ask.serials {
                if txn.get::<CertificateRecord>(serial)?.is_some_and(|found| found.not_after < ask.before) {
                    txn.delete::<CertificateRecord>(serial);
                }
            }
            Ok(())
        })
    }
}
