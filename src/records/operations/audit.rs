//! The audit record of operators' actions.

use super::role::Role;
use crate::store::{Kv, Record, StoreFailure, Table, Txn};
use crate::values::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The operator of an action, and its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Time.
    pub at: Time,
    /// Name of an admin token, or address of a person admitted by Cloudflare Access.
    pub by: String,
}

/// How an operator signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMethod {
    /// With an admin token.
    Token,
    /// With an assertion of Cloudflare Access.
    Access,
    /// Not signed in.
    None,
}

/// Outcome of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Written before the action.
    Attempted,
    /// Done.
    Done,
    /// Refused, without a change.
    Refused,
    /// Failed; it may have been done.
    Failed,
}

/// An entry of the audit record, stored as `audit/{number, 16 digits}`; never changed nor deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub number: u64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// SHA-256 over the previous entry's `chain` and this entry without it, in hex.
    pub chain: String,
}

/// An audited event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Time.
    pub at: Time,
    /// Name of a token, address of a person, or `nobody`.
    pub who: String,
    /// How the operator signed in.
    pub by: AuthMethod,
    /// Action: `external-account.create` and the like.
    pub what: String,
    /// Object of the action.
    pub target: Option<String>,
    /// Outcome.
    pub outcome: Outcome,
    /// Number of the entry that was written before the action.
    pub of: Option<u64>,
    /// Details.
    pub detail: Option<String>,
    /// Client address.
    pub address: Option<String>,
    /// Role of the operator; `None` for others, and in entries from before roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

impl Record for AuditRecord {
    const PREFIX: &'static str = "audit";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// Head of the audit record, stored as `audited`: the next entry follows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// Number of the last entry; 0 for an empty record.
    pub number: u64,
    /// Hash of the last entry; empty for an empty record.
    pub chain: String,
}

impl Record for AuditHead {
    const PREFIX: &'static str = "audited";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl AuditRecord {
    /// The next entry.
    pub fn after(end: &AuditHead, event: Event) -> Self {
        let number = end.number.saturating_add(1);
        let entry = Self { number, event, chain: String::new() };
        let mut hash = Sha256::new();
        hash.update(&end.chain);
        hash.update(entry.wire(false).to_string());
        let chain = crate::values::hex::encode(&hash.finalize());
        Self { chain, ..entry }
    }

    /// Appends an event to the record. Returns the number of its entry.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn append<K: Kv>(txn: &mut Txn<'_, K>, event: Event) -> Result<u64, StoreFailure> {
        let end = txn.get::<AuditHead>("")?.unwrap_or_default();
        let entry = Self::after(&end, event);
        txn.put(&entry.id(), &entry)?;
        txn.put("", &AuditHead { number: entry.number, chain: entry.chain })?;
        Ok(entry.number)
    }

    /// The id of its record.
    pub fn id(&self) -> String {
        id_of(self.number)
    }

    /// The entry as the operations API shows it; without `chain` as it is hashed. The order of members is fixed.
    pub fn wire(&self, chained: bool) -> serde_json::Value {
        let Event { at, who, by, what, target, outcome, of, detail, address, role } = &self.event;
        let mut entry = serde_json::json!({
            "number": self.number, "at": at.rfc3339(), "who": who, "by": by, "what": what, "target": target,
            "outcome": outcome, "of": of, "detail": detail, "address": address,
        });
        let Some(members) = entry.as_object_mut() else { return entry };
        // An entry without a role is hashed as before there were any.
        if let Some(role) = role {
            members.insert("role".into(), role.name().into());
        }
        if chained {
            members.insert("chain".into(), self.chain.clone().into());
        }
        entry
    }
}

/// The record's id for this entry number.
pub fn id_of(number: u64) -> String {
    format!("{number:016}")
}

#[cfg(test)]
mod tests {
    use crate::records::operations::audit::*;

    fn event(what: &str) -> Event {
        Event {
            at: Time::from_secs(1_795_521_600),
            who: "ada".to_owned(),
            by: AuthMethod::Token,
            what: what.to_owned(),
            target: None,
            outcome: Outcome::Done,
            of: None,
            detail: None,
            address: None,
            role: None,
        }
    }

    #[test]
    fn role_is_hashed_where_there_is_one() {
        let before = AuditRecord::after(&AuditHead::default(), event("a"));
        assert!(!before.wire(true).to_string().contains("role"));
        let role = Some(Role::Auditor);
        let after = AuditRecord::after(&AuditHead::default(), Event { role, ..event("a") });
        assert_eq!(after.wire(true)["role"], "auditor");
        assert_ne!(before.chain, after.chain);
    }

    #[test]
    fn audit_entry_hashes_the_one_before() {
        let first = AuditRecord::after(&AuditHead::default(), event("a"));
        let end = AuditHead { number: first.number, chain: first.chain.clone() };
        let second = AuditRecord::after(&end, event("b"));
        assert_eq!((first.number, second.number), (1, 2));
        let text = format!("{}{}", first.chain, second.wire(false));
        let digest = crate::values::hex::encode(&Sha256::digest(text));
        assert_eq!(second.chain, digest);
        let other = AuditRecord::after(&AuditHead::default(), event("c"));
        assert_ne!(AuditRecord::after(&AuditHead { number: 1, chain: other.chain }, event("b")).chain, second.chain);
    }
}
