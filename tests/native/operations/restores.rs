//! Restores that are interrupted or undone.

use super::backup::{Backup, closed, empty, full};
use super::operator::issue;
use selvedge::ca::dispatch::kind::ASKS;
use selvedge::ca::runtime::message::{InBackup, PartitionId};
use selvedge::records::Kind;
use selvedge::values::Id;
use serde_json::json;
use std::collections::BTreeSet;

/// The answer of the last step may be lost. The companion asks for it again.
#[test]
fn last_step_may_be_repeated() {
    let full = full();
    let backup = Backup::of(&full.operator);
    let other = empty(&full.operator.world);
    other.post("restoration/end", &backup.last()).refused(400, Kind::Malformed);
    backup.import(&other).unwrap();
    backup.undo(&other).unwrap();
    let undone = other.audit();
    other.post("restoration/undo", &backup.last()).is(200);
    assert_eq!(other.audit(), undone, "with one entry");
    backup.restore(&other).unwrap();
    let done = other.audit();
    other.post("restoration/end", &backup.last()).is(200);
    assert_eq!(other.audit(), done, "with one entry");
    let mut another = backup.last();
    another["backup"] = json!("another");
    other.post("restoration/end", &another).refused(400, Kind::Malformed);
    other.post("restoration/undo", &backup.last()).refused(400, Kind::Malformed);
    let open = closed(&other, false);
    open.post("restoration/end", &backup.last()).refused(400, Kind::Malformed);
}

#[test]
fn restore_is_undone_until_it_ends() {
    let full = full();
    let backup = Backup::of(&full.operator);
    let other = empty(&full.operator.world);
    backup.import(&other).unwrap();
    assert!(other.world.alarms().is_empty(), "nothing runs before the end");
    backup.undo(&other).unwrap();
    let left: BTreeSet<String> = other.world.rows().into_keys().map(|(name, _)| name).collect();
    assert_eq!(left, BTreeSet::from(["operations/ca".to_owned()]), "only the record of it");
    assert_eq!(other.audit().last().unwrap()["what"], "restore.undo");
    // The same CA takes the backup again; now it goes to its end.
    backup.import(&other).unwrap();
    let ledger = backup.parts.iter().find(|(name, _)| name.starts_with("ledger/")).unwrap().0.clone();
    other.post("restoration/end", &json!({ "backup": backup.id(), "partitions": [ledger], "last": false })).is(200);
    let detail = other.post("restoration/undo", &backup.last()).refused(400, Kind::Malformed).detail();
    assert!(detail.contains("cannot be undone any more"), "{detail}");
    backup.end(&other).unwrap();
    assert_eq!(
        other.audit().last().unwrap()["detail"].as_str().unwrap().split("; ").nth(1),
        Some("it replaced 1 entries of this record")
    );
    let again = backup.begin(&other).refused(400, Kind::Malformed).detail();
    assert!(again.contains("has records already"), "{again}");
    let client = full.client.at(&closed(&other, false).world);
    issue(&client, &["z.test"], json!({}));
}

/// Each kind of partition is in the table of docs/OPERATIONS.md as the code has it.
#[test]
fn document_has_what_backups_have() {
    let document = include_str!("../../../docs/OPERATIONS.md");
    let (_, table) = document.split_once("| partition | in a backup | why |").unwrap();
    for (kind, _) in ASKS {
        let name = match kind {
            "account" => format!("account/{}", Id::from_random([1; 16])),
            "compromised" => "compromised/keys".to_owned(),
            "operations" | "failures" | "faults" | "backups" => format!("{kind}/ca"),
            "address" => "address/192.0.2.1".to_owned(),
            "testca" => "testca/main".to_owned(),
            "testcas" => "testcas/all".to_owned(),
            other => format!("{other}/1"),
        };
        let word = match PartitionId::parse(&name).unwrap().backup() {
            InBackup::Saved => "saved",
            InBackup::Derived => "made anew",
            InBackup::LeftOut => "left out",
        };
        assert!(table.contains(&format!("| `{kind}` | {word} |")), "{kind} is {word}");
    }
}
