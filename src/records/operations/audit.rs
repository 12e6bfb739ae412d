//! What operators do: who did what, for the record.

use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// That somebody did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// When.
    pub at: Time,
    /// The name of an admin token, or the address of a person that Cloudflare Access let in.
    pub by: String,
}

/// How it is known who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMethod {
    /// By an admin token.
    Token,
    /// By an assertion of Cloudflare Access.
    Access,
    /// It is not known.
    None,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It begins.
    Attempted,
    /// It was done.
    Done,
    /// It was refused, and changed nothing.
    Refused,
    /// It failed on the way; it may have been done.
    Failed,
}

/// An entry of the audit record, stored as `audit/{number, 16 digits}`. Kept for good, and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub number: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// SHA-256 over this member of the entry before, and this entry without it, in hex.
    pub chain: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Time,
    /// The name of a token, the address of a person, or `nobody`.
    pub who: String,
    /// How that is known.
    pub by: AuthMethod,
    /// `external-account.create` and the like.
    pub what: String,
    /// What it was done to.
    pub target: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The number of the entry that says that it was asked for.
    pub of: Option<u64>,
    /// More of it.
    pub detail: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
}

impl Record for AuditRecord {
    const PREFIX: &'static str = "audit";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The end of the audit record, stored as `audited`: what the next entry follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The number of the last entry; 0 when there is none.
    pub number: u64,
    /// Its chain; empty when there is none.
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
    /// The entry that follows.
    pub fn after(end: &AuditHead, event: Event) -> Self {
        let number = end.number.saturating_add(1);
        let entry = Self { number, event, chain: String::new() };
        let mut hash = Sha256::new();
        hash.update(&end.chain);
        hash.update(entry.wire(false).to_string());
        let chain = crate::values::hex::encode(&hash.finalize());
        Self { chain, ..entry }
    }

    /// The id under which it is stored.
    pub fn id(&self) -> String {
        id_of(self.number)
    }

    /// The entry as the operations API shows it, and, without its chain, as it is chained: members in this order.
    pub fn wire(&self, chained: bool) -> serde_json::Value {
        let Event { at, who, by, what, target, outcome, of, detail, address } = &self.event;
        let mut entry = serde_json::json!({
            "number": self.number, "at": at.rfc3339(), "who": who, "by": by, "what": what, "target": target,
            "outcome": outcome, "of": of, "detail": detail, "address": address,
        });
        if let (true, Some(members)) = (chained, entry.as_object_mut()) {
            members.insert("chain".into(), self.chain.clone().into());
        }
        entry
    }
}

/// The id of the entry of this number.
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
        }
    }

    #[test]
    fn each_entry_follows_the_one_before() {
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
