//! CAA (RFC 8659, RFC 8657) where it is asked: after a validation, and before a certificate is issued.

use core::time::Duration;
use selvedge::ca::config::policy;
use selvedge::ca::testing::{Answered, Client, CsrShape, Proof, World, challenge, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn client() -> Client {
    Client::registered(&World::new())
}

/// Orders one name, puts the response in place and answers a challenge of this type.
fn answer(client: &Client, name: &str, proof: Proof) -> (Value, Answered) {
    let order = client.new_order(&[name]).is(201).json();
    let (_, authorization) = client.authorizations(&order).remove(0);
    let challenge = client.prove(&authorization, proof);
    (order, client.post(challenge["url"].as_str().unwrap(), json!({})).is(200))
}

/// The same client so many hours later, with a fresh nonce.
fn later(client: &Client, hours: u32) -> Client {
    client.world.pass(HOUR * hours);
    client.at(&client.world)
}

fn finalize(client: &Client, order: &Value, names: &[&str]) -> Answered {
    client.finalize(order, &CsrShape::dns(names).build(&new_key(SigAlg::Es256)))
}

#[test]
fn s03_caa_allowing_or_absent_records_let_validation_succeed() {
    let client = client();
    let network = client.world.network();
    network.caa("allowed.example", "issue", "ca.test");
    let bound = format!("ca.test; accounturi={}; validationmethods=http-01", client.account());
    network.caa("bound.example", "issue", &bound);
    for name in ["allowed.example", "www.allowed.example", "bound.example", "none.example"] {
        let (_, answered) = answer(&client, name, Proof::Http);
        assert_eq!(answered.json()["status"], "valid", "{name}: {}", answered.text());
    }
    let asked = network.asked();
    assert!(asked.contains(&"CAA www.allowed.example".to_owned()) && asked.contains(&"CAA example".to_owned()));
    assert!(client.world.records("authz/").iter().all(|(_, record)| record["caa_checked"].is_u64()));
}

#[test]
fn s03_caa_forbidding_records_fail_challenge_and_order() {
    let client = client();
    let network = client.world.network();
    network.caa("other.example", "issue", "other-ca.example");
    network.caa("nobody.example", "issue", ";");
    network.caa("account.example", "issue", "ca.test; accounturi=https://ca.test/acme/account/other");
    network.caa("method.example", "issue", "ca.test; validationmethods=dns-01");
    for name in ["other.example", "nobody.example", "account.example", "method.example", "www.other.example"] {
        let (order, answered) = answer(&client, name, Proof::Http);
        let challenge = answered.json();
        assert_eq!(challenge["status"], "invalid", "{name}: {challenge}");
        assert_eq!(challenge["error"]["type"], "urn:ietf:params:acme:error:caa", "{challenge}");
        assert_eq!(challenge["error"]["status"], 403);
        let owner = name.trim_start_matches("www.");
        let detail = challenge["error"]["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("CAA records of {owner}")) && detail.contains("ca.test"), "T-25: {detail}");
        let refused = finalize(&client, &order, &[name]).refused(403, Kind::OrderNotReady);
        assert!(refused.detail().contains("invalid"));
    }
    // The same name by the method that is allowed.
    let (_, answered) = answer(&client, "method.example", Proof::Dns);
    assert_eq!(answered.json()["status"], "valid", "{}", answered.text());
}

#[test]
fn s03_caa_wildcard_uses_issuewild() {
    let client = client();
    let network = client.world.network();
    network.caa("wild.example", "issue", ";");
    network.caa("wild.example", "issuewild", "ca.test");
    assert_eq!(answer(&client, "*.wild.example", Proof::Dns).1.json()["status"], "valid");
    assert_eq!(answer(&client, "wild.example", Proof::Dns).1.json()["status"], "invalid");
}

#[test]
fn s03_caa_failed_validation_is_reported_before_caa() {
    let client = client();
    client.world.network().caa("a.example", "issue", ";");
    client.world.network().asked();
    let (_, answered) = answer(&client, "a.example", Proof::WrongHttp);
    assert_eq!(answered.json()["error"]["type"], "urn:ietf:params:acme:error:unauthorized");
    assert!(!client.world.network().asked().iter().any(|asked| asked.starts_with("CAA")));
}

#[test]
fn s03_caa_resolver_failure_is_retried_then_final() {
    let client = client();
    let world = &client.world.clone();
    // One hiccup: processing with the reason, then valid by the alarm.
    world.network().servfail("CAA", "example", 1);
    let (order, answered) = answer(&client, "a.example", Proof::Http);
    let waiting = answered.json();
    assert_eq!(
        (&waiting["status"], &waiting["error"]["type"]),
        (&json!("processing"), &json!("urn:ietf:params:acme:error:dns"),)
    );
    assert!(answered.header("Retry-After").is_some());
    world.live(Duration::from_secs(10));
    let (_, authorization) = client.authorizations(&order).remove(0);
    assert_eq!(challenge(&authorization, "http-01")["status"], "valid", "{authorization}");
    // No end of it: invalid, never valid.
    world.network().servfail("CAA", "b.example", u32::MAX);
    let (order, _) = answer(&client, "b.example", Proof::Http);
    world.live(Duration::from_secs(60));
    let (_, authorization) = client.authorizations(&order).remove(0);
    let failed = challenge(&authorization, "http-01");
    assert_eq!(
        (&authorization["status"], &failed["error"]["type"]),
        (&json!("invalid"), &json!("urn:ietf:params:acme:error:dns"),)
    );
    assert!(failed["error"]["detail"].as_str().unwrap().contains("SERVFAIL"), "{failed}");
}

#[test]
fn s03_caa_internal_names_and_disabled_caa_are_not_queried() {
    let client = client();
    let world = &client.world.clone();
    world.network().caa("a.test", "issue", ";");
    world.network().caa("b.example", "issue", ";");
    assert_eq!(answer(&client, "a.test", Proof::Http).1.json()["status"], "valid");
    let off = client.at(&world.reconfigured(|settings| settings.caa.checked = false));
    assert_eq!(answer(&off, "b.example", Proof::Http).1.json()["status"], "valid");
    assert!(!world.network().asked().iter().any(|asked| asked.starts_with("CAA")));
    // Switched on again, what was not checked is checked before it is used.
    let (order, _) = answer(&off, "c.example", Proof::Http);
    world.network().caa("c.example", "issue", ";");
    finalize(&client, &order, &["c.example"]).refused(403, Kind::Caa);
}

#[test]
fn s03_caa_fresh_check_is_reused_and_old_one_repeated() {
    let client = client();
    let world = &client.world.clone();
    for (hours, looks) in [(6, false), (8, true)] {
        let (client, name) = (client.at(world), format!("a{hours}.example"));
        let (_, order) = client.ready_order(&[&name]);
        world.network().asked();
        let client = later(&client, hours);
        assert_eq!(finalize(&client, &order, &[&name]).is(200).json()["status"], "valid");
        assert_eq!(world.network().asked().contains(&format!("CAA {name}")), looks, "{hours} hours");
    }
}

#[test]
fn s03_caa_refusal_at_issuance_leaves_the_order_ready() {
    let client = client();
    let world = &client.world.clone();
    let names = ["a.example", "b.example", "*.c.example", "d.test"];
    let (url, order) = client.ready_order(&names);
    let client = later(&client, 8);
    world.network().caa("a.example", "issue", "other-ca.example");
    // Two at once are told apart.
    world.network().caa("c.example", "issuewild", ";");
    let refused = finalize(&client, &order, &names).refused(403, Kind::Caa).json();
    let about: Vec<&str> =
        refused["subproblems"].as_array().unwrap().iter().map(|s| s["identifier"]["value"].as_str().unwrap()).collect();
    assert_eq!(about, ["a.example", "*.c.example"]);
    assert_eq!(world.records("serial/").len(), 0, "nothing was issued");
    // Mended, it goes on.
    world.network().clear_caa("c.example");
    let refused = finalize(&client, &order, &names).refused(403, Kind::Caa);
    assert!(refused.header("Retry-After").is_none(), "waiting does not help");
    assert!(refused.detail().contains("a.example"), "{}", refused.detail());
    assert_eq!(client.get(&url).json()["status"], "ready");
    world.network().clear_caa("a.example");
    assert_eq!(finalize(&client, &order, &names).is(200).json()["status"], "valid");
}

#[test]
fn s03_caa_resolver_failure_at_issuance_is_retried_then_refused() {
    let client = client();
    let world = &client.world.clone();
    let (_, order) = client.ready_order(&["a.example"]);
    let client = later(&client, 8);
    world.network().servfail("CAA", "a.example", 2);
    assert_eq!(finalize(&client, &order, &["a.example"]).is(200).json()["status"], "valid", "the third look holds");
    let (url, order) = client.ready_order(&["b.example"]);
    let client = later(&client, 8);
    world.network().servfail("CAA", "b.example", 3);
    let refused = finalize(&client, &order, &["b.example"]).refused(400, Kind::Dns);
    assert!(refused.header("Retry-After").is_some());
    assert!(refused.detail().contains("SERVFAIL"), "{}", refused.detail());
    assert_eq!(client.get(&url).json()["status"], "ready");
    world.network().set_resolver_down(true);
    finalize(&client, &order, &["b.example"]).refused(400, Kind::Dns);
    world.network().set_resolver_down(false);
    assert_eq!(finalize(&client, &order, &["b.example"]).is(200).json()["status"], "valid");
}

#[test]
fn s03_caa_results_before_a_resolver_failure_are_kept() {
    let client = client();
    let world = &client.world.clone();
    let names: Vec<String> = (0..20).map(|n| format!("n{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (url, order) = client.ready_order(&names);
    let client = later(&client, 8);
    let bad = ["n7.example", "n13.example"];
    for name in bad {
        world.network().servfail("CAA", name, 3);
    }
    let refused = finalize(&client, &order, &names).refused(400, Kind::Dns);
    assert!(refused.header("Retry-After").is_some());
    assert_eq!(refused.json()["subproblems"].as_array().unwrap().len(), 2);
    assert_eq!(client.get(&url).json()["status"], "ready");
    world.network().asked();
    assert_eq!(finalize(&client, &order, &names).is(200).json()["status"], "valid");
    let mut asked: Vec<String> = world.network().asked().into_iter().filter(|asked| asked.starts_with("CAA")).collect();
    asked.sort();
    assert_eq!(asked, ["CAA example", "CAA n13.example", "CAA n7.example"]);
}

#[test]
fn s03_caa_names_with_too_many_labels_are_refused() {
    let client = client();
    let world = &client.world.clone();
    let deep = |labels: usize, top: &str| format!("{}{top}", "a.".repeat(labels - 1));
    let (ten, eleven) = (deep(10, "example"), deep(11, "example"));
    let many = deep(113, "example");
    for name in [&eleven, &many, &format!("*.{eleven}")] {
        let refused = client.new_order(&[name]).refused(400, Kind::RejectedIdentifier);
        assert!(refused.detail().contains("more than 10 labels"), "{}", refused.detail());
    }
    let wanted = json!({ "identifier": { "type": "dns", "value": eleven } });
    let new_authz = client.world.settings().urls.resource("new-authz");
    client.post(&new_authz, wanted).refused(403, Kind::RejectedIdentifier);
    assert!(world.records("order/").is_empty() && world.records("authz/").is_empty(), "nothing is stored");
    world.network().asked();
    assert_eq!(answer(&client, &ten, Proof::Http).1.json()["status"], "valid");
    assert_eq!(world.network().asked().iter().filter(|asked| asked.starts_with("CAA")).count(), 10);
    // No records are looked for at internal names.
    assert_eq!(answer(&client, &deep(40, "test"), Proof::Http).1.json()["status"], "valid");
}

#[test]
fn s03_caa_refused_finalize_makes_no_queries() {
    let client = client();
    let world = &client.world.clone();
    let (_, order) = client.ready_order(&["a.example"]);
    let client = later(&client, 8);
    world.network().asked();
    // A replayed request, a stranger, a dead account.
    let request = client.finalize_request(&order, b"no CSR");
    client.send(request.clone()).refused(400, Kind::BadCsr);
    world.network().asked();
    client.send(request).refused(400, Kind::BadNonce);
    let stranger = Client::registered(world);
    finalize(&stranger, &order, &["a.example"]).refused(404, Kind::Malformed);
    client.post(client.account(), json!({ "status": "deactivated" })).is(200);
    finalize(&client, &order, &["a.example"]).refused(401, Kind::Unauthorized);
    assert_eq!(world.network().asked(), Vec::<String>::new());
}

#[test]
fn caa_pre_authorized_names_are_checked_before_issuance() {
    let policy = policy::read_policy("POLICY", &json!({ "preauthorized": ["a.example", "b.example"] })).unwrap();
    let world = World::new().reconfigured(|settings| {
        settings.policy = policy;
        settings.dev = true;
    });
    let client = Client::registered(&world);
    world.network().caa("b.example", "issue", "ca.test; validationmethods=http-01,dns-01");
    for (name, allowed) in [("a.example", true), ("b.example", false)] {
        let order = client.new_order(&[name]).is(201).json();
        assert_eq!(order["status"], "ready");
        let answered = finalize(&client, &order, &[name]);
        match allowed {
            true => assert_eq!(answered.is(200).json()["status"], "valid"),
            false => assert!(answered.refused(403, Kind::Caa).detail().contains("none was used"), "RFC 8657 section 4"),
        }
    }
}
