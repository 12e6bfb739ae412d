//! `backup` and `restore`: the file, bad input, interruptions.

use super::double::{BACKUP, Double, head, restoration, rows};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const IDENTITY: &str = "AGE-SECRET-KEY-1YYFQVJRMCUKE6WN4RPL27D87YHX75094RQX83X7SLPWEEY9QZAWSA5VWJT";
const RECIPIENT: &str = "age1uhqawj4cl07uh835keglugrphq2e79yc49nytryaxsru5cckqdhs6tsu2z";

fn key(double: &Double) {
    double.write("id", IDENTITY);
    let mut permissions = std::fs::metadata(double.path("id")).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    std::fs::set_permissions(double.path("id"), permissions).unwrap();
}

fn back_up(file: &str) -> Vec<&str> {
    vec!["backup", file, "--recipient", RECIPIENT, "--identity", "id"]
}

/// The partitions in all bodies of an operation.
fn partitions(double: &Double, path: &str, member: &str) -> Vec<String> {
    let asked = double.server.asked();
    let of_path = asked.iter().filter(|asked| asked.line == format!("POST /admin/v1/{path}"));
    let bodies = of_path.map(|asked| serde_json::from_str::<Value>(&asked.body).unwrap());
    let names = bodies.flat_map(|body| body[member].as_array().unwrap().clone());
    names.map(|part| part["partition"].as_str().or(part.as_str()).unwrap().to_owned()).collect()
}

/// The usual course of things.
pub fn back_up_and_restore(double: &Double) {
    key(double);
    let said =
        ["accounts        1", "certificates    1", "ledger entries  2", "audit entries   1", "The backup is whole."];
    double.run(&back_up("b.age")).is(0, &said);
    double.run(&["backup", "verify", "b.age", "--identity", "id"]).is(0, &said);
    double.run(&["restore", "b.age", "--identity", "id", "--yes"]).is(0, &["the restore is complete: remove CLOSED"]);
    double.run(&["restore", "b.age", "--identity", "id", "--yes", "--undo"]).is(0, &["the CA is empty"]);
    double.run(&["backup", "list"]).is(0, &["2027-01-31T03-00-00Z-1a2b3c4d", "no schedule is set"]);
    double.run(&["backup", "fetch", "f.age"]).is(0, &["f.age is 2027-01-31T03-00-00Z-1a2b3c4d, 6 octets"]);
}

#[test]
fn fetched_backup_is_what_was_stored_or_no_file() {
    let double = Double::start();
    double.run(&["backup", "fetch", "f.age", "--name", "2027-01-31T03-00-00Z-1a2b3c4d"]).is(0, &[]);
    assert_eq!(std::fs::read(double.path("f.age")).unwrap(), b"onetwo");
    double.run(&["backup", "fetch", "f.age"]).is(1, &["f.age exists, and a backup is never replaced"]);
    let damaged = Double::with(|request, asked| {
        let object = asked.body.contains("\"object\":1");
        (request.operation == "fetchBackup" && object).then(|| (200, json!({ "object": 1, "data": "b25l" })))
    });
    damaged.run(&["backup", "fetch", "f.age"]).is(1, &["are not those that were stored", "--name"]);
    assert!(!damaged.path("f.age").exists() && !damaged.path("f.age.part").exists());
}

#[test]
fn backup_has_all_partitions_and_rows_unchanged() {
    let double = Double::start();
    back_up_and_restore(&double);
    let account = "account/1WiKUtVaAuxK6l7B6t__4Q";
    let wanted = [
        "roster/0",
        "roster/1",
        "roster/2",
        "roster/3",
        account,
        "operations/ca",
        "eab/conf",
        "eab/team-a",
        "compromised/keys",
        "ledger/0a",
        "ledger/0b",
        "compromised/keys",
    ];
    assert_eq!(partitions(&double, "backups/rows", "parts"), wanted);
    let imported = partitions(&double, "restoration/rows", "parts");
    let expected = wanted.iter().filter(|name| rows(name) != json!([]));
    assert_eq!(
        imported.iter().collect::<BTreeSet<_>>(),
        expected.map(|n| (*n).to_owned()).collect::<BTreeSet<_>>().iter().collect()
    );
    assert_eq!(imported.len(), imported.iter().collect::<BTreeSet<_>>().len(), "each once, the last valid rows");
    // Byte for byte: another writer of JSON would make 1.5 of it.
    let asked = double.server.asked();
    assert!(asked.iter().any(|asked| asked.line.ends_with("/restoration/rows") && asked.body.contains(r#"{"a":1.5}"#)));
    let ended = partitions(&double, "restoration/end", "partitions");
    let place = |name: &str| ended.iter().position(|one| one == name).unwrap();
    assert!(place("ledger/0a") < place("roster/0") && place("roster/3") < place(account), "{ended:?}");
    assert_eq!(partitions(&double, "restoration/undo", "partitions").len(), 11);
}

#[test]
fn backup_opens_with_its_key_only() {
    let double = Double::start();
    key(&double);
    double.run(&["backup", "b.age", "--recipient", RECIPIENT]).is(0, &["reads it with the identity"]);
    double.run(&back_up("b.age")).is(1, &["b.age exists"]);
    let passphrase = double.write("p", "correct horse battery staple");
    double.run(&["backup", "verify", "b.age", "--passphrase-file", &passphrase]).is(1, &["encrypted to a recipient"]);
    double.run(&["backup", "verify", "b.age"]).is(1, &["--passphrase-file FILE"]);
    double.run(&["backup", "verify", "b.age", "--identity", "none"]).is(1, &["none does not exist"]);
    double.run(&["backup", "c.age", "--passphrase-file", &passphrase]).is(0, &["The backup is whole."]);
    let wrong = double.write("w", "another one of sufficient length");
    let verify = ["backup", "verify", "c.age", "--passphrase-file"];
    double.run(&[&verify[..], &[&passphrase]].concat()).is(0, &["The backup is whole."]);
    double.run(&[&verify[..], &[&wrong]].concat()).is(1, &["NOT a whole backup: the passphrase is wrong"]);
    double
        .run(&["restore", "c.age", "--passphrase-file", &wrong, "--yes"])
        .is(1, &["nothing was done", "the passphrase is wrong"]);
    double
        .run(&["backup", "d.age", "--passphrase-file", &double.write("s", "short")])
        .is(1, &["it protects the backup"]);
    double.run(&["backup", "d.age", "--recipient", "age1x"]).is(2, &["is not a recipient like age1"]);
    double.run(&["backup"]).is(1, &["selvedge backup FILE"]);
}

#[test]
fn damaged_backup_is_refused_before_anything_is_asked() {
    let double = Double::start();
    key(&double);
    double.run(&back_up("b.age")).is(0, &[]);
    let whole = std::fs::read(double.path("b.age")).unwrap();
    let asked = double.operations().len();
    for (n, bytes) in [
        whole[..whole.len() - 1].to_vec(),
        whole[..whole.len() / 2].to_vec(),
        Vec::new(),
        [&whole[..], b"x"].concat(),
        whole.iter().enumerate().map(|(n, byte)| if n == whole.len() - 40 { byte ^ 1 } else { *byte }).collect(),
        b"{}\n".to_vec(),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(double.path("x.age"), bytes).unwrap();
        double.run(&["backup", "verify", "x.age", "--identity", "id"]).is(1, &["NOT a whole backup"]);
        double.run(&["restore", "x.age", "--identity", "id", "--yes"]).is(1, &["nothing was done"]);
        assert_eq!(double.operations().len(), asked, "{n}");
    }
    double.run(&["restore", "none.age", "--identity", "id", "--yes"]).is(1, &["cannot read none.age"]);
}

#[test]
fn backup_of_a_newer_format_is_refused_before_anything_is_asked() {
    let newer = Double::with(|request, _| {
        let mut head = head();
        (head["format"], head["version"]) = (json!(2), json!("9.0.0"));
        let begun = json!({"backup": head, "token": "a-token-of-this-backup"});
        (request.operation == "beginBackup").then_some((201, begun))
    });
    key(&newer);
    let says = "it has format 2, written by version 9.0.0; use that version or a later one";
    newer.run(&back_up("b.age")).is(1, &[says]);
    assert!(!newer.path("b.age").exists());
    let asked = newer.operations().len();
    newer.run(&["backup", "verify", "b.age.part-2", "--identity", "id"]).is(1, &["NOT a whole backup", says]);
    newer.run(&["restore", "b.age.part-2", "--identity", "id", "--yes"]).is(1, &["nothing was done", says]);
    assert_eq!(newer.operations().len(), asked);
}

#[test]
fn interrupted_backup_of_long_ago_is_not_gone_on_from() {
    let later = Arc::new(AtomicUsize::new(0));
    let days = Arc::clone(&later);
    let double = Double::with(move |request, _| {
        let days = days.load(Ordering::SeqCst);
        let refusal = json!({"type": "urn:ietf:params:acme:error:malformed", "detail": "Not now.", "status": 400});
        let mut head = head();
        head["at"] = json!(format!("2026-11-{:02}T12:00:01Z", 24 - 8 + days));
        match request.operation.as_str() {
            "beginBackup" => Some((201, json!({"backup": head, "token": "a-token-of-this-backup"}))),
            "copyRows" if days == 0 => Some((400, refusal)),
            _ => None,
        }
    });
    key(&double);
    double.run(&back_up("b.age")).is(1, &["goes on from b.age.part"]);
    later.store(8, Ordering::SeqCst);
    double.run(&back_up("b.age")).is(1, &["was begun at 2026-11-16T12:00:01Z, too long ago", "remove it"]);
    later.store(7, Ordering::SeqCst);
    double.run(&back_up("b.age")).is(0, &["The backup is whole."]);
}

#[test]
fn open_ca_and_refusals_end_a_restore() {
    let open =
        Double::with(|request, _| (request.operation == "showRestoration").then(|| (200, restoration(false, 0))));
    key(&open);
    open.run(&back_up("b.age")).is(0, &[]);
    open.run(&["restore", "b.age", "--identity", "id", "--yes"]).is(1, &["serves clients", "set CLOSED"]);
    assert!(!open.operations().contains(&"beginRestoration".to_owned()));
    open.run(&["restore", "b.age", "--identity", "id"]).is(1, &["serves clients"]);
    let full = Double::with(|request, _| {
        let refusal =
            json!({"type": "urn:ietf:params:acme:error:malformed", "detail": "It has records already.", "status": 400});
        (request.operation == "beginRestoration").then_some((400, refusal))
    });
    key(&full);
    full.run(&back_up("b.age")).is(0, &[]);
    full.run(&["restore", "b.age", "--identity", "id", "--yes"]).is(1, &["It has records already."]);
    full.run(&["restore", "b.age", "--identity", "id"]).is(1, &["pass --yes"]);
    assert!(!full.operations().contains(&"restoreRows".to_owned()));
}

#[test]
fn interrupted_backup_and_restore_go_on() {
    let steps = Arc::new(AtomicUsize::new(0));
    let left = Arc::clone(&steps);
    let double = Double::with(move |request, _| {
        let refusal = json!({"type": "urn:ietf:params:acme:error:malformed", "detail": "Not now.", "status": 400});
        let counted = ["copyRows", "restoreRows", "endRestoration"].contains(&request.operation.as_str());
        let refuse = counted && left.load(Ordering::SeqCst) == 1;
        if counted && left.load(Ordering::SeqCst) > 0 {
            left.fetch_sub(1, Ordering::SeqCst);
        }
        if request.operation == "beginRestoration" && left.load(Ordering::SeqCst) == 0 {
            return Some((200, restoration(true, 3)));
        }
        refuse.then_some((400, refusal))
    });
    key(&double);
    // The third request is for what follows the accounts.
    steps.store(3, Ordering::SeqCst);
    double.run(&back_up("b.age")).is(1, &["the same command goes on from b.age.part", "Not now."]);
    assert!(!double.path("b.age").exists() && double.path("b.age.part").exists());
    double.run(&["backup", "verify", "b.age.part", "--identity", "id"]).is(1, &["it was cut short"]);
    let before = partitions(&double, "backups/rows", "parts").len();
    double.run(&["backup", "b.age", "--recipient", RECIPIENT]).is(1, &["pass --identity FILE"]);
    // As a run leaves it that is killed.
    std::fs::rename(double.path("b.age.part"), double.path("b.age.part-2")).unwrap();
    double.run(&back_up("b.age")).is(0, &["1 accounts are taken over", "accounts        1", "The backup is whole."]);
    let asked = partitions(&double, "backups/rows", "parts").split_off(before);
    assert!(!asked.iter().any(|name| name.starts_with("account/")), "{asked:?}");
    assert!(!double.path("b.age.part").exists() && !double.path("b.age.part-2").exists());
    // A restore goes on after the line that the CA names.
    double.run(&["restore", "b.age", "--identity", "id", "--yes"]).is(0, &["going on after line 3"]);
    // The account that was taken over comes first in the file.
    let imported = partitions(&double, "restoration/rows", "parts");
    assert!(imported.contains(&"roster/0".to_owned()) && !imported.iter().any(|name| name.starts_with("account/")));
    assert_eq!(head()["id"], BACKUP);
}
