//! dns-account-01 and dns-persist-01 in their flows, and authorizations born valid just in time.

use core::time::Duration;
use selvedge::ca::config::policy;
use selvedge::ca::testing::{Answered, Client, CsrShape, World, challenge, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::records::acme::persist::PersistRecord;
use selvedge::validation::challenges::dns_persist01::hashed_uri;
use selvedge::validation::challenges::{dns_account01, dns01};
use selvedge::values::SigAlg;
use selvedge::values::identifier::DnsName;
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);

fn client() -> Client {
    Client::registered(&World::new())
}

/// Has the account's history say that it proved `name` by dns-persist-01, long ago.
fn remember(client: &Client, name: &str) {
    client.world.put(&client.partition(), name, &PersistRecord::new(client.world.now()));
}

/// Puts the record of the account in place.
fn publish(client: &Client, name: &str, more: &str) {
    let text = format!("ca.test; accounturi={}{more}", client.account());
    client.world.network().txt(&format!("_validation-persist.{name}"), &text);
}

fn only_authorization(client: &Client, order: &Answered) -> Value {
    let mut authorizations = client.authorizations(&order.json());
    assert_eq!(authorizations.len(), 1);
    authorizations.remove(0).1
}

fn kinds(authorization: &Value) -> Vec<&str> {
    authorization["challenges"].as_array().unwrap().iter().map(|c| c["type"].as_str().unwrap()).collect()
}

/// The same client later, with a fresh nonce.
fn later(client: &Client, time: Duration) -> Client {
    client.world.pass(time);
    client.at(&client.world)
}

fn finalize(client: &Client, order: &Value, names: &[&str]) -> Answered {
    client.finalize(order, &CsrShape::dns(names).build(&new_key(SigAlg::Es256)))
}

/// Answers the dns-persist-01 challenge of the only authorization of an order.
fn persist(client: &Client, order: &Answered) -> Value {
    let challenge = challenge(&only_authorization(client, order), "dns-persist-01");
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200).json()
}

#[test]
fn dns_account_name_and_wildcard_are_issued() {
    let client = client();
    let names = ["a.test", "*.a.test"];
    let order = client.new_order(&names).is(201).json();
    for (_, authorization) in client.authorizations(&order) {
        let challenge = challenge(&authorization, "dns-account-01");
        let members: Vec<&String> = challenge.as_object().unwrap().keys().collect();
        assert_eq!(members, ["type", "url", "token", "status"]);
        let key_authorization =
            format!("{}.{}", challenge["token"].as_str().unwrap(), client.key.thumbprint().as_str());
        let owner = dns_account01::owner(client.account(), &DnsName::parse("a.test").unwrap());
        client.world.network().txt(&owner, &dns01::expected(&key_authorization));
        let answered = client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
        assert_eq!(answered.json()["status"], "valid", "{}", answered.text());
    }
    assert_eq!(finalize(&client, &order, &names).is(200).json()["status"], "valid");
}

#[test]
fn t34_dns_persist_is_offered_only_after_use() {
    let client = client();
    remember(&client, "a.test");
    let offered = |client: &Client, name: &str| {
        let authorization = only_authorization(client, &client.new_order(&[name]).is(201));
        kinds(&authorization).contains(&"dns-persist-01")
    };
    assert!(offered(&client, "a.test") && offered(&client, "*.a.test"));
    assert!(!offered(&client, "b.test") && !offered(&client, "w.a.test"));
    assert!(!offered(&Client::registered(&client.world), "a.test"));
    // Forgotten after 400 days.
    let client = later(&client, DAY * 401);
    client.world.run_due_alarms();
    assert!(!offered(&client, "a.test"));
}

#[test]
fn t34_dns_persist_offer_follows_the_policy() {
    let world = World::new();
    let offers = |challenges: Value, client: &Client, name: &str| {
        let policy = policy::read_policy("POLICY", &json!({ "challenges": challenges })).unwrap();
        let client = client.at(&world.reconfigured(|settings| settings.policy = policy));
        let placed = client.new_order(&[name]).is(201);
        let authorization = only_authorization(&client, &placed);
        kinds(&authorization).into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let client = Client::registered(&world);
    assert_eq!(offers(json!(["dns-persist-01", "dns-01"]), &client, "a.test"), ["dns-01", "dns-persist-01"]);
    remember(&client, "a.test");
    publish(&client, "a.test", "");
    world.network().asked();
    assert_eq!(offers(json!(["dns-01"]), &client, "a.test"), ["dns-01"], "whatever was before");
    assert_eq!(world.network().asked(), Vec::<String>::new());
    // Named by the policy and used before for another name: looked up just in time for this one.
    publish(&client, "b.test", "");
    assert_eq!(offers(json!(["dns-persist-01"]), &client, "b.test"), ["dns-persist-01"]);
    assert_eq!(world.network().asked(), ["TXT _validation-persist.b.test"]);
}

#[test]
fn dns_persist_t08_challenge_has_no_token_and_no_nesting_before_type() {
    let client = client();
    remember(&client, "a.test");
    let order = client.new_order(&["a.test"]).is(201);
    let challenge = challenge(&only_authorization(&client, &order), "dns-persist-01");
    let members: Vec<&String> = challenge.as_object().unwrap().keys().collect();
    assert_eq!(members, ["type", "url", "status", "accounturi", "issuerDomainNames", "issuer-domain-names"]);
    assert_eq!(challenge["accounturi"], client.account());
    assert_eq!(challenge["issuerDomainNames"], json!(["ca.test"]));
    // It fails with the error last.
    client.world.live(Duration::from_secs(30));
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
    client.world.live(Duration::from_secs(30));
    let failed = client.get(challenge["url"].as_str().unwrap()).is(200).json();
    assert_eq!(failed["status"], "invalid", "{failed}");
    assert_eq!(failed["error"]["type"], "urn:ietf:params:acme:error:dns");
    assert_eq!(failed.as_object().unwrap().keys().next_back().unwrap(), "error");
}

#[test]
fn dns_persist_answered_challenge_proves_the_name() {
    let client = client();
    remember(&client, "a.test");
    let order = client.new_order(&["a.test"]).is(201);
    let client = later(&client, DAY / 2);
    publish(&client, "a.test", "");
    let challenge = persist(&client, &order);
    assert_eq!(challenge["status"], "valid", "{challenge}");
    let history = &client.world.records("persist/")[0].1;
    assert_eq!(history["validated"], client.world.now().millis());
    let record = client.world.records("authz/").remove(0).1;
    let kept = record["challenges"].as_array().unwrap().iter().find(|c| c["kind"] == "dns-persist-01").unwrap();
    assert!(kept.get("key_authorization").is_none() && kept.get("token").is_none(), "there is none: {kept}");
    assert_eq!(finalize(&client, &order.json(), &["a.test"]).is(200).json()["status"], "valid");
}

#[test]
fn dns_persist_a_wildcard_needs_the_policy() {
    let client = client();
    remember(&client, "a.test");
    let order = client.new_order(&["*.a.test"]).is(201);
    publish(&client, "a.test", "");
    let refused = persist(&client, &order);
    assert_eq!(refused["error"]["type"], "urn:ietf:params:acme:error:unauthorized", "{refused}");
    client.world.network().clear();
    publish(&client, "a.test", "; policy=wildcard");
    client.world.live(Duration::from_secs(10));
    assert_eq!(only_authorization(&client, &order)["status"], "valid", "the alarm tries again");
}

#[test]
fn dns_persist_errors_have_the_types_of_the_draft() {
    let client = client();
    for (name, text, kind) in [
        ("a.test", format!("ca.test; accounturi={}; persistUntil=soon", client.account()), "malformed"),
        ("b.test", "ca.test; policy=wildcard".to_owned(), "malformed"),
        ("c.test", "ca.test; accounturi=https://ca.test/acme/account/other".to_owned(), "unauthorized"),
        ("d.test", format!("ca.test; accounturi={}; persistUntil=1", client.account()), "unauthorized"),
        ("e.test", format!("other.example; accounturi={}", client.account()), "unauthorized"),
    ] {
        remember(&client, name);
        client.world.network().txt(&format!("_validation-persist.{name}"), &text);
        // Just in time, a record that does not do is none (§9.3.1).
        let order = client.new_order(&[name]).is(201);
        assert_eq!(order.json()["status"], "pending", "{text}");
        let refused = persist(&client, &order);
        assert_eq!(refused["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{text}: {refused}");
    }
}

#[test]
fn dns_persist_an_authorization_does_not_outlive_persist_until() {
    let client = client();
    let until = client.world.now().secs() + 3_600;
    remember(&client, "a.test");
    publish(&client, "a.test", &format!("; persistUntil={until}"));
    let placed = client.new_order(&["a.test"]).is(201);
    assert_eq!(placed.json()["status"], "ready");
    assert_eq!(only_authorization(&client, &placed)["expires"], "2026-11-24T13:00:00Z");
    client.world.pass(Duration::from_secs(3_600));
    assert_eq!(only_authorization(&client, &placed)["status"], "expired");
    finalize(&client, &placed.json(), &["a.test"]).refused(403, Kind::OrderNotReady);
    // And the record proves nothing from then on.
    assert_eq!(client.new_order(&["a.test"]).is(201).json()["status"], "pending");
}

#[test]
fn dns_persist_just_in_time_order_starts_ready() {
    let client = client();
    let world = &client.world;
    for name in ["a.test", "b.test"] {
        remember(&client, name);
    }
    publish(&client, "a.test", "; policy=wildcard");
    world.network().asked();
    let placed = client.new_order(&["a.test", "*.a.test", "b.test", "c.test"]).is(201);
    assert_eq!(world.network().asked().iter().filter(|asked| asked.contains("c.test")).count(), 0, "not offered");
    let states: Vec<Value> = client
        .authorizations(&placed.json())
        .into_iter()
        .map(|(_, authorization)| authorization["status"].clone())
        .collect();
    assert_eq!(states, ["valid", "valid", "pending", "pending"]);
    let placed = client.new_order(&["a.test"]).is(201);
    let authorization = only_authorization(&client, &placed);
    assert_eq!(kinds(&authorization), ["dns-persist-01"], "the one that proves it");
    let proof = challenge(&authorization, "dns-persist-01");
    assert_eq!((&proof["status"], &proof["validated"]), (&json!("valid"), &json!("2026-11-24T12:00:00Z")));
    assert_eq!(placed.json()["status"], "ready");
    assert_eq!(finalize(&client, &placed.json(), &["a.test"]).is(200).json()["status"], "valid");
}

#[test]
fn dns_persist_removed_record_fails_the_next_order() {
    let client = client();
    remember(&client, "a.test");
    publish(&client, "a.test", "");
    assert_eq!(client.new_order(&["a.test"]).is(201).json()["status"], "ready");
    client.world.network().clear_txt("_validation-persist.a.test");
    // The authorization of before is for its own order only.
    assert_eq!(client.new_order(&["a.test"]).is(201).json()["status"], "pending");
    // A resolver that is down is no proof either, and no reason to refuse the order.
    publish(&client, "a.test", "");
    client.world.network().servfail("TXT", "_validation-persist.a.test", 1);
    assert_eq!(client.new_order(&["a.test"]).is(201).json()["status"], "pending");
}

#[test]
fn dns_persist_o06_repeated_order_depends_on_the_current_record() {
    let client = client();
    remember(&client, "a.test");
    let pending = client.new_order(&["a.test"]).is(201);
    assert_eq!(pending.json()["status"], "pending");
    // The record appears: the open order is proven by it.
    publish(&client, "a.test", "");
    let ready = client.new_order(&["a.test"]).is(201);
    assert_eq!((ready.location(), &ready.json()["status"]), (pending.location(), &json!("ready")));
    assert_eq!(client.new_order(&["a.test"]).is(201).location(), pending.location());
    // It disappears: the order of before is not answered again.
    client.world.network().clear_txt("_validation-persist.a.test");
    let other = client.new_order(&["a.test"]).is(201);
    assert_ne!(other.location(), pending.location());
    assert_eq!(other.json()["status"], "pending");
}

#[test]
fn dns_persist_o06_otherwise_proven_names_are_not_queried() {
    let client = client();
    client.ready_order(&["a.test"]);
    remember(&client, "a.test");
    client.world.network().asked();
    assert_eq!(client.new_order(&["a.test", "b.test"]).is(201).json()["status"], "pending");
    assert_eq!(client.world.network().asked(), Vec::<String>::new());
}

#[test]
fn dns_persist_just_in_time_only_for_accounts_that_used_it_before() {
    let client = client();
    publish(&client, "a.test", "");
    client.world.network().asked();
    assert_eq!(client.new_order(&["a.test"]).is(201).json()["status"], "pending");
    assert_eq!(client.world.network().asked(), Vec::<String>::new());
}

#[test]
fn dns_persist_another_accounts_record_proves_nothing() {
    let client = client();
    let other = Client::registered(&client.world);
    remember(&other, "a.test");
    publish(&client, "a.test", "");
    assert_eq!(other.new_order(&["a.test"]).is(201).json()["status"], "pending");
}

#[test]
fn dns_persist_record_survives_a_key_change() {
    let mut client = client();
    let hash =
        hashed_uri("https://ca.test/acme/account-hash/", "a.test", client.key.thumbprint().as_str(), client.account());
    client.world.network().txt("_validation-persist.a.test", &format!("ca.test; accounturi={hash}"));
    remember(&client, "a.test");
    for _ in 0..3 {
        assert_eq!(client.new_order(&["a.test"]).is(201).json()["status"], "ready");
        let new = ClientKey::generate(SigAlg::Es256);
        client.key_change(&new).is(200);
        client.key = new;
    }
    let account = client.world.records("account").remove(0).1;
    assert_eq!(account["former_thumbprints"].as_array().unwrap().len(), 3);
}

#[test]
fn dns_persist_deactivated_account_is_refused() {
    let client = client();
    let world = &client.world;
    remember(&client, "a.test");
    publish(&client, "a.test", "");
    // A challenge that is being validated when the account ends.
    remember(&client, "b.test");
    let order = client.new_order(&["b.test"]).is(201);
    assert_eq!(persist(&client, &order)["status"], "processing");
    publish(&client, "b.test", "");
    client.post(client.account(), json!({ "status": "deactivated" })).is(200);
    world.network().asked();
    client.new_order(&["a.test"]).refused(401, Kind::Unauthorized);
    assert_eq!(world.network().asked(), Vec::<String>::new(), "nothing is looked up on its behalf");
    world.live(Duration::from_secs(30));
    assert!(world.records("authz/").iter().all(|(_, authorization)| authorization["state"] != "valid"));
}

#[test]
fn dns_persist_caa_is_checked_before_issuance() {
    let client = client();
    let network = client.world.network();
    remember(&client, "a.example");
    publish(&client, "a.example", "");
    network.caa("a.example", "issue", "ca.test; validationmethods=dns-01");
    let placed = client.new_order(&["a.example"]).is(201);
    assert_eq!(placed.json()["status"], "ready");
    finalize(&client, &placed.json(), &["a.example"]).refused(403, Kind::Caa);
    network.clear_caa("a.example");
    network.caa("a.example", "issue", "ca.test; validationmethods=dns-persist-01");
    assert_eq!(finalize(&client, &placed.json(), &["a.example"]).is(200).json()["status"], "valid");
}

#[test]
fn dns_persist_few_names_of_an_order_are_looked_up() {
    let client = client();
    let names: Vec<String> = (0..50).map(|n| format!("n{n}.test")).collect();
    for name in &names {
        remember(&client, name);
        publish(&client, name, "");
    }
    client.world.network().asked();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let placed = client.new_order(&names).is(201).json();
    assert_eq!(client.world.network().asked().len(), 20);
    let valid = client.authorizations(&placed).iter().filter(|(_, a)| a["status"] == "valid").count();
    assert_eq!(valid, 20);
}
