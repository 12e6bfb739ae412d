//! Revoking many certificates, step by step.

use super::desk::{Desk, SECOND, issue, texts};
use selvedge::ca::testing::{Client, CsrShape, START, new_key};
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Copies of a ledger's entry with these names, in the inventory as if they had been issued.
fn stock(desk: &Desk, serial: &str, names: impl Iterator<Item = String>) {
    let ledger = format!("ledger/{}", desk.world.issuer().id());
    let row = desk.world.rows()[&(ledger.clone(), format!("serial/{serial}"))].clone();
    let entry: Value = serde_json::from_str(&row).unwrap();
    let end = entry["not_after"].as_u64().unwrap();
    for (n, name) in names.enumerate() {
        let (n, mut copy) = (n as u64, entry.clone());
        (copy["names"], copy["key"]) = (json!([name]), format!("{n:064x}").into());
        copy["not_after"] = (end + n / 3 * 1_000).into();
        let serial = format!("4a{:030x}", n * 7919 % 100_003);
        desk.world.plant(&ledger, &format!("serial/{serial}"), Some(&copy));
        desk.world.plant(&ledger, &format!("ending/{:012}-{serial}", end / 1_000 + n / 3), Some(&json!({})));
    }
}

/// Those that were issued of the names of this ending, by how they stand.
fn standing(desk: &Desk, name: &str, status: &str) -> Vec<String> {
    texts(&desk.pages(&format!("certificates?name={name}&status={status}"), "certificates", 200), "serial")
}

/// Takes steps to the end; gives the serial numbers that each revoked.
fn steps(desk: &Desk, body: &Value) -> Vec<Vec<String>> {
    let (mut body, mut all) = (body.clone(), Vec::new());
    loop {
        let step = desk.post("revocations", &body).is(200).json();
        all.push(step["revoked"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect());
        (body["issued_before"], body["cursor"]) = (step["issued_before"].clone(), step["next"].clone());
        if step["next"].is_null() {
            return all;
        }
    }
}

#[test]
fn a_thousand_are_revoked_in_bounded_steps_that_are_interrupted_and_taken_up_again() {
    let desk = Desk::new();
    let client = desk.client();
    let (_, serial) = issue(&client, &["first.test"], json!({}));
    let names = (0..1_000).map(|n| format!("n{n}.corp.test")).chain((0..60).map(|n| format!("n{n}.other.test")));
    stock(&desk, &serial, names);
    desk.world.pass(SECOND);
    let (mut body, mut revoked, mut lists) =
        (json!({ "name": "*.corp.test", "reason": 4 }), Vec::new(), BTreeSet::new());
    let issued_before =
        desk.post("revocations", &json!({ "name": "none.test" })).is(200).json()["issued_before"].clone();
    body["issued_before"] = issued_before;
    let begun = desk.world.now();
    for round in 0.. {
        // The fourth step is lost on the way, the sixth with the machine, after which nobody knows the cursor.
        if round == 3 {
            desk.world.store_fault().once(100);
            desk.post("revocations", &body).refused(500, Kind::ServerInternal);
            desk.world.heal();
            assert_eq!(standing(&desk, "*.corp.test", "revoked").len(), revoked.len(), "a step is done or not");
        }
        if round == 5 {
            desk.world.restart();
            body.as_object_mut().unwrap().remove("cursor");
        }
        let step = desk.post("revocations", &body).is(200).json();
        let found = step["revoked"].as_array().unwrap();
        assert!(found.len() <= 100, "{}", found.len());
        revoked.extend(found.iter().map(|one| one.as_str().unwrap().to_owned()));
        desk.world.run_due_alarms();
        lists.extend(desk.world.records("crl").iter().map(|(_, list)| list["number"].to_string()));
        if round == 1 {
            desk.world.pass(SECOND);
            issue(&client, &["new.corp.test"], json!({}));
        }
        if step["next"].is_null() {
            break;
        }
        body["cursor"] = step["next"].clone();
    }
    assert_eq!((revoked.len(), revoked.iter().collect::<BTreeSet<_>>().len()), (1_000, 1_000), "each once");
    assert_eq!(standing(&desk, "*.corp.test", "revoked").len(), 1_000);
    assert_eq!(standing(&desk, "*.corp.test", "valid").len(), 1, "what was issued meanwhile is not meant");
    assert_eq!(standing(&desk, "*.other.test", "revoked").len(), 0);
    // The list from before, that with the first revocations, and what gathered after it.
    assert!(begun.until(desk.world.now()).as_secs() < 10 && lists.len() <= 2, "{lists:?}");
    desk.world.live(SECOND * 12);
    let last: Vec<u64> = desk.world.records("crl").iter().map(|(_, list)| list["entries"].as_u64().unwrap()).collect();
    assert_eq!(last, [1_000], "all of them stand on it");
    let entries: Vec<String> = desk.audit().iter().map(|e| format!("{} {}", e["target"], e["detail"])).collect();
    assert!(
        entries.iter().any(|e| e.contains("name *.corp.test") && e.contains("100 revoked, reason 4")),
        "{entries:?}"
    );
    assert_eq!(desk.noted(2), ["certificates.revoke attempted", "certificates.revoke done"]);
    // Once more: nothing is left to do.
    assert_eq!(steps(&desk, &json!({ "name": "n1.corp.test" })), [Vec::<String>::new()]);
}

#[test]
fn what_is_selected_is_revoked_and_nothing_else() {
    let desk = Desk::new();
    let key = desk.key(&json!({ "kid": "team", "uses": "many" }));
    let clients = [desk.bound(&key), desk.bound(&key), desk.client()];
    let id = |client: &Client| client.account().rsplit('/').next().unwrap().to_owned();
    let issuer = desk.world.issuer().id().to_owned();
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
        assert_eq!(desk.see(&format!("certificates/{}", serials[0]))["external_account"], "team");
        assert_eq!(desk.see(&format!("certificates/{}", serials[2]))["external_account"], Value::Null);
        if let Some(kid) = selection.get("external_account").and_then(Value::as_str) {
            let found = desk.pages(&format!("certificates?external_account={kid}&status=valid"), "certificates", 50);
            let wanted = serials.iter().take(if kid == "team" { 2 } else { 0 });
            assert_eq!(texts(&found, "serial").iter().collect::<BTreeSet<_>>(), wanted.collect());
        }
        let revoked: BTreeSet<String> = steps(&desk, &selection).concat().into_iter().collect();
        let meant = serials.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(serial, _)| serial.clone());
        assert_eq!(revoked, meant.collect(), "{selection}");
        for serial in &serials {
            let shown = desk.see(&format!("certificates/{serial}"));
            assert_eq!(shown["status"] == "revoked", revoked.contains(serial));
        }
        steps(&desk, &json!({ "name": "*" }));
    }
}

#[test]
fn all_issuers_are_gone_through_one_after_the_other() {
    let first = Desk::new();
    let client = first.client();
    let mut serials = vec![issue(&client, &["a.test"], json!({})).1, issue(&client, &["b.test"], json!({})).1];
    let (root, now) = (create_root("Another Root", START, 10).unwrap(), first.world.now());
    let issuer = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
    let desk = Desk { world: first.world.with_issuer(&issuer, now), ..first.with(&first.token, 1) };
    let client = client.at(&desk.world);
    serials.extend([issue(&client, &["c.test"], json!({})).1, issue(&client, &["d.test"], json!({})).1]);
    let all = steps(&desk, &json!({ "name": "*", "limit": 1 }));
    assert!(all.iter().all(|step| step.len() <= 1), "{all:?}");
    assert_eq!(all.concat().into_iter().collect::<BTreeSet<_>>(), serials.into_iter().collect());
    for odd in ["x", "0a.", "0a.000000000001-0a", &format!("{}.x", desk.world.issuer().id())] {
        desk.post("revocations", &json!({ "name": "*", "cursor": odd })).refused(400, Kind::Malformed);
    }
}

#[test]
fn keys_are_refused_where_that_is_the_reason_and_an_earlier_reason_is_outdone() {
    let desk = Desk::new();
    let client = desk.client();
    let keys: Vec<_> = (0..3).map(|_| new_key(SigAlg::Es256)).collect();
    let leaves: Vec<_> = keys.iter().enumerate().map(|(n, key)| client.issue(&[&format!("k{n}.test")], key)).collect();
    client.revoke(&leaves[0], Some(4)).is(200);
    client.revoke(&leaves[1], Some(1)).is(200);
    assert_eq!(steps(&desk, &json!({ "name": "*.test", "reason": 1 })).concat().len(), 2);
    for key in &keys {
        let (_, order) = client.ready_order(&["x.test"]);
        client.finalize(&order, &CsrShape::dns(&["x.test"]).build(key)).refused(400, Kind::BadCsr);
    }
    // The many that a step may revoke are fewer, for each key is told to another partition.
    let (_, serial) = issue(&client, &["last.test"], json!({}));
    stock(&desk, &serial, (0..60).map(|n| format!("n{n}.stock.test")));
    let all = steps(&desk, &json!({ "name": "*.stock.test", "reason": 1 }));
    assert_eq!(all.iter().map(Vec::len).filter(|len| *len > 0).collect::<Vec<_>>(), [25, 25, 10]);
    assert_eq!(desk.world.records("compromised").len(), 3 + 60);
    assert!(desk.world.records("job").is_empty(), "nothing is left to be told");
}

#[test]
fn a_key_that_is_not_refused_yet_is_later_whatever_was_answered() {
    let desk = Desk::new();
    let (_, serial) = issue(&desk.client(), &["last.test"], json!({}));
    stock(&desk, &serial, (0..10).map(|n| format!("n{n}.stock.test")));
    let body = json!({ "name": "*.stock.test", "reason": 1 });
    // For the record, to the ledger, and the third key.
    desk.world.call_fault().once(4);
    let said = desk.post("revocations", &body).refused(500, Kind::ServerInternal).detail();
    assert!(said.contains("may have been done. See entry "), "{said}");
    desk.world.heal();
    assert_eq!(standing(&desk, "*.stock.test", "revoked").len(), 10);
    assert_eq!(steps(&desk, &body).concat().len(), 0);
    desk.world.live(SECOND * 90);
    assert_eq!(desk.world.records("compromised").len(), 10);
}

#[test]
fn something_has_to_be_selected_and_nothing_may_be_wrong() {
    let desk = Desk::new();
    let (_, serial) = issue(&desk.client(), &["a.test"], json!({}));
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
        desk.post("revocations", &wrong).refused(400, Kind::Malformed);
    }
    desk.post("revocations", &json!({ "name": "*", "reason": 2 })).refused(400, Kind::BadRevocationReason);
    assert_eq!(desk.see(&format!("certificates/{serial}"))["status"], "valid");
    desk.get("revocations").is(405);
    // Before it was issued.
    let early = json!({ "name": "*", "issued_before": START.rfc3339() });
    assert_eq!(steps(&desk, &early).concat().len(), 0);
}
