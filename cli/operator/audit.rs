//! `audit`: lists the operators' actions and verifies the chain of the record.

use anyhow::{Context, Result, bail};
use selvedge::values::hex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::client::{Client, Paging};
use super::target::Target;
use crate::common::host::print;
use crate::common::table::{Table, minute, text};
use crate::common::web::plain;

/// The resource in the operations API.
const PATH: &str = "audit";
/// The members of an entry that its `chain` covers, in order.
const CHAINED: [&str; 10] = ["number", "at", "who", "by", "what", "target", "outcome", "of", "detail", "address"];

/// The commands for the audit record.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the entries, the newest first.
    #[command(after_help = "Example: selvedge audit list --limit 20")]
    List(Paging),
    /// Recompute the hash chain of the entries. The exit code is 1 when an entry was changed or removed.
    #[command(
        after_help = "Example: selvedge audit verify\nKeep what it prints elsewhere, and give it next time: selvedge audit \
                            verify --known 42:9f86d0… A rewritten record has a valid chain of its \
                            own; only the value that you kept shows it."
    )]
    Verify {
        /// What an earlier `verify` printed: the number of its last entry, and the chain.
        #[arg(long, value_name = "NUMBER:CHAIN", value_parser = known)]
        known: Option<(u64, String)>,
    },
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::List(paging) => client.list(PATH, &[], "entries", paging.limit())?.show(at, |entries| {
            let mut table = Table::new(&["NO", "WHEN (UTC)", "WHO", "WHAT", "TARGET", "OUTCOME", "DETAIL"]);
            for one in entries {
                let outcome = match one.get("of").and_then(Value::as_u64) {
                    Some(of) => format!("{} (of {of})", text(one, "/outcome")),
                    None => text(one, "/outcome"),
                };
                table.row([
                    text(one, "/number"),
                    minute(one, "/at"),
                    match text(one, "/role") {
                        role if role == "-" => text(one, "/who"),
                        role => format!("{} ({role})", text(one, "/who")),
                    },
                    text(one, "/what"),
                    text(one, "/target"),
                    outcome,
                    text(one, "/detail"),
                ]);
            }
            table.text("The record is empty.")
        }),
        Command::Verify { known } => return verify(&client, at, known.as_ref()),
    }
    Ok(true)
}

fn verify(client: &Client, at: &Target, known: Option<&(u64, String)>) -> Result<bool> {
    // Read first: entries recorded meanwhile come after it.
    let status = client.get(&["status"], &[])?;
    let mut entries = client.list(PATH, &[], "entries", None)?.items;
    entries.reverse();
    let last = status.value.pointer("/audit/entries").and_then(Value::as_u64);
    let last = last.zip(status.value.pointer("/audit/chain").and_then(Value::as_str)).filter(|(number, _)| *number > 0);
    let mut held: Vec<(u64, &str)> = last.into_iter().collect();
    held.extend(known.map(|(number, chain)| (*number, chain.as_str())));
    let found = check(&entries, &held);
    let chain = entries.last().map_or_else(|| "-".to_owned(), |one| text(one, "/chain"));
    if at.json {
        let wrong = found.as_ref().err();
        let report = json!({"entries": entries.len(), "chain": chain, "whole": wrong.is_none(), "wrong": wrong});
        print(&format!("{report}\n"));
    } else {
        print(&match &found {
            Ok(()) => format!(
                "The record is complete: {} entries. Keep this for the next verification:\n\n  selvedge audit verify --known {}:{chain}\n",
                entries.len(),
                entries.len()
            ),
            Err(wrong) => format!("The record is NOT complete: {wrong}.\n"),
        });
    }
    Ok(found.is_ok())
}

/// Verifies entries, oldest first, against their chain and against known entries.
fn check(entries: &[Value], known: &[(u64, &str)]) -> Result<(), String> {
    let mut before = String::new();
    for (number, entry) in (1_u64..).zip(entries) {
        if entry.get("number").and_then(Value::as_u64) != Some(number) {
            return Err(format!("entry {number} is missing; {} follows instead", text(entry, "/number")));
        }
        let chain = entry.get("chain").and_then(Value::as_str).unwrap_or_default();
        if chain != chained(&before, entry) {
            return Err(format!("entry {number} was changed, or one before it was removed"));
        }
        if known.iter().any(|(known, other)| *known == number && *other != chain) {
            return Err(format!("entry {number} differs from the known one: its chain is {}", plain(chain)));
        }
        chain.clone_into(&mut before);
    }
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    match known.iter().find(|(number, _)| *number > count) {
        Some((number, _)) => Err(format!("it ends with entry {count}, but entry {number} is known")),
        None => Ok(()),
    }
}

/// The chain of an entry: SHA-256 over the previous chain and the entry.
fn chained(before: &str, original: &Value) -> String {
    let member = |name: &&str| ((*name).to_owned(), original.get(*name).cloned().unwrap_or(Value::Null));
    let mut entry: Map<String, Value> = CHAINED.iter().map(member).collect();
    // Entries from before roles have none.
    let entry_role = original.get("role").cloned();
    entry.extend(entry_role.map(|role| ("role".to_owned(), role)));
    let digest = Sha256::new().chain_update(before).chain_update(Value::Object(entry).to_string()).finalize();
    hex::encode(&digest)
}

fn known(text: &str) -> Result<(u64, String)> {
    let (number, chain) = text.split_once(':').context("write it as NUMBER:CHAIN, as `audit verify` printed it")?;
    if chain.len() != 64 || !chain.bytes().all(|b| b.is_ascii_hexdigit()) {
        bail!("the chain has 64 hexadecimal digits");
    }
    Ok((number.parse().context("the number of an entry")?, chain.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(n: u64) -> Vec<Value> {
        let mut before = String::new();
        let entry = |number: u64| {
            let mut entry = json!({"number": number, "at": "2026-11-24T12:00:00Z", "who": "ada", "by": "token",
                "what": "policy.put", "target": null, "outcome": "done", "of": null, "detail": "é \"x\"\n", "address": null});
            before = chained(&before, &entry);
            entry["chain"] = json!(before);
            entry
        };
        (1..=n).map(entry).collect()
    }

    #[test]
    fn chain_matches_the_contract() {
        let first = r#"{"number":1,"at":"2026-11-24T12:00:00Z","who":"ada","by":"token","what":"policy.put","target":null,"outcome":"done","of":null,"detail":"é \"x\"\n","address":null}"#;
        let hex = |text: &str| hex::encode(&Sha256::digest(text));
        let record = record(2);
        assert_eq!(record[0]["chain"], hex(first));
        assert_eq!(record[1]["chain"], hex(&format!("{}{}", hex(first), first.replacen('1', "2", 1))));
    }

    #[test]
    fn role_belongs_to_the_chain_where_there_is_one() {
        let mut entry = record(1).remove(0);
        entry["role"] = json!("auditor");
        entry["chain"] = json!(chained("", &entry));
        assert_eq!(check(&[entry.clone()], &[]), Ok(()));
        entry["role"] = json!("owner");
        assert!(check(&[entry.clone()], &[]).is_err());
        entry.as_object_mut().unwrap().remove("role");
        assert!(check(&[entry], &[]).is_err());
    }

    #[test]
    fn changed_or_removed_entry_is_found() {
        let good = record(4);
        let last = good[3]["chain"].as_str().unwrap();
        assert_eq!(check(&good, &[(4, last)]), Ok(()));
        assert_eq!(check(&[], &[]), Ok(()));
        let wrong = |change: &dyn Fn(&mut Vec<Value>), says: &str| {
            let mut entries = good.clone();
            change(&mut entries);
            let said = check(&entries, &[(4, last)]).unwrap_err();
            assert!(said.contains(says), "{said}");
        };
        wrong(&|all| all[1]["who"] = json!("eve"), "entry 2 was changed");
        wrong(&|all| all[1]["target"] = json!("x"), "entry 2 was changed");
        wrong(&|all| drop(all.remove(2)), "entry 3 is missing; 4 follows instead");
        wrong(&|all| drop(all.pop()), "it ends with entry 3, but entry 4 is known");
        // A rewritten record.
        let mut forged = record(4);
        forged[3]["who"] = json!("eve");
        forged[3]["chain"] = json!(chained(forged[2]["chain"].as_str().unwrap(), &forged[3]));
        assert!(
            check(&forged, &[]).is_ok()
                && check(&forged, &[(4, last)]).unwrap_err().contains("differs from the known one")
        );
    }

    #[test]
    fn known_entry_is_parsed() {
        let chain = "A".repeat(64);
        assert_eq!(known(&format!("42:{chain}")).unwrap(), (42, "a".repeat(64)));
        assert!(known("42").is_err() && known("42:abc").is_err() && known(&format!("x:{chain}")).is_err());
    }
}
