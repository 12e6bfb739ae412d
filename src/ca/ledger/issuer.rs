//! The issuer of a ledger, and the state of its CRLs.

use crate::ca::config::issuers::MAX_SHARDS;
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::Issuer;
use crate::records::Problem;
use crate::records::ledger::crl::{ShardRecord, ShardStanding};
use crate::store::Kv;

/// How many shards a ledger can have.
const SHARDS: usize = MAX_SHARDS as usize;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// The issuer of this ledger; `None` in other partitions, and for an issuer that is not configured any more.
    pub(in crate::ca) fn issuer_here(&self) -> Option<&Issuer> {
        match &self.name {
            PartitionId::Ledger(id) => self.ports.settings().issuers.find(id),
            _ => None,
        }
    }

    /// Where the list of a shard is served now.
    pub(in crate::ca) fn url_of(&self, shard: u16) -> Option<String> {
        let published = self.ports.settings().published.as_ref()?;
        Some(published.crl(self.issuer_here()?.id(), shard))
    }

    /// How things stand with all shards.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn standing(&self) -> Result<Vec<ShardStanding>, Problem> {
        self.transact(|txn| {
            let shards = txn.list::<ShardRecord>(None, SHARDS)?.into_iter();
            Ok(shards.filter_map(|(name, shard)| Some((name.parse().ok()?, shard))).collect())
        })
    }
}
