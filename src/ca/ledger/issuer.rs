//! The issuer of a ledger, and the state of its CRLs.

use super::kind::Ledger;
use crate::ca::config::issuers::MAX_SHARDS;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::Issuer;
use crate::records::Problem;
use crate::records::ledger::crl::{ShardRecord, ShardStatus};
use crate::store::Kv;
use serde::{Deserialize, Serialize};

/// Lists the shards of the issuer's certificates with the state of their CRLs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListShards;

/// How many shards a ledger can have.
const SHARDS: usize = MAX_SHARDS as usize;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// The issuer of this ledger; `None` in other partitions, and for an issuer that is not configured any more.
    pub(in crate::ca) fn issuer_here(&self) -> Option<&Issuer> {
        self.ports.settings().issuers.find(&self.issuer)
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
    pub(in crate::ca) fn standing(&self) -> Result<Vec<ShardStatus>, Problem> {
        self.transact(|txn| {
            let shards = txn.list::<ShardRecord>(None, SHARDS)?.into_iter();
            Ok(shards.filter_map(|(name, shard)| Some((name.parse().ok()?, shard))).collect())
        })
    }
}
