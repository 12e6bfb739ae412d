//! Backups, and restores into another, empty CA.

use super::backup::{Backup, closed, empty, full};
use super::operator::{DAY, Operator, issue};
use selvedge::ca::runtime::copying::{CopiedRow, CopyRows, Reached};
use selvedge::ca::runtime::message::PartitionId;
use selvedge::ca::runtime::ports::Ports;
use selvedge::ca::testing::{Client, WorldPorts, check_all};
use selvedge::records::Kind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn restored_ca_goes_on() {
    let full = full();
    let before = full.operator.audit();
    let backup = Backup::of(&full.operator);
    let numbers: Vec<u64> =
        full.operator.world.records("shard/").iter().map(|(_, shard)| shard["number"].as_u64().unwrap()).collect();
    let other = empty(&full.operator.world);
    backup.restore(&other).unwrap();
    check_all(&other.world, "after the restore");
    let open = closed(&other, false);
    open.world.run_due_alarms();
    check_all(&open.world, "once it is open");
    // The audit record goes on, with one entry about the restore.
    let after = open.audit();
    assert_eq!(after[..=before.len()], full.operator.audit()[..=before.len()], "with the begin of the backup");
    assert_eq!(after.last().unwrap()["what"], "restore");
    let restored: Vec<u64> =
        open.world.records("shard/").iter().map(|(_, shard)| shard["number"].as_u64().unwrap()).collect();
    assert!(
        restored.len() == numbers.len() && restored.iter().zip(&numbers).all(|(new, old)| new > old),
        "CRL numbers rise"
    );
    assert!(open.world.ask("GET", "/crl/all.pem").is(200).text().contains("BEGIN X509 CRL"));
    // The client works with its key, its account and its certificates.
    let client = full.client.at(&open.world);
    assert_eq!(client.new_account(json!({})).is(200).location(), *client.account());
    let url = format!("cert/{}", selvedge::pki::certificate::parse_presented(&full.leaf).unwrap().serial.hex());
    client.get(&client.url(&url)).is(200);
    client.revoke(&full.revoked, None).refused(400, Kind::AlreadyRevoked);
    client.new_order(&["x.denied.test"]).refused(400, Kind::RejectedIdentifier);
    let (renewed, _) = issue(&client, &["a.test"], json!({ "replaces": client.cert_id(&full.leaf) }));
    client.revoke(&full.leaf, Some(4)).is(200);
    client.revoke(&renewed, None).is(200);
    // The stolen key is still blocked, and the external account key is good for more accounts.
    issue(&full.bound.at(&open.world), &["bound.test"], json!({}));
    open.bound(&full.key);
    assert_eq!(open.see("accounts")["accounts"].as_array().unwrap().len(), 3);
    open.world.live(DAY);
    check_all(&open.world, "a day later");
}

#[test]
fn nonces_of_before_are_refused_after_a_restore() {
    let full = full();
    let url = full.client.url("new-order");
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": "n.test" }] });
    let kept = full.client.sign(&url, Some(wanted));
    let newcomer = Client::new(&full.operator.world);
    let fresh = newcomer.sign(&newcomer.url("new-account"), Some(json!({})));
    let backup = Backup::of(&full.operator);
    let other = empty(&full.operator.world);
    backup.restore(&other).unwrap();
    let open = closed(&other, false);
    for request in [kept, fresh] {
        open.world.send(request).refused(400, Kind::BadNonce);
    }
    full.client.at(&open.world).new_order(&["n.test"]).is(201);
}

#[test]
fn closed_ca_refuses_clients_and_no_operator() {
    let operator = Operator::new();
    let client = operator.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    let shut = closed(&operator, true);
    let client = client.at(&shut.world);
    for (method, path) in [("HEAD", "/acme/new-nonce"), ("GET", "/issuers"), ("GET", "/crl/all.pem")] {
        let answered = shut.world.ask(method, path);
        assert_eq!((answered.status(), answered.header("Retry-After")), (503, Some("120")), "{path}");
    }
    let renewal = format!("/acme/renewal-info/{}", client.cert_id(&leaf));
    assert_eq!(shut.world.ask("GET", &renewal).status(), 503);
    for path in ["/directory", "/", "/root.pem"] {
        assert_eq!(shut.world.ask("GET", path).status(), 200, "{path}");
    }
    shut.see("certificates");
}

#[test]
fn copy_has_the_rows_of_its_last_page() {
    let operator = Operator::new();
    let client = operator.client();
    for n in 0..5 {
        issue(&client, &[&format!("n{n}.test")], json!({}));
    }
    let ports = WorldPorts::new(&operator.world, None);
    for name in [
        client.partition(),
        format!("ledger/{}", operator.world.settings().issuers.slots().next().unwrap().issuer.id()),
    ] {
        let id = PartitionId::parse(&name).unwrap();
        let (mut reached, mut rows, mut pages): (Option<Reached>, BTreeMap<String, String>, _) =
            (None, BTreeMap::new(), 0);
        loop {
            let page = operator.world.run(ports.ask(&id, &CopyRows { reached, octets: 1_500 })).unwrap();
            assert!(!page.lost);
            for CopiedRow { key, value, .. } in page.rows {
                match value {
                    Some(value) => rows.insert(key, value.get().to_owned()),
                    None => rows.remove(&key),
                };
            }
            pages += 1;
            reached = page.reached;
            if reached.is_none() {
                break;
            }
            if pages < 6 {
                // Rows are written before and after the place that the copy has reached, and deleted.
                issue(&client, &[&format!("m{pages}-{}.test", name.len())], json!({}));
                operator.world.plant(&name, "job/none", None);
                client.fail(&format!("f{pages}-{}.test", name.len()));
                operator.world.run_due_alarms();
            }
        }
        assert!(pages > 6, "{pages}");
        let stored = operator.world.stored_rows(&name);
        assert_eq!(rows.keys().collect::<Vec<_>>(), stored.keys().collect::<Vec<_>>());
        assert_eq!(rows, stored);
    }
}

#[test]
fn copy_that_was_lost_starts_over() {
    let operator = Operator::new();
    let client = operator.client();
    issue(&client, &["a.test"], json!({}));
    let id = PartitionId::parse(&client.partition()).unwrap();
    let ports = WorldPorts::new(&operator.world, None);
    let first = operator.world.run(ports.ask(&id, &CopyRows { reached: None, octets: 1 })).unwrap();
    assert!(first.reached.is_some() && !first.lost);
    operator.world.restart();
    let second = operator.world.run(ports.ask(&id, &CopyRows { reached: first.reached, octets: 1 })).unwrap();
    assert!(second.lost && second.rows.is_empty() && second.reached.is_none());
}

#[test]
fn backups_of_others_and_for_others_are_refused_and_change_nothing() {
    let full = full();
    let backup = Backup::of(&full.operator);
    let refused = |operator: &Operator, change: &dyn Fn(&mut Value), says: &str| {
        let mut wrong = backup.clone();
        change(&mut wrong.head);
        let before = operator.world.rows();
        let detail = wrong.begin(operator).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(says), "{detail}");
        assert_eq!(operator.world.rows(), before, "{says}");
    };
    let other = empty(&full.operator.world);
    refused(&other, &|head| head["format"] = json!(2), "has format 2");
    refused(&other, &|head| head["version"] = json!("99.0.0"), "written by version \"99.0.0\"");
    refused(&other, &|head| head["base_url"] = json!("https://other.test"), "the CA at \"https://other.test\"");
    refused(&other, &|head| head["issuers"] = json!(["00ff"]), "its issuer \"00ff\" is not configured");
    refused(&other, &|head| head["nonce_key"] = json!("00"), "NONCE_KEY is another one");
    refused(&other, &|head| *head = json!({}), "not the head of a backup");
    refused(&closed(&other, false), &|_| (), "set CLOSED to \"true\"");
    refused(&closed(&full.operator, true), &|_| (), "has records already");
    let lone = empty(&full.operator.world);
    closed(&lone, false).client();
    refused(&closed(&lone, true), &|_| (), "has records already");
    // Rows without a restore, and of another backup.
    let rows = |backup: &str| json!({ "backup": backup, "line": 1, "parts": [] });
    other.post("restoration/rows", &rows(backup.id())).refused(400, Kind::Malformed);
    backup.begin(&other).is(200);
    let detail = other.post("restoration/rows", &rows("another")).refused(400, Kind::Malformed).detail();
    assert!(detail.contains("Another backup"), "{detail}");
    for name in ["key/x", "address/192.0.2.1", "nonce/1", "metrics/0", "x", "account/x"] {
        let body = json!({ "backup": backup.id(), "line": 1, "parts": [{ "partition": name, "rows": [] }] });
        other.post("restoration/rows", &body).refused(400, Kind::Malformed);
    }
    // Without a token of a backup begun here, no rows are copied.
    for token in ["", "x", "a.1.b"] {
        let body = json!({ "token": token, "parts": [{ "partition": "roster/0" }] });
        full.operator.post("backups/rows", &body).refused(400, Kind::Malformed);
    }
}
