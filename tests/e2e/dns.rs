//! End to end: dns-account-01, dns-persist-01 and CAA on workerd.
//!
//! DNS records are set at `dev`'s management address.

use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use selvedge::jose::key_authorization;
use selvedge::validation::challenges::{dns_account01, dns_persist01, dns01};
use selvedge::values::identifier::DnsName;
use serde_json::{Value, json};
use std::time::Duration;

const ALL: &str = r#"POLICY={"challenges":["http-01","dns-01","dns-account-01","dns-persist-01"]}"#;

/// Asks for one of the operations of the management address.
fn set(server: &Server, operation: &str, what: Value) {
    let url = format!("{}/{operation}", server.fact("management"));
    ureq::post(url).send(what.to_string()).unwrap();
}

fn order(wire: &Wire, name: &str) -> Value {
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
    let placed = wire.post(&wire.url("/acme/new-order"), Some(wanted));
    assert_eq!(placed.status(), 201, "{}", placed.body());
    body(&placed)
}

fn challenge(wire: &Wire, order: &Value, kind: &str) -> Value {
    let authorization = body(&wire.post(order["authorizations"][0].as_str().unwrap(), None));
    let challenges = authorization["challenges"].as_array().unwrap();
    challenges.iter().find(|c| c["type"] == kind).unwrap_or_else(|| panic!("no {kind} in {authorization}")).clone()
}

/// Answers a challenge and waits for the outcome.
fn answer(wire: &Wire, challenge: &Value) -> Value {
    let url = challenge["url"].as_str().unwrap();
    let mut seen = body(&wire.post(url, Some(json!({}))));
    while seen["status"] == "processing" {
        std::thread::sleep(Duration::from_millis(200));
        seen = body(&wire.post(url, None));
    }
    seen
}

fn finalize(wire: &Wire, order: &Value, name: &str) -> Value {
    body(&wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr(name))))
}

#[test]
fn dns_account_dns_persist_and_caa_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--set", ALL]);
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    let account = wire.kid.clone().unwrap();
    let meta = body(&wire.get(server.fact("directory")))["meta"].clone();
    assert_eq!(meta["caaIdentities"], json!(["selvedge.test"]));

    // dns-account-01, allowed by CAA records that name the account and the method, on the way up.
    let name = "www.shop.example";
    let bound = format!("selvedge.test; accounturi={account}; validationmethods=dns-account-01");
    set(&server, "add-caa", json!({ "host": "shop.example", "policies": [{ "tag": "issue", "value": bound }] }));
    let placed = order(&wire, name);
    let proof = challenge(&wire, &placed, "dns-account-01");
    let text = key_authorization(proof["token"].as_str().unwrap(), &wire.key.thumbprint());
    let owner = dns_account01::owner(&account, &DnsName::parse(name).unwrap());
    set(&server, "set-txt", json!({ "host": owner, "value": dns01::expected(&text) }));
    let proven = answer(&wire, &proof);
    assert_eq!(proven["status"], "valid", "{proven}");
    assert_eq!(finalize(&wire, &placed, name)["status"], "valid");

    // By dns-01: the CAA records do not allow it.
    let name = "pay.shop.example";
    let placed = order(&wire, name);
    let proof = challenge(&wire, &placed, "dns-01");
    let text = key_authorization(proof["token"].as_str().unwrap(), &wire.key.thumbprint());
    set(&server, "set-txt", json!({ "host": format!("_acme-challenge.{name}"), "value": dns01::expected(&text) }));
    let refused = answer(&wire, &proof);
    assert_eq!(refused["error"]["type"], "urn:ietf:params:acme:error:caa", "{refused}");

    // dns-persist-01 by a record at the parent, with a hash instead of the account URL.
    let name = "www.persist.test";
    let prefix = meta["accountHashPrefix"].as_str().unwrap();
    let uri = dns_persist01::hashed_uri(prefix, "persist.test", wire.key.thumbprint().as_str(), &account);
    let record = format!("{}; accounturi={uri}; policy=wildcard", meta["issuerDomainNames"][0].as_str().unwrap());
    set(&server, "set-txt", json!({ "host": "_validation-persist.persist.test", "value": record }));
    let placed = order(&wire, name);
    assert_eq!(placed["status"], "pending", "not just in time for who never did it");
    let proof = challenge(&wire, &placed, "dns-persist-01");
    assert!(proof.get("token").is_none() && proof["issuerDomainNames"].is_array(), "{proof}");
    let proven = answer(&wire, &proof);
    assert_eq!(proven["status"], "valid", "{proven}");
    assert_eq!(finalize(&wire, &placed, name)["status"], "valid");

    // From now on orders are born ready, for as long as the record stands.
    for name in [name, "*.persist.test"] {
        let placed = order(&wire, name);
        assert_eq!(placed["status"], "ready", "{placed}");
        assert_eq!(finalize(&wire, &placed, name)["status"], "valid");
    }
    set(&server, "clear-txt", json!({ "host": "_validation-persist.persist.test" }));
    assert_eq!(order(&wire, name)["status"], "pending");

    // A resolver that cannot tell is not "no record".
    let name = "www.bank.example";
    let placed = order(&wire, name);
    let proof = challenge(&wire, &placed, "dns-01");
    let text = key_authorization(proof["token"].as_str().unwrap(), &wire.key.thumbprint());
    set(&server, "set-txt", json!({ "host": format!("_acme-challenge.{name}"), "value": dns01::expected(&text) }));
    set(&server, "set-servfail", json!({ "host": "bank.example" }));
    let url = proof["url"].as_str().unwrap();
    let mut waiting = body(&wire.post(url, Some(json!({}))));
    while waiting["error"].is_null() {
        std::thread::sleep(Duration::from_millis(100));
        waiting = body(&wire.post(url, None));
    }
    assert_eq!(waiting["status"], "processing", "{waiting}");
    assert_eq!(waiting["error"]["type"], "urn:ietf:params:acme:error:dns", "{waiting}");
    set(&server, "clear-servfail", json!({ "host": "bank.example" }));
    assert_eq!(answer(&wire, &proof)["status"], "valid", "the alarm tries again");
}
