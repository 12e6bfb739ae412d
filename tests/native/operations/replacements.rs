//! Certificates that are to be replaced now.

use super::operator::{DAY, Operator, SECOND, issue, texts};
use selvedge::ca::testing::{Client, START};
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::Time;
use serde_json::{Value, json};

fn renewal_info(operator: &Operator, client: &Client, leaf: &[u8]) -> Value {
    operator.world.ask("GET", &format!("/acme/renewal-info/{}", client.cert_id(leaf))).is(200).json()
}

/// Whether the window is in the past, consistently by API and renewal information.
fn is_due(operator: &Operator, client: &Client, leaf: &[u8]) -> bool {
    let serial = parse_presented(leaf).unwrap().serial.hex();
    let (shown, info) = (operator.see(&format!("certificates/{serial}")), renewal_info(operator, client, leaf));
    assert_eq!(shown["renewal"], info["suggestedWindow"]);
    let end = Time::parse_rfc3339(info["suggestedWindow"]["end"].as_str().unwrap()).unwrap();
    let renewed = shown["renewed"] == true;
    assert_eq!(shown["replace_now"], end <= operator.world.now() && !renewed, "{shown}");
    end <= operator.world.now()
}

#[test]
fn selection_is_replaced_exactly() {
    let operator = Operator::new();
    let (one, two) = (operator.client(), operator.client());
    let leaves = [
        (&one, issue(&one, &["a.corp.test"], json!({})).0),
        (&one, issue(&one, &["b.test", "x.corp.test"], json!({ "profile": "tlsserver" })).0),
        (&two, issue(&two, &["c.test"], json!({ "profile": "tlsserver" })).0),
    ];
    let account = one.account().rsplit('/').next().unwrap();
    let issuer = operator.world.issuer().id().to_owned();
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
        let before = leaves.each_ref().map(|(client, leaf)| renewal_info(&operator, client, leaf));
        let made = operator.post("replacements", &selection).is(201).json();
        assert_eq!((&made["selection"], &made["withdrawn"]), (&selection_of(&selection), &Value::Null));
        assert_eq!(leaves.each_ref().map(|(client, leaf)| is_due(&operator, client, leaf)), wanted, "{selection}");
        let path = format!("replacements/{}/withdraw", made["id"].as_str().unwrap());
        let withdrawn = operator.post(&path, &json!({})).is(200).json();
        assert_eq!(withdrawn["withdrawn"]["by"], "ada");
        operator.world.pass(SECOND);
        assert_eq!(
            operator.post(&path, &json!({})).is(200).json()["withdrawn"],
            withdrawn["withdrawn"],
            "it stays who did it"
        );
        assert_eq!(leaves.each_ref().map(|(client, leaf)| renewal_info(&operator, client, leaf)), before, "as before");
    }
    let all = operator.see("replacements")["replacements"].as_array().unwrap().clone();
    assert_eq!(all.len(), 9);
    let made: Vec<&Value> = all.iter().map(|one| &one["made"]["at"]).collect();
    assert!(made.is_sorted_by_key(|at| core::cmp::Reverse(at.as_str())), "the newest first");
}

fn selection_of(sent: &Value) -> Value {
    let members = ["issuer", "profile", "account", "name"];
    Value::Object(members.iter().filter_map(|name| Some(((*name).to_owned(), sent.get(name)?.clone()))).collect())
}

#[test]
fn clients_get_the_reason_and_renewed_certificates_are_skipped() {
    let operator = Operator::new();
    let client = operator.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    let page = format!("https://status.ca.test/{}", "x".repeat(400));
    operator.post("replacements", &json!({ "name": "*", "reason": "a drill", "explanation": page })).is(201);
    let info = renewal_info(&operator, &client, &leaf);
    assert_eq!(info["explanationURL"], page.as_str());
    operator.world.pass(SECOND);
    let (new, _) = issue(&client, &["a.test"], json!({ "replaces": client.cert_id(&leaf) }));
    assert!(is_due(&operator, &client, &leaf) && !is_due(&operator, &client, &new));
    // Who looks which are to be replaced still does not find the one that was.
    let (old, now) = (
        &operator.pages("certificates", "certificates", 50)[0],
        &operator.pages("certificates", "certificates", 50)[1],
    );
    assert_eq!((&old["renewed"], &old["replace_now"]), (&true.into(), &false.into()), "{old}");
    assert_eq!((&now["renewed"], &now["replace_now"]), (&false.into(), &false.into()), "{now}");
    assert!(renewal_info(&operator, &client, &new).get("explanationURL").is_none());
    let found = texts(&operator.pages("certificates", "certificates", 50), "serial").len();
    assert_eq!(found, 2);
    for bad in ["", "ftp://a.test", "x", &format!("https://a.test/{}", "x".repeat(500))] {
        operator.post("replacements", &json!({ "name": "*", "explanation": bad })).refused(400, Kind::Malformed);
    }
    operator.post("replacements", &json!({ "name": "*", "reason": "x".repeat(201) })).refused(400, Kind::Malformed);
}

#[test]
fn certificate_renewed_by_another_issuer_is_not_replaced() {
    let first = Operator::new();
    let client = first.client();
    let (_, old) = issue(&client, &["a.test", "b.test"], json!({}));
    let (_, open) = issue(&client, &["c.test"], json!({}));
    let root = create_root("Another Root", START, 10).unwrap();
    let issuer = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
    first.world.pass(SECOND * 5);
    let operator =
        Operator { world: first.world.with_issuer(&issuer, first.world.now()), ..first.with(&first.token, 1) };
    operator.post("replacements", &json!({ "name": "*" })).is(201);
    let of = |serial: &str| {
        let listed = operator.pages("certificates", "certificates", 50);
        let listed = listed.iter().find(|one| one["serial"] == serial).unwrap().clone();
        let mut one = operator.see(&format!("certificates/{serial}"));
        for only in ["fingerprint", "key_type", "key_digest"] {
            one.as_object_mut().unwrap().remove(only).unwrap();
        }
        assert_eq!(listed, one, "the list and the certificate say the same");
        (listed["renewed"].as_bool().unwrap(), listed["replace_now"].as_bool().unwrap())
    };
    assert_eq!((of(&old), of(&open)), ((false, true), (false, true)));
    operator.world.pass(SECOND);
    let (_, new) = issue(&client.at(&operator.world), &["b.test", "a.test"], json!({}));
    assert_eq!((of(&old), of(&open), of(&new)), ((true, false), (false, true), (false, false)));
    // One that is revoked is not waited for either.
    operator.post(&format!("certificates/{open}/revoke"), &json!({})).is(200);
    assert_eq!(of(&open), (false, false));
}

#[test]
fn empty_selection_is_refused() {
    let operator = Operator::new();
    for nothing in [json!({}), json!({ "reason": "all of them" })] {
        let said = operator.post("replacements", &nothing).refused(400, Kind::Malformed).detail();
        assert!(said.contains("\"*\" selects everything"), "{said}");
    }
    operator.post("replacements/none/withdraw", &json!({})).refused(404, Kind::Malformed);
    assert_eq!(operator.see("replacements")["replacements"], json!([]));
}

#[test]
fn fifty_replacements_are_open_and_withdrawing_frees_one() {
    let operator = Operator::new();
    let client = operator.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    let make = |name: &str| operator.post("replacements", &json!({ "name": name }));
    // Withdrawn ones are no load: a hundred of them hide none that holds.
    for n in 0..100 {
        let made = make(&format!("old{n}.test")).is(201).json();
        operator.post(&format!("replacements/{}/withdraw", made["id"].as_str().unwrap()), &json!({})).is(200);
    }
    for n in 0..49 {
        make(&format!("n{n}.test")).is(201);
    }
    assert!(!is_due(&operator, &client, &leaf));
    let last = make("a.test").is(201).json();
    assert!(is_due(&operator, &client, &leaf));
    make("*").refused(400, Kind::Malformed);
    operator.post(&format!("replacements/{}/withdraw", last["id"].as_str().unwrap()), &json!({})).is(200);
    assert!(!is_due(&operator, &client, &leaf));
    make("*").is(201);
    assert!(is_due(&operator, &client, &leaf));
    // They are over when all that they mean is.
    operator.world.live(SECOND);
    operator.world.pass(DAY * 800);
    assert_eq!(operator.see("replacements")["replacements"], json!([]));
    make("*").is(201);
}

#[test]
fn retried_replacement_request_reaches_a_recovered_ledger() {
    let operator = Operator::new();
    let client = operator.client();
    let (leaf, _) = issue(&client, &["a.test"], json!({}));
    // For the record, for what there is, for operations; then the ledger.
    operator.world.call_fault().once(3);
    let said = operator.post("replacements", &json!({ "name": "*" })).refused(500, Kind::ServerInternal).detail();
    assert!(said.contains("may have taken effect; see entry 1 "), "{said}");
    assert_eq!(operator.noted(2), ["certificates.replace attempted", "certificates.replace failed"]);
    operator.post("replacements", &json!({ "name": "*" })).is(201);
    assert!(is_due(&operator, &client, &leaf));
    for half in operator.see("replacements")["replacements"].as_array().unwrap() {
        operator.post(&format!("replacements/{}/withdraw", half["id"].as_str().unwrap()), &json!({})).is(200);
    }
    assert!(!is_due(&operator, &client, &leaf));
}
