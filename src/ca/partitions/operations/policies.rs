//! The versions of the policy, and the policies in force.

use super::kind::Operations;
use crate::ca::config::policy;
use crate::ca::runtime::policy_cache::InForceDocuments;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::audit::Actor;
use crate::records::operations::policies::{PolicyRecord, ShadowRecord};
use crate::store::{Kv, Txn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Asks for the policies in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PoliciesInForce;

/// Lists the versions of the policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListPolicies;

/// The versions of the policy, the newest first, and the shadow policy.
#[derive(Serialize, Deserialize)]
pub struct StoredPolicies {
    /// The versions.
    pub versions: Vec<PolicyRecord>,
    /// The shadow policy.
    pub shadow: Option<ShadowRecord>,
}

/// Puts a policy in force; replies its record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PutPolicy {
    /// The document; not given with `restores`, which names a stored one.
    pub document: Option<Value>,
    /// The version to restore.
    pub restores: Option<Restored>,
    /// The operator's note.
    pub note: Option<String>,
    /// The operator.
    pub by: Actor,
}

/// The version of the policy to restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restored {
    /// This version; 0 is the configuration.
    Version(u32),
    /// The version before the current one.
    Before,
}

/// Sets the shadow policy; without a document it is removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PutShadow {
    /// The document.
    pub document: Option<Value>,
    /// The operator.
    pub by: Actor,
}

pub(in crate::ca) fn no_version() -> Problem {
    Problem::malformed("The policy has no such version; 0 is the configuration's.")
}

/// Maximum number of versions that are listed.
const MAX_VERSIONS: usize = 50;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    pub(in crate::ca) fn last_policy(&self, txn: &Txn<'_, K>) -> Result<Option<PolicyRecord>, Problem> {
        Ok(txn.list::<PolicyRecord>(None, 1)?.into_iter().next().map(|(_, record)| record))
    }

    /// Returns the policies in force.
    pub(in crate::ca) fn policies_in_force(&self) -> Result<InForceDocuments, Problem> {
        self.transact(|txn| {
            let last = self.last_policy(txn)?;
            Ok(InForceDocuments {
                version: last.as_ref().map_or(0, |record| record.version),
                document: last.and_then(|record| record.document),
                shadow: txn.get::<ShadowRecord>("")?.map(|shadow| shadow.document),
            })
        })
    }

    /// Returns the latest versions, the newest first, and the shadow policy.
    pub(in crate::ca) fn policies(&self) -> Result<StoredPolicies, Problem> {
        self.transact(|txn| {
            let versions =
                txn.list::<PolicyRecord>(None, MAX_VERSIONS)?.into_iter().map(|(_, record)| record).collect();
            Ok(StoredPolicies { versions, shadow: txn.get::<ShadowRecord>("")? })
        })
    }

    /// Puts a policy in force as a new version. Returns its record.
    pub(in crate::ca) fn put_policy(&self, policy: PutPolicy) -> Result<PolicyRecord, Problem> {
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
                // The document may be older than this version of the CA, or its configuration.
                policy::read_policy("the document of that version", document).map_err(Problem::malformed)?;
            }
            let version = present.saturating_add(1);
            let record = PolicyRecord { version, made: policy.by, note: policy.note, restores, document };
            txn.put(&PolicyRecord::id_of(version), &record)?;
            Ok(record)
        })
    }
}
