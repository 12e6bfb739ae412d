//! The shadow policy and its findings.

use crate::ca::runtime::operation::FOUND;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::inventory::set_id;
use crate::records::operations::audit::Act;
use crate::records::operations::policies::{FindingRecord, ShadowRecord};
use crate::store::Kv;
use crate::values::Id;
use serde_json::{Value, json};

/// How many findings of a shadow are kept.
const FINDINGS: usize = 200;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Puts a policy in the shadow, or ends it; what the one before would have refused is forgotten.
    pub(in crate::ca) fn put_shadow(&self, document: Option<Value>, made: Act) -> Result<Value, Problem> {
        self.transact(|txn| {
            for (id, _) in txn.list::<FindingRecord>(None, FINDINGS)? {
                txn.delete::<FindingRecord>(&id);
            }
            match document {
                Some(document) => txn.put("", &ShadowRecord { made, document })?,
                None => txn.delete::<ShadowRecord>(""),
            }
            Ok(true.into())
        })
    }

    /// Notes what the policy in the shadow would have refused.
    pub(in crate::ca) fn put_findings(&self, account: &Id, findings: &[(String, String)]) -> Result<Value, Problem> {
        let last = self.ports.now();
        self.transact(|txn| {
            if txn.get::<ShadowRecord>("")?.is_none() {
                return Ok(false.into());
            }
            for (identifier, rule) in findings.iter().take(FOUND) {
                let id = set_id(&[identifier.clone(), rule.clone()], false);
                let found = txn.get::<FindingRecord>(&id)?;
                if found.is_none() && txn.list::<FindingRecord>(None, FINDINGS)?.len() >= FINDINGS {
                    continue;
                }
                let count = found.map_or(0, |found| found.count).saturating_add(1);
                let (identifier, rule, account) = (identifier.clone(), rule.clone(), account.clone());
                txn.put(&id, &FindingRecord { identifier, rule, account, count, last })?;
            }
            Ok(true.into())
        })
    }

    /// What the policy in the shadow would have refused, the last first.
    pub(in crate::ca) fn shadow_findings(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let mut found: Vec<FindingRecord> =
                txn.list::<FindingRecord>(None, FINDINGS)?.into_iter().map(|(_, record)| record).collect();
            found.sort_by_key(|record| core::cmp::Reverse(record.last));
            let wire = |record: &FindingRecord| {
                json!({
                    "identifier": record.identifier, "rule": record.rule, "account": record.account,
                    "count": record.count, "last": record.last.rfc3339(),
                })
            };
            Ok(json!({ "findings": found.iter().map(wire).collect::<Vec<_>>() }))
        })
    }
}
