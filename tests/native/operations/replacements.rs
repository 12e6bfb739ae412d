//! Certificates that are to be replaced now.

use super::desk::{DAY, Desk, SECOND, issue, texts};
use selvedge::ca::testing::{Client, START};
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::Time;
use serde_json::{Value, json};

fn renewal_info(desk: &Desk, client: &Client, leaf: &[u8]) -> Value {
    desk.world.ask("GET", &format!("/acme/renewal-info/{}", client.cert_id(leaf))).is(200).json()
}

/// Whether the window is in the past, by the API and by renewal information; both have to say the same.
fn is_due(desk: &Desk, client: &Client, leaf: &[u8]) -> bool {
    let serial = parse_presented(leaf).unwrap().serial.hex();
    let (shown, info) = (desk.see(&format!("certificates/{serial}")), renewal_info(desk, client, leaf));
    assert_eq!(shown["renewal"], info["suggestedWindow"]);
    let end = Time::parse_rfc3339(info["suggestedWindow"]["end"].as_str().unwrap()).unwrap();
    let renewed = shown["renewed"] == true;
    assert_eq!(shown["replace_now"], end <= desk.world.now() && !renewed, "{shown}");
    end <= desk.world.now()
}

#[test]
fn what_is_selected_is_to_be_replaced_and_nothing_else() {
    let desk = Desk::new();
    let (one, two) = (desk.client(), desk.client());
    let leaves = [
        (&one, issue(&one, &["a.corp.test"], json!({})).0),
        (&one, issue(&one, &["b.test", "x.corp.test"], json!({ "profile": "tlsserver" })).0),
        (&two, issue(&two, &["c.test"], json!({ "profile": "tlsserver" })).0),
    ];
    let account = one.account().rsplit('/').next().unwrap();
    let issuer = desk.world.issuer().id().to_owned();
    for (selection, wanted) in [
        (json!({ "name": "*" }), [true, true, true]),
        (json!({ "issuer": issuer }), [true, true, true]),
        (json!({ "account": account }), [true, true, false]),
        (json!({ "profile": "tlsserver" }), [false, true, true]),
        (json!({ "name": "*.corp.test" }), [true, true, false]),
        (json!({ "name": "c.test" }), [false, false, true]),
        (json!({ "name": "corp.test" }), [false, false, false]),
        (json!({ "name": "10.0.0.0/8" }), [false, false, false]),
        (
            json!({ "account": account, "profile": "tlsserver", "name": "*.corp.test", "issuer": issuer }),
            [false, true, false],
        ),
    ] {
        let before = leaves.each_ref().map(|(client, leaf)| renewal_info(&desk, client, leaf));
        let made = desk.post("replacements", &selection).is(201).json();
        assert_eq!((&made["selection"], &made["withdrawn"]), (&selection_of(&selection), &Value::Null));
        assert_eq!(leaves.each_ref().map(|(client, leaf)| is_due(&desk, client, leaf)), wanted, "{selection}");
        let path = format!("replacements/{}/withdraw", made["id"].as_str().unwrap());
        let withdrawn = desk.post(&path, &json!({})).is(200).json();
        assert_eq!(withdrawn["withdrawn"]["by"], "ada");
        desk.world.pass(SECOND);
        assert_eq!(
            desk.post(&path, &json!({})).is(200).json()["withdrawn"],
            withdrawn["withdrawn"],
            "it stays who did it"
        );
        assert_eq!(leaves.each_ref().map(|(client, leaf)| renewal_info(&desk, client, leaf)), before, "as before");
    }
    let all = desk.see("replacements")["replacements"].as_array().unwrap().clone();
    assert_eq!(all.len(), 9);
    let made: Vec<&Value> = all.iter().map(|one| &one["made"]["at"]).collect();
    assert!(made.is_sorted_by_key(|at| core::cmp::Reverse(at.as_str())), "the newest first");
}

fn selection_of(sent: &Value) -> Value {
    let members = ["issuer", "profile", "account", "name"];
    Value::Object(members.iter().filter_map(|name| Some(((*name).to_owned(), sent.get(name)?.clone()))).collect())
}

#[test]
fn clients_are_told_why_and_what_they_renew_is_not_meant() {
    let desk = Desk::new();
    let client = desk.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    let page = format!("https://status.ca.test/{}", "x".repeat(400));
    desk.post("replacements", &json!({ "name": "*", "reason": "a drill", "explanation": page })).is(201);
    let info = renewal_info(&desk, &client, &leaf);
    assert_eq!(info["explanationURL"], page.as_str());
    desk.world.pass(SECOND);
    let (new, _) = issue(&client, &["a.test"], json!({ "replaces": client.cert_id(&leaf) }));
    assert!(is_due(&desk, &client, &leaf) && !is_due(&desk, &client, &new));
    // Who looks which are to be replaced still does not find the one that was.
    let (old, now) =
        (&desk.pages("certificates", "certificates", 50)[0], &desk.pages("certificates", "certificates", 50)[1]);
    assert_eq!((&old["renewed"], &old["replace_now"]), (&true.into(), &false.into()), "{old}");
    assert_eq!((&now["renewed"], &now["replace_now"]), (&false.into(), &false.into()), "{now}");
    assert!(renewal_info(&desk, &client, &new).get("explanationURL").is_none());
    let found = texts(&desk.pages("certificates", "certificates", 50), "serial").len();
    assert_eq!(found, 2);
    for bad in ["", "ftp://a.test", "x", &format!("https://a.test/{}", "x".repeat(500))] {
        desk.post("replacements", &json!({ "name": "*", "explanation": bad })).refused(400, Kind::Malformed);
    }
    desk.post("replacements", &json!({ "name": "*", "reason": "x".repeat(201) })).refused(400, Kind::Malformed);
}

#[test]
fn what_another_issuer_has_renewed_is_not_to_be_replaced_any_more() {
    let first = Desk::new();
    let client = first.client();
    let (_, old) = issue(&client, &["a.test", "b.test"], json!({}));
    let (_, open) = issue(&client, &["c.test"], json!({}));
    let root = create_root("Another Root", START, 10).unwrap();
    let issuer = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
    first.world.pass(SECOND * 5);
    let desk = Desk { world: first.world.with_issuer(&issuer, first.world.now()), ..first.with(&first.token, 1) };
    desk.post("replacements", &json!({ "name": "*" })).is(201);
    let of = |serial: &str| {
        let listed = desk.pages("certificates", "certificates", 50);
        let listed = listed.iter().find(|one| one["serial"] == serial).unwrap().clone();
        assert_eq!(listed, desk.see(&format!("certificates/{serial}")), "the list and the certificate say the same");
        (listed["renewed"].as_bool().unwrap(), listed["replace_now"].as_bool().unwrap())
    };
    assert_eq!((of(&old), of(&open)), ((false, true), (false, true)));
    desk.world.pass(SECOND);
    let (_, new) = issue(&client.at(&desk.world), &["b.test", "a.test"], json!({}));
    assert_eq!((of(&old), of(&open), of(&new)), ((true, false), (false, true), (false, false)));
    // One that is revoked is not waited for either.
    desk.post(&format!("certificates/{open}/revoke"), &json!({})).is(200);
    assert_eq!(of(&open), (false, false));
}

#[test]
fn something_has_to_be_selected() {
    let desk = Desk::new();
    for nothing in [json!({}), json!({ "reason": "all of them" })] {
        let said = desk.post("replacements", &nothing).refused(400, Kind::Malformed).detail();
        assert!(said.contains("\"*\" is everything"), "{said}");
    }
    desk.post("replacements/none/withdraw", &json!({})).refused(404, Kind::Malformed);
    assert_eq!(desk.see("replacements")["replacements"], json!([]));
}

#[test]
fn fifty_hold_at_the_same_time_and_what_was_withdrawn_makes_room() {
    let desk = Desk::new();
    let client = desk.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    let make = |name: &str| desk.post("replacements", &json!({ "name": name }));
    // Withdrawn ones are no load: a hundred of them hide none that holds.
    for n in 0..100 {
        let made = make(&format!("old{n}.test")).is(201).json();
        desk.post(&format!("replacements/{}/withdraw", made["id"].as_str().unwrap()), &json!({})).is(200);
    }
    for n in 0..49 {
        make(&format!("n{n}.test")).is(201);
    }
    assert!(!is_due(&desk, &client, &leaf));
    let last = make("a.test").is(201).json();
    assert!(is_due(&desk, &client, &leaf));
    make("*").refused(400, Kind::Malformed);
    desk.post(&format!("replacements/{}/withdraw", last["id"].as_str().unwrap()), &json!({})).is(200);
    assert!(!is_due(&desk, &client, &leaf));
    make("*").is(201);
    assert!(is_due(&desk, &client, &leaf));
    // They are over when all that they mean is.
    desk.world.live(SECOND);
    desk.world.pass(DAY * 800);
    assert_eq!(desk.see("replacements")["replacements"], json!([]));
    make("*").is(201);
}

#[test]
fn a_ledger_that_does_not_answer_is_told_when_it_is_asked_again() {
    let desk = Desk::new();
    let client = desk.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    // For the record, for what there is, for operations; then the ledger.
    desk.world.call_fault().once(3);
    let said = desk.post("replacements", &json!({ "name": "*" })).refused(500, Kind::ServerInternal).detail();
    assert!(said.contains("may have been done. See entry 1 "), "{said}");
    assert_eq!(desk.noted(2), ["certificates.replace attempted", "certificates.replace failed"]);
    desk.post("replacements", &json!({ "name": "*" })).is(201);
    assert!(is_due(&desk, &client, &leaf));
    for half in desk.see("replacements")["replacements"].as_array().unwrap() {
        desk.post(&format!("replacements/{}/withdraw", half["id"].as_str().unwrap()), &json!({})).is(200);
    }
    assert!(!is_due(&desk, &client, &leaf));
}
