//! Revoking many certificates, step by step.

use super::operator::{Operator, SECOND, issue, serial_of, texts};
use selvedge::ca::testing::{Client, CsrShape, START, new_key};
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::records::Kind;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Copies of a ledger's entry with these names.
fn stock(operator: &Operator, serial: &str, names: impl Iterator<Item = String>) {
    let ledger = format!("ledger/{}", operator.world.issuer().id());
    let row = operator.world.rows()[&(ledger.clone(), format!("serial/{serial}"))].clone();
    let entry: Value = serde_json::from_str(&row).unwrap();
    let end = entry["not_after"].as_u64().unwrap();
    for (n, name) in names.enumerate() {
        let (n, mut copy) = (n as u64, entry.clone());
        (copy["names"], copy["key"]) = (json!([name]), format!("{n:064x}").into());
        copy["not_after"] = (end + n / 3 * 1_000).into();
        let serial = serial_of(Time::from_millis(end + n / 3 * 1_000), n);
        operator.world.plant(&ledger, &format!("serial/{serial}"), Some(&copy));
    }
}

/// Those that were issued of the names of this ending, by how they stand.
fn standing(operator: &Operator, name: &str, status: &str) -> Vec<String> {
    texts(&operator.pages(&format!("certificates?name={name}&status={status}"), "certificates", 200), "serial")
}

/// Takes steps to the end; gives the serial numbers that each revoked.
fn steps(operator: &Operator, body: &Value) -> Vec<Vec<String>> {
    let (mut body, mut all) = (body.clone(), Vec::new());
    loop {
        let step = operator.post("revocations", &body).is(200).json();
        all.push(step["revoked"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect());
        (body["issued_before"], body["cursor"]) = (step["issued_before"].clone(), step["next"].clone());
        if step["next"].is_null() {
            return all;
        }
    }
}

#[test]
fn thousand_revocations_run_in_bounded_resumable_steps() {
    let operator = Operator::new();
    let client = operator.client();
    let (_, serial) = issue(&client, &["first.test"], json!({}));
    let names = (0..1_000).map(|n| format!("n{n}.corp.test")).chain((0..60).map(|n| format!("n{n}.other.test")));
    stock(&operator, &serial, names);
    operator.world.pass(SECOND);
    let (mut body, mut revoked, mut lists) =
        (json!({ "name": "*.corp.test", "reason": 4 }), Vec::new(), BTreeSet::new());
    let issued_before =
        operator.post("revocations", &json!({ "name": "none.test" })).is(200).json()["issued_before"].clone();
    body["issued_before"] = issued_before;
    let begun = operator.world.now();
    for round in 0.. {
        // The fourth step is lost on the way, the sixth with the machine, after which nobody knows the cursor.
        if round == 3 {
            operator.world.store_fault().once(4);
            operator.post("revocations", &body).refused(500, Kind::ServerInternal);
            operator.world.heal();
            assert_eq!(standing(&operator, "*.corp.test", "revoked").len(), revoked.len(), "a step is done or not");
        }
        if round == 5 {
            operator.world.restart();
            body.as_object_mut().unwrap().remove("cursor");
        }
        let step = operator.post("revocations", &body).is(200).json();
        let found = step["revoked"].as_array().unwrap();
        assert!(found.len() <= 100, "{}", found.len());
        revoked.extend(found.iter().map(|one| one.as_str().unwrap().to_owned()));
        operator.world.run_due_alarms();
        lists.extend(operator.world.records("crl").iter().map(|(_, list)| list["number"].to_string()));
        if round == 1 {
            operator.world.pass(SECOND);
            issue(&client, &["new.corp.test"], json!({}));
        }
        if step["next"].is_null() {
            break;
        }
        body["cursor"] = step["next"].clone();
    }
    assert_eq!((revoked.len(), revoked.iter().collect::<BTreeSet<_>>().len()), (1_000, 1_000), "each once");
    assert_eq!(standing(&operator, "*.corp.test", "revoked").len(), 1_000);
    assert_eq!(standing(&operator, "*.corp.test", "valid").len(), 1, "what was issued meanwhile is not meant");
    assert_eq!(standing(&operator, "*.other.test", "revoked").len(), 0);
    // The list from before, that with the first revocations, and what gathered after it.
    assert!(begun.until(operator.world.now()).as_secs() < 10 && lists.len() <= 2, "{lists:?}");
    operator.world.live(SECOND * 12);
    let last: Vec<u64> =
        operator.world.records("crl").iter().map(|(_, list)| list["entries"].as_u64().unwrap()).collect();
    assert!(last.contains(&1_000) && last.iter().sum::<u64>() == 1_000, "all of them stand on one: {last:?}");
    let entries: Vec<String> = operator.audit().iter().map(|e| format!("{} {}", e["target"], e["detail"])).collect();
    assert!(
        entries.iter().any(|e| e.contains("name *.corp.test") && e.contains("100 revoked, reason 4")),
        "{entries:?}"
    );
    assert_eq!(operator.noted(2), ["certificates.revoke attempted", "certificates.revoke done"]);
    // Once more: nothing is left to do.
    assert_eq!(steps(&operator, &json!({ "name": "n1.corp.test" })), [Vec::<String>::new()]);
}

#[test]
fn selection_is_revoked_exactly() {
    let operator = Operator::new();
    let key = operator.key(&json!({ "kid": "team", "uses": "many" }));
    let clients = [operator.bound(&key), operator.bound(&key), operator.client()];
    let id = |client: &Client| client.account().rsplit('/').next().unwrap().to_owned();
    let issuer = operator.world.issuer().id().to_owned();
    for (selection, wanted) in [
        (json!({ "account": id(&clients[0]) }), [true, false, false]),
        (json!({ "external_account": "team" }), [true, true, false]),
        (json!({ "issuer": issuer, "name": "*" }), [true, true, true]),
        (json!({ "profile": "tlsserver" }), [false, true, false]),
        (json!({ "name": "c2.test" }), [false, false, true]),
        (json!({ "external_account": "team", "name": "c2.test" }), [false, false, false]),
        (json!({ "external_account": "nobody" }), [false, false, false]),
    ] {
        let serials: Vec<String> = (0..3)
            .map(|n| {
                let members = if n == 1 { json!({ "profile": "tlsserver" }) } else { json!({}) };
                issue(&clients[n], &[&format!("c{n}.test")], members).1
            })
            .collect();
        assert_eq!(operator.see(&format!("certificates/{}", serials[0]))["external_account"], "team");
        assert_eq!(operator.see(&format!("certificates/{}", serials[2]))["external_account"], Value::Null);
        if let Some(kid) = selection.get("external_account").and_then(Value::as_str) {
            let found =
                operator.pages(&format!("certificates?external_account={kid}&status=valid"), "certificates", 50);
            let wanted = serials.iter().take(if kid == "team" { 2 } else { 0 });
            assert_eq!(texts(&found, "serial").iter().collect::<BTreeSet<_>>(), wanted.collect());
        }
        let revoked: BTreeSet<String> = steps(&operator, &selection).concat().into_iter().collect();
        let meant = serials.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(serial, _)| serial.clone());
        assert_eq!(revoked, meant.collect(), "{selection}");
        for serial in &serials {
            let shown = operator.see(&format!("certificates/{serial}"));
            assert_eq!(shown["status"] == "revoked", revoked.contains(serial));
        }
        steps(&operator, &json!({ "name": "*" }));
    }
}

#[test]
fn bulk_revocation_visits_all_issuers() {
    let first = Operator::new();
    let client = first.client();
    let mut serials = vec![issue(&client, &["a.test"], json!({})).1, issue(&client, &["b.test"], json!({})).1];
    let (root, now) = (create_root("Another Root", START, 10).unwrap(), first.world.now());
    let issuer = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
    let operator = Operator { world: first.world.with_issuer(&issuer, now), ..first.with(&first.token, 1) };
    let client = client.at(&operator.world);
    serials.extend([issue(&client, &["c.test"], json!({})).1, issue(&client, &["d.test"], json!({})).1]);
    let all = steps(&operator, &json!({ "name": "*", "limit": 1 }));
    assert!(all.iter().all(|step| step.len() <= 1), "{all:?}");
    assert_eq!(all.concat().into_iter().collect::<BTreeSet<_>>(), serials.into_iter().collect());
    for odd in ["x", "0a.", "0a.000000000001-0a", &format!("{}.x", operator.world.issuer().id())] {
        operator.post("revocations", &json!({ "name": "*", "cursor": odd })).refused(400, Kind::Malformed);
    }
}

#[test]
fn key_compromise_blocks_keys_and_replaces_earlier_reasons() {
    let operator = Operator::new();
    let client = operator.client();
    let keys: Vec<_> = (0..3).map(|_| new_key(SigAlg::Es256)).collect();
    let leaves: Vec<_> = keys.iter().enumerate().map(|(n, key)| client.issue(&[&format!("k{n}.test")], key)).collect();
    client.revoke(&leaves[0], Some(4)).is(200);
    client.revoke(&leaves[1], Some(1)).is(200);
    assert_eq!(steps(&operator, &json!({ "name": "*.test", "reason": 1 })).concat().len(), 2);
    for key in &keys {
        let (_, order) = client.ready_order(&["x.test"]);
        client.finalize(&order, &CsrShape::dns(&["x.test"]).build(key)).refused(400, Kind::BadCsr);
    }
    // The many that a step may revoke are fewer, for each key is told to another partition.
    let (_, serial) = issue(&client, &["last.test"], json!({}));
    stock(&operator, &serial, (0..60).map(|n| format!("n{n}.stock.test")));
    let all = steps(&operator, &json!({ "name": "*.stock.test", "reason": 1 }));
    assert_eq!(all.iter().map(Vec::len).filter(|len| *len > 0).collect::<Vec<_>>(), [25, 25, 10]);
    assert_eq!(operator.world.records("compromised").len(), 3 + 60);
    assert!(operator.world.records("job").is_empty(), "nothing is left to be told");
}

#[test]
fn unblocked_key_is_blocked_later() {
    let operator = Operator::new();
    let (_, serial) = issue(&operator.client(), &["last.test"], json!({}));
    stock(&operator, &serial, (0..10).map(|n| format!("n{n}.stock.test")));
    let body = json!({ "name": "*.stock.test", "reason": 1 });
    // For the record, to the ledger, and the third key.
    operator.world.call_fault().once(4);
    let said = operator.post("revocations", &body).refused(500, Kind::ServerInternal).detail();
    assert!(said.contains("may have taken effect; see entry "), "{said}");
    operator.world.heal();
    assert_eq!(standing(&operator, "*.stock.test", "revoked").len(), 10);
    assert_eq!(steps(&operator, &body).concat().len(), 0);
    operator.world.live(SECOND * 90);
    assert_eq!(operator.world.records("compromised").len(), 10);
}

#[test]
fn empty_or_invalid_selection_is_refused() {
    let operator = Operator::new();
    let (_, serial) = issue(&operator.client(), &["a.test"], json!({}));
    for wrong in [
        json!({}),
        json!({ "reason": 4 }),
        json!({ "name": "*..test" }),
        json!({ "name": "*", "limit": 0 }),
        json!({ "name": "*", "limit": 101 }),
        json!({ "name": "*", "issued_before": "yesterday" }),
        json!({ "name": "*", "serial": serial }),
        json!({ "issuer": "0011" }),
    ] {
        operator.post("revocations", &wrong).refused(400, Kind::Malformed);
    }
    operator.post("revocations", &json!({ "name": "*", "reason": 2 })).refused(400, Kind::BadRevocationReason);
    assert_eq!(operator.see(&format!("certificates/{serial}"))["status"], "valid");
    operator.get("revocations").is(405);
    // Before it was issued.
    let early = json!({ "name": "*", "issued_before": START.rfc3339() });
    assert_eq!(steps(&operator, &early).concat().len(), 0);
}
