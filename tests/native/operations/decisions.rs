//! Operators' decisions that affect orders: exempt replacements, and the shadow policy.

use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, World, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

const TOKEN: &str = "an-admin-token-of-sufficient-length";

fn operated() -> World {
    World::new().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&json!({ "ada": TOKEN }).to_string())).unwrap();
        let limits = r#"{"certificates":{"count":1,"period":"7d"},"new_orders":{"count":2,"period":"3h"}}"#;
        settings.limits = Limits::read(Some(limits)).unwrap();
    })
}

fn operate(world: &World, method: &str, path: &str, body: &Value) -> Answered {
    world.send(Request {
        method: method.to_owned(),
        path: format!("/admin/v1/{path}"),
        content_type: Some("application/json".to_owned()),
        authorization: Some(format!("Bearer {TOKEN}")),
        body: Some(if method == "GET" { Vec::new() } else { body.to_string().into_bytes() }),
        ..Request::default()
    })
}

/// Issues for a.test, which is all that the limits allow; gives its certID.
fn used_up(world: &World) -> (Client, String, Vec<u8>) {
    let client = Client::registered(world);
    let der = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    let id = client.cert_id(&der);
    (client, id, der)
}

#[test]
fn ari_requested_replacement_is_exempt_and_its_successor_is_not() {
    let world = operated();
    let (client, id, _) = used_up(&world);
    let replaces = |id: &str| json!({ "replaces": id });
    client.new_order_with(&["a.test"], replaces(&id)).refused(429, Kind::RateLimited);
    operate(&world, "POST", "replacements", &json!({ "name": "*.test" })).is(201);
    world.pass(Duration::from_secs(1));
    let der = client.issue_with(&["a.test"], replaces(&id), &new_key(SigAlg::Es256));
    // The next one does not fall under what was to be replaced, and is counted.
    client.new_order_with(&["a.test"], replaces(&client.cert_id(&der))).refused(429, Kind::RateLimited);
}

#[test]
fn ari_operator_revoked_certificate_is_replaced_without_limits() {
    let world = operated();
    let (client, id, der) = used_up(&world);
    let serial = parse_presented(&der).unwrap().serial.hex();
    operate(&world, "POST", &format!("certificates/{serial}/revoke"), &json!({ "reason": 4 })).is(200);
    client.new_order_with(&["a.test"], json!({ "replaces": id })).is(201);
}

#[test]
fn ari_self_revoked_certificates_are_not_exempt() {
    let world = operated();
    let (client, id, der) = used_up(&world);
    client.revoke(&der, Some(4)).is(200);
    client.new_order_with(&["a.test"], json!({ "replaces": id })).refused(429, Kind::RateLimited);
}

#[test]
fn ari_limits_apply_while_the_ledger_fails() {
    let world = operated();
    let (client, id, _) = used_up(&world);
    operate(&world, "POST", "replacements", &json!({ "name": "*" })).is(201);
    let order = json!({ "identifiers": [{ "type": "dns", "value": "a.test" }], "replaces": id });
    let request = client.sign(&client.url("new-order"), Some(order));
    // Calls of this request: to the account, to operations for the policy, which is known still, and to the ledger.
    world.call_fault().once(1);
    assert_eq!(client.send(request).refused(429, Kind::RateLimited).status(), 429);
}

#[test]
fn shadow_policy_refuses_nothing_and_records_findings() {
    let world = operated().reconfigured(|settings| settings.limits = Limits::off());
    let client = Client::registered(&world);
    client.new_order(&["a.test"]).is(201);
    let findings = || operate(&world, "GET", "policy/shadow", &Value::Null).is(200).json()["findings"].clone();
    assert_eq!(findings(), json!([]));
    operate(&world, "POST", "policy/shadow", &json!({ "deny": ["*.secret.test"], "profiles": ["default"] })).is(200);
    client.new_order(&["a.test"]).is(201);
    assert_eq!(findings(), json!([]), "what it allows is not told");
    for _ in 0..2 {
        client.new_order(&["b.secret.test", "a.test"]).is(201);
        world.pass(Duration::from_secs(1));
    }
    client.new_order_with(&["a.test"], json!({ "profile": "shortlived" })).is(201);
    let found = findings();
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    assert_eq!(found[0]["identifier"], "profile shortlived");
    assert_eq!((&found[1]["identifier"], &found[1]["count"]), (&json!("b.secret.test"), &json!(2)));
    assert!(found[1]["rule"].as_str().unwrap().contains("deny \"*.secret.test\""), "{found}");
    assert_eq!(found[1]["account"], client.account().rsplit('/').next().unwrap());
    assert!(world.log().iter().any(|line| line.contains("b.secret.test")), "{:?}", world.log());
    // In force it refuses.
    operate(&world, "POST", "policy", &json!({ "deny": ["*.secret.test"] })).is(201);
    client.new_order(&["c.secret.test"]).refused(400, Kind::RejectedIdentifier);
    operate(&world, "POST", "policy/shadow", &Value::Null).is(200);
    assert_eq!(findings(), json!([]), "it is ended, and with it what it found");
}
