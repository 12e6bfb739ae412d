//! What is stored, read from the databases themselves, by the SQLite of python3.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The kinds of permanent records.
///
/// Accounts with their used nonces, key owners, certificates, the ledger with its inventory, CRLs, compromised keys, metrics, audit and
/// policies. Failures and paused names are kept for a month and longer, within bounds.
const LASTING: [&str; 39] = [
    "account",
    "owner",
    "cert",
    "serial",
    "latest",
    "imported",
    "shard",
    "crl",
    "crlpiece",
    "compromised",
    "subscriber",
    "subscription",
    "blocked",
    "counters",
    "member",
    "activity",
    "redeemed",
    "audit",
    "audited",
    "external",
    "key",
    "policy",
    "shadow",
    "finding",
    "calendar",
    "census",
    "prune",
    "backups",
    "failure",
    "paused",
    "failed",
    "witnessed",
    "cosigning",
    "log",
    "leaf",
    "tile",
    "subtree",
    "checkpoint",
    "recovery",
];

/// What was found.
#[derive(Deserialize)]
pub struct Found {
    /// How many databases there are.
    pub files: usize,
    /// Those that are not whole, with SQLite's verdict.
    pub damaged: Vec<(String, Value)>,
    /// Of each kind of record: rows, and bytes of their keys and values.
    pub kinds: BTreeMap<String, (u64, u64)>,
    /// Rows of the kinds that were asked for: database, key, value.
    rows: Vec<(String, String, String)>,
}

impl Found {
    /// Reads all databases of this state folder; with `check`, each is examined by SQLite. Gives the rows of these kinds.
    pub fn read(state: &Path, check: bool, kinds: &[&str]) -> Self {
        let output = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/rows.py"))
            .arg(state.join("ca/do"))
            .arg(if check { "check" } else { "count" })
            .args(kinds)
            .output()
            .expect("python3 has to be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Self = serde_json::from_slice(&output.stdout).unwrap();
        assert!(found.files > 0, "no databases below {}", state.display());
        found
    }

    /// The records of a kind: the key's second part, and the record.
    pub fn records(&self, kind: &str) -> impl Iterator<Item = (&str, Value)> {
        let of_kind = self.rows.iter().filter_map(move |(_, key, value)| match key.split_once('/') {
            Some((found, id)) if found == kind => Some((id, value)),
            _ => None,
        });
        of_kind.map(|(id, value)| (id, serde_json::from_str(value).unwrap()))
    }

    /// How many rows of a kind there are.
    pub fn count(&self, kind: &str) -> u64 {
        self.kinds.get(kind).map_or(0, |(rows, _)| *rows)
    }

    /// How many rows there are that have an end, by kind.
    pub fn passing(&self) -> BTreeMap<&str, u64> {
        let rows = self.kinds.iter().map(|(kind, (rows, _))| (kind.as_str(), *rows));
        rows.filter(|(kind, _)| !LASTING.contains(kind)).collect()
    }
}
