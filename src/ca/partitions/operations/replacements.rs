//! The list of all replacements that operators requested. Each ledger has its own copy of the active ones.

use super::kind::{Operations, OperationsAt};
use crate::ca::runtime::ask::{Address, Ask};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::inventory::ReplaceRecord;
use crate::store::Kv;
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// Maximum number of active replacements. Each is compared with each certificate.
pub const REPLACEMENTS: usize = 50;

/// Maximum number of records that are read.
const MAX_LISTED: usize = 10 * REPLACEMENTS;

/// Maximum number of withdrawn records that are kept.
const MAX_WITHDRAWN: usize = 8 * REPLACEMENTS;

/// A partition that has a copy of a replacement.
#[derive(Clone, Debug)]
pub enum ReplacementStore {
    /// The ledger of this issuer.
    Ledger(String),
    /// The operators' list.
    Operations,
}

impl Address for ReplacementStore {
    fn partition(&self) -> PartitionId {
        match self {
            Self::Ledger(issuer) => PartitionId::Ledger(issuer.clone()),
            Self::Operations => PartitionId::Operations,
        }
    }
}

impl From<OperationsAt> for ReplacementStore {
    fn from(OperationsAt: OperationsAt) -> Self {
        Self::Operations
    }
}

/// Stores a replacement, or its withdrawal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PutReplacement(pub ReplaceRecord);

impl Ask for PutReplacement {
    type At = ReplacementStore;
    type Reply = ();
    const NAME: &'static str = "PutReplacement";
}

/// Lists the replacements that have not expired.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListReplacements;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Stores a replacement, and deletes the oldest withdrawn ones.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn put_replacement(&self, record: &ReplaceRecord) -> Result<(), Problem> {
        self.transact(|txn| {
            txn.put(&record.id, record)?;
            let found = txn.list::<ReplaceRecord>(None, MAX_LISTED)?.into_iter().map(|(_, record)| record);
            let mut withdrawn: Vec<ReplaceRecord> = found.filter(|record| record.withdrawn.is_some()).collect();
            withdrawn.sort_by_key(|record| core::cmp::Reverse(record.made.at));
            for old in withdrawn.iter().skip(MAX_WITHDRAWN) {
                txn.delete::<ReplaceRecord>(&old.id);
            }
            Ok(())
        })
    }

    /// Returns the replacements that have not expired.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn replacements(&self) -> Result<Vec<ReplaceRecord>, Problem> {
        let now: Time = self.ports.now();
        self.transact(|txn| {
            let found = txn.list::<ReplaceRecord>(None, MAX_LISTED)?.into_iter().map(|(_, record)| record);
            Ok(found.filter(|record| record.expires > now).collect())
        })
    }
}
