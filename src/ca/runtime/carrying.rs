//! Rules for families of rows when a partition is recovered to an earlier time.
//!
//! [`rules`] names each family of rows of all partitions that can be recovered. A family is the first part of a key.

use super::message::PartitionId;
use serde_json::Value;

/// The rule for a family of rows.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Goes back. What was written since is lost.
    Back,
    /// Goes back, but rows that were written since stay.
    Add,
    /// As [`Rule::Add`], and a row that has advanced in this way stays.
    Later(fn(then: &Value, now: &Value) -> bool),
    /// Does not go back: all rows are as before the recovery.
    Stay,
}

impl Rule {
    /// Returns its effect in a few words, for operators.
    pub fn effect(self) -> &'static str {
        match self {
            Self::Back => "goes back",
            Self::Add => "goes back, nothing is lost",
            Self::Later(_) => "goes back, nothing newer is lost",
            Self::Stay => "stays",
        }
    }
}

/// A kind of partition with the rules for its families.
type Rules = &'static [(&'static str, Rule)];

/// An account never becomes valid again, and keeps its latest key.
fn account(then: &Value, now: &Value) -> bool {
    let changes = |row: &Value| row.get("key_changes").and_then(Value::as_u64).unwrap_or(0);
    now.get("status").and_then(Value::as_str) != Some("valid") || changes(now) > changes(then)
}

/// A revocation is never lost.
fn revoked(then: &Value, now: &Value) -> bool {
    has(now, "revoked") && !has(then, "revoked")
}

/// A key that was disabled stays so.
fn disabled(then: &Value, now: &Value) -> bool {
    has(now, "disabled") && !has(then, "disabled")
}

/// Numbers only rise.
fn numbered(then: &Value, now: &Value) -> bool {
    let number = |row: &Value| row.get("number").and_then(Value::as_u64).unwrap_or(0);
    number(now) >= number(then)
}

/// The calendar's earlier URLs stay invalid.
fn moved(then: &Value, now: &Value) -> bool {
    let moved = |row: &Value| row.get("moved").and_then(Value::as_u64).unwrap_or(0);
    moved(now) > moved(then)
}

/// The latest certificate for the same names.
fn ends_later(then: &Value, now: &Value) -> bool {
    let end = |row: &Value| row.get("not_after").and_then(Value::as_u64).unwrap_or(0);
    end(now) >= end(then)
}

fn has(row: &Value, member: &str) -> bool {
    row.get(member).is_some_and(|member| !member.is_null())
}

/// Accounts: decisions about names and used nonces stay, certificates are never lost.
const ACCOUNT: Rules = &[
    ("account", Rule::Later(account)),
    ("activity", Rule::Stay),
    ("authz", Rule::Stay),
    ("cert", Rule::Add),
    ("failing", Rule::Stay),
    ("job", Rule::Stay),
    ("limit", Rule::Stay),
    ("migration", Rule::Back),
    ("order", Rule::Stay),
    ("persist", Rule::Back),
    ("pool", Rule::Stay),
    ("pooled", Rule::Stay),
    ("proof", Rule::Stay),
    ("recovery", Rule::Stay),
    ("restore", Rule::Back),
    ("void", Rule::Stay),
];

/// Ledgers: serial numbers, revocations, numbers of CRLs and logs never go back.
const LEDGER: Rules = &[
    ("blocked", Rule::Add),
    ("census", Rule::Back),
    ("checkpoint", Rule::Stay),
    ("cosigning", Rule::Stay),
    ("crl", Rule::Stay),
    ("crlpiece", Rule::Stay),
    ("digest", Rule::Stay),
    ("imported", Rule::Add),
    ("job", Rule::Stay),
    ("latest", Rule::Later(ends_later)),
    ("leaf", Rule::Stay),
    ("log", Rule::Stay),
    ("migration", Rule::Back),
    ("notice", Rule::Stay),
    ("outgoing", Rule::Stay),
    ("prune", Rule::Back),
    ("replace", Rule::Stay),
    ("recovery", Rule::Stay),
    ("restore", Rule::Back),
    ("revoked", Rule::Add),
    ("scan", Rule::Back),
    ("serial", Rule::Later(revoked)),
    ("shard", Rule::Later(numbered)),
    ("subscription", Rule::Back),
    ("subtree", Rule::Stay),
    ("tile", Rule::Stay),
];

/// Operations: the audit record, decisions of operators and kids are never lost.
const OPERATIONS: Rules = &[
    ("approval", Rule::Stay),
    ("audit", Rule::Add),
    ("audited", Rule::Stay),
    ("calendar", Rule::Later(moved)),
    ("digest", Rule::Stay),
    ("external", Rule::Add),
    ("finding", Rule::Back),
    ("job", Rule::Stay),
    ("limit", Rule::Stay),
    ("migration", Rule::Back),
    ("notice", Rule::Stay),
    ("outgoing", Rule::Stay),
    ("policy", Rule::Add),
    ("replace", Rule::Stay),
    ("recovery", Rule::Stay),
    ("restore", Rule::Back),
    ("shadow", Rule::Back),
];

const EXTERNAL_KEY: Rules = &[
    ("key", Rule::Later(disabled)),
    ("limit", Rule::Stay),
    ("migration", Rule::Back),
    ("recovery", Rule::Stay),
    ("restore", Rule::Back),
    ("use", Rule::Add),
];

const COMPROMISED: Rules = &[
    ("compromised", Rule::Add),
    ("migration", Rule::Back),
    ("recovery", Rule::Stay),
    ("restore", Rule::Back),
    ("subscriber", Rule::Add),
];

const ROSTER: Rules =
    &[("member", Rule::Add), ("migration", Rule::Back), ("recovery", Rule::Stay), ("restore", Rule::Back)];

/// The rules for a partition; `None` for one that is not recovered.
///
/// A log of certificates never goes back: its families stay.
pub fn rules(of: &PartitionId) -> Option<Rules> {
    match of {
        PartitionId::Account(_) => Some(ACCOUNT),
        PartitionId::Ledger(_) => Some(LEDGER),
        PartitionId::Operations => Some(OPERATIONS),
        PartitionId::Eab(_) => Some(EXTERNAL_KEY),
        PartitionId::Compromised => Some(COMPROMISED),
        PartitionId::Roster(_) => Some(ROSTER),
        PartitionId::Key(_)
        | PartitionId::Nonce(_)
        | PartitionId::Address(_)
        | PartitionId::Metrics(_)
        | PartitionId::Faults
        | PartitionId::Failures
        | PartitionId::Backups
        | PartitionId::TestCa(_)
        | PartitionId::TestCas
        | PartitionId::Within(..) => None,
    }
}

/// The rule for a row of a partition. An unknown family is of a later release, and stays.
pub fn rule(of: &PartitionId, key: &str) -> Rule {
    let family = key.split('/').next().unwrap_or(key);
    let known = rules(of).unwrap_or_default().iter().find(|(name, _)| *name == family);
    known.map_or(Rule::Stay, |(_, rule)| *rule)
}

/// Whether the row of before the recovery replaces the one of then.
pub fn carries(rule: Rule, then: Option<&str>, now: &str) -> bool {
    let Some(then) = then else { return !matches!(rule, Rule::Back) };
    match rule {
        Rule::Back | Rule::Add => false,
        Rule::Stay => true,
        Rule::Later(later) => {
            let read = |text: &str| serde_json::from_str::<Value>(text).ok();
            // A row of then that cannot be read is damaged.
            match (read(then), read(now)) {
                (Some(then), Some(now)) => later(&then, &now),
                (None, Some(_)) => true,
                _ => false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Id;

    fn of(partition: &PartitionId, key: &str, then: Option<&str>, now: &str) -> bool {
        carries(rule(partition, key), then, now)
    }

    #[test]
    fn what_may_never_go_back_is_carried_and_the_rest_is_not() {
        let (ledger, eab) = (PartitionId::Ledger("a".into()), PartitionId::Eab("k".into()));
        let (account, operations) = (PartitionId::Account(Id::from_random([1; 16])), PartitionId::Operations);
        let good = r#"{"account":"a"}"#;
        let bad = r#"{"account":"a","revoked":{"at":1}}"#;
        assert!(of(&ledger, "serial/01", None, good), "issued since");
        assert!(of(&ledger, "serial/01", Some(good), bad), "revoked since");
        assert!(!of(&ledger, "serial/01", Some(bad), good), "a revocation that was damaged comes back");
        assert!(!of(&ledger, "serial/01", Some(good), good));
        assert!(of(&ledger, "shard/0", Some(r#"{"number":5}"#), r#"{"number":7}"#));
        assert!(!of(&ledger, "shard/0", Some(r#"{"number":7}"#), r#"{"number":5}"#));
        assert!(of(&ledger, "serial/01", Some("damaged"), good) && !of(&ledger, "serial/01", Some(good), "damaged"));
        assert!(of(&ledger, "leaf/7", Some("{}"), "{}"), "a log never goes back");
        assert!(of(&ledger, "later/7", Some("{}"), "{}"), "unknown families stay");
        assert!(!of(&ledger, "scan", None, "{}"));
        assert!(of(&eab, "key", Some("{}"), r#"{"disabled":{"at":1}}"#) && !of(&eab, "key", Some("{}"), "{}"));
        let valid = |n: u64| format!(r#"{{"status":"valid","key_changes":{n}}}"#);
        assert!(of(&account, "account", Some(&valid(0)), r#"{"status":"deactivated"}"#));
        assert!(
            of(&account, "account", Some(&valid(0)), &valid(1)) && !of(&account, "account", Some(&valid(1)), &valid(1))
        );
        assert!(of(&operations, "calendar", Some(r#"{"moved":1}"#), r#"{"moved":2}"#));
        assert!(of(&operations, "audit/2", None, "{}") && !of(&operations, "audit/2", Some("{}"), r#"{"a":1}"#));
    }
}
