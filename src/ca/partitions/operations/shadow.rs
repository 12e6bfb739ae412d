//! The shadow policy and its findings.

use super::kind::Operations;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::inventory::set_id;
use crate::records::operations::audit::Actor;
use crate::records::operations::policies::{FindingRecord, ShadowRecord};
use crate::store::Kv;
use crate::values::Id;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Maximum number of findings of one order that are recorded.
pub const MAX_FINDINGS_PER_ORDER: usize = 10;

/// Records the identifiers that the shadow policy would have refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordFindings {
    /// The account.
    pub account: Id,
    /// The identifiers, each with the rule.
    pub findings: Vec<(String, String)>,
}

/// Lists the findings of the shadow policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListFindings;

/// Maximum number of findings that are kept.
const MAX_FINDINGS: usize = 200;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Sets or removes the shadow policy, and deletes the findings of the previous one.
    pub(in crate::ca) fn put_shadow(&self, document: Option<Value>, made: Actor) -> Result<(), Problem> {
        self.transact(|txn| {
            for (id, _) in txn.list::<FindingRecord>(None, MAX_FINDINGS)? {
                txn.delete::<FindingRecord>(&id);
            }
            match document {
                Some(document) => txn.put("", &ShadowRecord { made, document })?,
                None => txn.delete::<ShadowRecord>(""),
            }
            Ok(())
        })
    }

    /// Records findings of the shadow policy, if there is one.
    pub(in crate::ca) fn record_findings(
        &self,
        RecordFindings { account, findings }: &RecordFindings,
    ) -> Result<(), Problem> {
        let last = self.ports.now();
        self.transact(|txn| {
            if txn.get::<ShadowRecord>("")?.is_none() {
                return Ok(());
            }
            for (identifier, rule) in findings.iter().take(MAX_FINDINGS_PER_ORDER) {
                let id = set_id(&[identifier.clone(), rule.clone()], false);
                let found = txn.get::<FindingRecord>(&id)?;
                if found.is_none() && txn.list::<FindingRecord>(None, MAX_FINDINGS)?.len() >= MAX_FINDINGS {
                    continue;
                }
                let count = found.map_or(0, |found| found.count).saturating_add(1);
                let (identifier, rule, account) = (identifier.clone(), rule.clone(), account.clone());
                txn.put(&id, &FindingRecord { identifier, rule, account, count, last })?;
            }
            Ok(())
        })
    }

    /// Returns the findings of the shadow policy, the latest first.
    pub(in crate::ca) fn findings(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let mut found: Vec<FindingRecord> =
                txn.list::<FindingRecord>(None, MAX_FINDINGS)?.into_iter().map(|(_, record)| record).collect();
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
