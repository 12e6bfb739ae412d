//! The partition's side of policies: versions, the shadow and what it found; and what else operations keep of themselves.

use super::{Stored, no_version};
use crate::acme::Problem;
use crate::acme::act::Act;
use crate::acme::inventory::set_id;
use crate::acme::policies::{CalendarRecord, FindingRecord, PolicyRecord, ShadowRecord};
use crate::ca::admin::external_keys::act;
use crate::ca::config::policy;
use crate::ca::runtime::ask::json_of;
use crate::ca::runtime::operation::FOUND;
use crate::ca::runtime::operation::InForceDocuments;
use crate::ca::runtime::operation::{NewPolicy, Restored};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::{Kv, Txn};
use crate::values::Id;
use serde_json::{Value, json};

/// How many versions are shown.
const VERSIONS: usize = 50;

/// How many findings of a shadow are kept.
const FINDINGS: usize = 200;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    pub(in crate::ca) fn last_policy(&self, txn: &Txn<'_, K>) -> Result<Option<PolicyRecord>, Problem> {
        Ok(txn.list::<PolicyRecord>(None, 1)?.into_iter().next().map(|(_, record)| record))
    }

    /// What is in force, for whoever decides.
    pub(in crate::ca::admin) fn policies_in_force(&self) -> Result<Value, Problem> {
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
    pub(in crate::ca::admin) fn policy_versions(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let versions = txn.list::<PolicyRecord>(None, VERSIONS)?.into_iter().map(|(_, record)| record).collect();
            json_of(&Stored { versions, shadow: txn.get::<ShadowRecord>("")? })
        })
    }

    /// Puts a policy in force. Answers its record.
    pub(in crate::ca::admin) fn put_policy(&self, policy: NewPolicy) -> Result<Value, Problem> {
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

    /// Puts a policy in the shadow, or ends it; what the one before would have refused is forgotten.
    pub(in crate::ca::admin) fn put_shadow(&self, document: Option<Value>, made: Act) -> Result<Value, Problem> {
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
    pub(in crate::ca::admin) fn put_findings(
        &self,
        account: &Id,
        findings: &[(String, String)],
    ) -> Result<Value, Problem> {
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
    pub(in crate::ca::admin) fn shadow_findings(&self) -> Result<Value, Problem> {
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

    /// How often the calendar was given another URL.
    pub(in crate::ca::admin) fn calendar_moved(&self, moved: bool) -> Result<Value, Problem> {
        self.transact(|txn| {
            let mut record = txn.get::<CalendarRecord>("")?.unwrap_or_default();
            if moved {
                record.moved = record.moved.saturating_add(1);
                txn.put("", &record)?;
            }
            Ok(record.moved.into())
        })
    }

    /// What there is to say of operations as a whole.
    pub(in crate::ca::admin) fn operations_standing(&self) -> Result<Value, Problem> {
        let end = self.audit_end()?;
        self.transact(|txn| {
            let last = self.last_policy(txn)?;
            Ok(json!({
                "policy": {
                    "version": last.as_ref().map_or(0, |record| record.version),
                    "made": last.as_ref().map(|record| act(&record.made)),
                    "shadow": txn.get::<ShadowRecord>("")?.is_some(),
                },
                "audit": { "entries": end.number, "chain": end.chain },
            }))
        })
    }
}
