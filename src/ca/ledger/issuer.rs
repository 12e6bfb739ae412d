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

/// Maximum number of shards of a ledger, and the complete list.
pub(super) const SHARDS: usize = MAX_SHARDS as usize + 1;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the issuer of this ledger; `None` if it is no longer configured.
    pub(in crate::ca) fn issuer_of_ledger(&self) -> Option<&Issuer> {
        self.ports.settings().issuers.find(&self.issuer)
    }

    /// Returns the current URL of a shard's CRL. `None` if `STATUS_URL` or the issuer is not configured.
    pub(in crate::ca) fn url_of(&self, shard: u16) -> Option<String> {
        let published = self.ports.settings().published.as_ref()?;
        Some(published.crl(self.issuer_of_ledger()?.id(), shard))
    }

    /// Returns the state of all shards.
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
