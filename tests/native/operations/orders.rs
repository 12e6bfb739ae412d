//! Effects of an external account key's policy and end on its accounts' orders.

use super::operator::{Operator, SECOND, issue};
use selvedge::ca::testing::{CsrShape, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

fn team(operator: &Operator, policy: &Value) -> selvedge::ca::testing::Client {
    operator.bound(&operator.key(&json!({ "kid": "team", "uses": "many", "policy": policy })))
}

#[test]
fn a_preauthorized_name_needs_no_challenge() {
    let operator = Operator::new();
    let client = team(&operator, &json!({ "preauthorized": ["*.corp.example"] }));
    let order = client.new_order(&["a.corp.example", "*.b.corp.example"]).is(201).json();
    assert_eq!(order["status"], "ready");
    let csr = CsrShape::dns(&["a.corp.example", "*.b.corp.example"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid");
    assert_eq!(client.new_order(&["corp.example"]).is(201).json()["status"], "pending");
    let stranger = operator.client();
    assert_eq!(stranger.new_order(&["a.corp.example"]).is(201).json()["status"], "pending");
}

#[test]
fn changed_policy_applies_at_once_in_its_isolate() {
    let operator = Operator::new();
    let client = team(&operator, &json!({ "allow": ["*.a.test"] }));
    client.new_order(&["x.a.test"]).is(201);
    client.new_order(&["x.b.test"]).refused(400, Kind::RejectedIdentifier);
    operator.change("team", &json!({ "policy": { "allow": ["*.b.test"] } }));
    client.new_order(&["y.a.test"]).refused(400, Kind::RejectedIdentifier);
    client.new_order(&["x.b.test"]).is(201);
    operator.change("team", &json!({ "policy": null }));
    client.new_order(&["y.a.test"]).is(201);
}

#[test]
fn changed_policy_applies_elsewhere_after_five_seconds() {
    let operator = Operator::new();
    let client = team(&operator, &json!({ "allow": ["*.a.test"] }));
    client.new_order(&["x.a.test"]).is(201);
    // In a fork memory is another; what changes there is brought over, as if another isolate had done it.
    let elsewhere = Operator { world: operator.world.fork(), ..Operator::new() };
    elsewhere.change("team", &json!({ "disabled": true }));
    let rows = elsewhere.world.rows();
    let changed = serde_json::from_str(&rows[&("eab/team".to_owned(), "key".to_owned())]).unwrap();
    operator.world.plant("eab/team", "key", Some(&changed));
    operator.world.pass(SECOND * 5 - core::time::Duration::from_millis(1));
    client.new_order(&["y.a.test"]).is(201);
    operator.world.pass(core::time::Duration::from_millis(1));
    client.new_order(&["z.a.test"]).refused(403, Kind::Unauthorized);
}

#[test]
fn accounts_of_a_disabled_key_may_only_revoke() {
    let operator = Operator::new();
    let client = team(&operator, &Value::Null);
    let (leaf, serial) = issue(&client, &["a.test"], json!({}));
    let (url, order) = client.ready_order(&["b.test"]);
    let pending = client.new_order(&["c.test"]).is(201).json();
    let stranger = operator.client();
    operator.change("team", &json!({ "disabled": true }));
    client.new_order(&["d.test"]).refused(403, Kind::Unauthorized);
    client.new_authz("d.test").refused(403, Kind::Unauthorized);
    let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
    let said = client.finalize(&order, &csr).refused(403, Kind::Unauthorized).detail();
    assert!(said.contains("\"team\""), "{said}");
    assert_eq!(client.get(&url).is(200).json()["status"], "ready", "it can be finished once the key is good again");
    client.get(pending["authorizations"][0].as_str().unwrap()).is(200);
    client.revoke(&leaf, Some(4)).is(200);
    assert_eq!(operator.see(&format!("certificates/{serial}"))["revoked"]["by"], "account");
    stranger.new_order(&["d.test"]).is(201);
    operator.change("team", &json!({ "disabled": false }));
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid");
    client.new_order(&["d.test"]).is(201);
}

#[test]
fn withdrawn_preauthorization_applies_to_open_orders() {
    let operator = Operator::new();
    let client = team(&operator, &json!({ "preauthorized": ["*.corp.example"] }));
    let order = client.new_order(&["a.corp.example"]).is(201).json();
    operator.change("team", &json!({ "policy": {} }));
    let csr = CsrShape::dns(&["a.corp.example"]).build(&new_key(SigAlg::Es256));
    client.finalize(&order, &csr).refused(403, Kind::Unauthorized);
}

#[test]
fn unavailable_key_partition_refuses_orders() {
    let operator = Operator::new();
    let client = team(&operator, &json!({ "preauthorized": ["*.corp.example"] }));
    operator.world.pass(SECOND * 10);
    let request = client
        .sign(&client.url("new-order"), Some(json!({ "identifiers": [{ "type": "dns", "value": "a.corp.example" }] })));
    // The account is reached; operations and the key are not.
    operator.world.call_fault().from(1);
    client.send(request).refused(500, Kind::ServerInternal);
    operator.world.heal();
    client.new_order(&["a.corp.example"]).is(201);
}
