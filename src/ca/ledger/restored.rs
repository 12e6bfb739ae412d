//! The ledger after a restore: its CRLs, the blocked keys, its log.

use super::issuer::SHARDS;
use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::compromise::SubscriptionRecord;
use crate::records::ledger::crl::ShardRecord;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Makes all CRLs due, forgets the blocked keys, which are copied again, closes the log.
    ///
    /// It is idempotent.
    ///
    /// The CRLs of the backup may be older than published ones; the numbers of new ones follow the clock. The blocked keys
    /// were copied after the ledger. The log may have grown after the backup: other leaves at the same places would make
    /// another tree of the same size.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn settle_restored(&self) -> Result<(), Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            txn.delete::<SubscriptionRecord>("");
            self.close(txn)?;
            for (name, shard) in txn.list::<ShardRecord>(None, SHARDS)? {
                if shard.due.is_some() {
                    txn.put(&name, &ShardRecord { due: Some(now), ..shard })?;
                }
            }
            Ok(())
        })
    }
}
