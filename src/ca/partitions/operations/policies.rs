//! The partition's side of policies: versions, the shadow and what it found; and what else operations keep of themselves.

use crate::ca::config::policy;
use crate::ca::runtime::ask::json_of;
use crate::ca::runtime::operation::{InForceDocuments, NewPolicy, Restored};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::policies::{PolicyRecord, ShadowRecord};
use crate::store::{Kv, Txn};
use serde_json::Value;

/// What operations answer about policies.
#[derive(serde::Serialize, serde::Deserialize)]
pub(in crate::ca) struct Stored {
    pub(in crate::ca) versions: Vec<PolicyRecord>,
    pub(in crate::ca) shadow: Option<ShadowRecord>,
}

pub(in crate::ca) fn no_version() -> Problem {
    Problem::malformed("There is no such version of the policy; 0 is that of the configuration.")
}

/// How many versions are shown.
const VERSIONS: usize = 50;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    pub(in crate::ca) fn last_policy(&self, txn: &Txn<'_, K>) -> Result<Option<PolicyRecord>, Problem> {
        Ok(txn.list::<PolicyRecord>(None, 1)?.into_iter().next().map(|(_, record)| record))
    }

    /// What is in force, for whoever decides.
    pub(in crate::ca) fn policies_in_force(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let last = self.last_policy(txn)?;
            json_of(&InForceDocuments {
                version: last.as_ref().map_or(0, |record| record.version),
                document: last.and_then(|record| record.document),
                shadow: txn.get::<ShadowRecord>("")?.map(|shadow| shadow.document),
            })
        })
    }

    /// All versions, the newest first, and the shadow.
    pub(in crate::ca) fn policy_versions(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let versions = txn.list::<PolicyRecord>(None, VERSIONS)?.into_iter().map(|(_, record)| record).collect();
            json_of(&Stored { versions, shadow: txn.get::<ShadowRecord>("")? })
        })
    }

    /// Puts a policy in force. Answers its record.
    pub(in crate::ca) fn put_policy(&self, policy: NewPolicy) -> Result<Value, Problem> {
        self.transact(|txn| {
            let last = self.last_policy(txn)?;
            let present = last.as_ref().map_or(0, |record| record.version);
            let restores = match policy.restores {
                None => None,
                Some(Restored::Version(n)) => Some(n),
                Some(Restored::Before) => Some(present.checked_sub(1).ok_or_else(no_version)?),
            };
            let document = match restores {
                None => policy.document,
                Some(0) => None,
                Some(n) => txn.get::<PolicyRecord>(&PolicyRecord::id_of(n))?.ok_or_else(no_version)?.document,
            };
            if let Some(document) = document.as_ref().filter(|_| restores.is_some()) {
                // It may be older than this version of the CA, or its configuration.
                policy::read_policy("the document of that version", document).map_err(Problem::malformed)?;
            }
            let version = present.saturating_add(1);
            let record = PolicyRecord { version, made: policy.by, note: policy.note, restores, document };
            txn.put(&PolicyRecord::id_of(version), &record)?;
            json_of(&record)
        })
    }
}
