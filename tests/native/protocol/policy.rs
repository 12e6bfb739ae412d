//! Policy in requests: refusals, their rules, and pre-authorization (RFC 8555 §7.1.3, §7.4).

use core::time::Duration;
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::config::policy;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The same CA under this policy, with a key `team-a` under its own.
fn under(world: &World, ca: &Value, key: &Value) -> World {
    let policy = policy::read_policy("POLICY", ca).unwrap();
    let keys = json!({ "team-a": { "key": b64::encode(SECRET), "uses": "many", "policy": key } });
    let external = ExternalAccounts::read(Some(&keys.to_string()), false, false, &policy).unwrap();
    world.reconfigured(|settings| (settings.policy, settings.external) = (policy, external))
}

/// A client whose account is bound to `team-a`.
fn member(world: &World) -> Client {
    let mut client = Client::new(world);
    let binding = client.key.external_account("HS256", SECRET, "team-a", &client.url("new-account"));
    client.account = Some(client.new_account(json!({ "externalAccountBinding": binding })).is(201).location());
    client
}

fn order(client: &Client, identifiers: &[(&str, &str)]) -> selvedge::ca::testing::Answered {
    let list: Vec<Value> = identifiers.iter().map(|(kind, value)| json!({ "type": kind, "value": value })).collect();
    client.post(&client.url("new-order"), json!({ "identifiers": list }))
}

fn offered(client: &Client, order: &Value) -> Vec<Vec<String>> {
    let types = |authorization: &Value| {
        let challenges = authorization["challenges"].as_array().unwrap();
        challenges.iter().map(|challenge| challenge["type"].as_str().unwrap().to_owned()).collect()
    };
    client.authorizations(order).iter().map(|(_, authorization)| types(authorization)).collect()
}

#[test]
fn o04_refused_name_is_reported_with_its_rule() {
    let ca = json!({ "deny": ["*.secret.example"], "wildcards": false });
    let world = under(&World::new(), &ca, &json!({ "allow": ["*.example", "192.0.2.0/24"] }));
    let client = member(&world);
    let before = world.rows_but_nonces();
    for (identifier, rule) in [
        (("dns", "a.secret.example"), "deny \"*.secret.example\" of the policy of this CA"),
        (("dns", "*.b.example"), "wildcards = false of the policy of this CA"),
        (("dns", "a.test"), "allow, which does not list it, of the policy of external account key \"team-a\""),
        (("ip", "192.0.3.1"), "allow, which does not list it, of the policy of external account key \"team-a\""),
    ] {
        let refused = order(&client, &[identifier]).refused(400, Kind::RejectedIdentifier);
        assert!(refused.detail().contains(rule), "{}", refused.detail());
        assert!(refused.detail().contains(identifier.1), "{}", refused.detail());
    }
    assert_eq!(world.rows_but_nonces(), before);
    order(&client, &[("dns", "a.example"), ("ip", "192.0.2.1")]).is(201);
    // An account without external key is under the CA's policy alone.
    Client::registered(&world).new_order(&["a.test"]).is(201);
}

#[test]
fn o04_e02_several_refused_names_each_have_their_subproblem() {
    let world = under(&World::new(), &json!({ "deny": ["a.test", "b.test"] }), &json!({}));
    let client = Client::registered(&world);
    let refused = client.new_order(&["a.test", "good.test", "b.test"]).refused(400, Kind::RejectedIdentifier);
    let subproblems = refused.json()["subproblems"].as_array().unwrap().clone();
    let names: Vec<_> = subproblems.iter().map(|problem| problem["identifier"]["value"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.test", "b.test"]);
    assert!(subproblems[1]["detail"].as_str().unwrap().contains("deny \"b.test\""));
}

#[test]
fn z_pre_authorized_names_start_valid_and_are_issued() {
    let key = json!({ "preauthorized": ["*.corp.example", "10.0.0.0/8"] });
    let world = under(&World::new(), &json!({ "allow": ["*.test"] }), &key);
    let client = member(&world);
    let placed = order(&client, &[("dns", "a.corp.example"), ("dns", "*.corp.example"), ("ip", "10.1.2.3")]).is(201);
    assert_eq!(placed.json()["status"], "ready", "O-06: born ready");
    for (_, authorization) in client.authorizations(&placed.json()) {
        assert_eq!(authorization["status"], "valid");
        assert_eq!(authorization["challenges"], json!([]), "none was validated");
        assert!(authorization["expires"].is_string(), "Z-01");
    }
    let names = ["a.corp.example", "*.corp.example"];
    let placed = client.new_order(&names).is(201).json();
    let csr = CsrShape::dns(&names).build(&new_key(SigAlg::Es256));
    let finished = client.finalize(&placed, &csr).is(200).json();
    assert_eq!(finished["status"], "valid");
    client.download(&finished);
    // Beside it, what is not pre-authorised is proven.
    let mixed = client.new_order(&["b.corp.example", "b.test"]).is(201).json();
    assert_eq!(mixed["status"], "pending");
    client.authorize(&mixed, Proof::Http);
    let csr = CsrShape::dns(&["b.corp.example", "b.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&mixed, &csr).is(200);
}

#[test]
fn z_pre_authorization_applies_to_its_key_only() {
    let world = under(&World::new(), &json!({}), &json!({ "preauthorized": ["*.corp.example"] }));
    let stranger = Client::registered(&world);
    let placed = stranger.new_order(&["a.corp.example"]).is(201).json();
    assert_eq!(placed["status"], "pending");
    assert_eq!(offered(&stranger, &placed), [["http-01", "dns-01", "tls-alpn-01", "dns-account-01"]]);
}

#[test]
fn z_ca_pre_authorization_requires_an_external_key() {
    let world = under(&World::new(), &json!({ "preauthorized": ["*.corp.example"] }), &json!({}));
    assert_eq!(member(&world).new_order(&["a.corp.example"]).is(201).json()["status"], "ready");
    let stranger = Client::registered(&world);
    assert_eq!(stranger.new_order(&["a.corp.example"]).is(201).json()["status"], "pending");
    let dev = world.reconfigured(|settings| settings.dev = true);
    assert_eq!(stranger.at(&dev).new_order(&["a.corp.example"]).is(201).json()["status"], "ready");
}

#[test]
fn z08_pre_authorized_authorization_can_be_deactivated() {
    let world = under(&World::new(), &json!({}), &json!({ "preauthorized": ["*.corp.example"] }));
    let client = member(&world);
    let placed = client.new_order(&["a.corp.example"]).is(201);
    let (url, _) = client.authorizations(&placed.json()).remove(0);
    client.post(&url, json!({ "status": "deactivated" })).is(200);
    assert_eq!(client.get(&placed.location()).is(200).json()["status"], "invalid");
}

#[test]
fn challenge_types_are_chosen_by_identifier_and_policy() {
    let world = under(&World::new(), &json!({ "challenges": ["dns-01"] }), &json!({}));
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test", "*.a.test"]).is(201).json();
    assert_eq!(offered(&client, &placed), [["dns-01"], ["dns-01"]]);
    let url = client.authorizations(&placed)[0].1["challenges"][0]["url"].as_str().unwrap().to_owned();
    client.post(&url.replace("dns-01", "http-01"), json!({})).refused(404, Kind::Malformed);
    let refused = order(&client, &[("ip", "192.0.2.1")]).refused(400, Kind::RejectedIdentifier);
    assert!(refused.detail().contains("(dns-01)"), "{}", refused.detail());
    let http = under(&World::new(), &json!({ "challenges": ["http-01"] }), &json!({}));
    Client::registered(&http).new_order(&["*.a.test"]).refused(400, Kind::RejectedIdentifier);
}

#[test]
fn tightened_policy_applies_to_open_orders() {
    let world = under(&World::new(), &json!({}), &json!({ "preauthorized": ["*.corp.example"] }));
    let client = member(&world);
    let (url, proven) = client.ready_order(&["a.test"]);
    let granted = client.new_order(&["a.corp.example"]).is(201).json();
    let csr = |name: &str| CsrShape::dns(&[name]).build(&new_key(SigAlg::Es256));
    let denied = under(&world, &json!({ "deny": ["a.test"] }), &json!({}));
    let later = client.at(&denied);
    later.finalize(&proven, &csr("a.test")).refused(400, Kind::RejectedIdentifier);
    let refused = later.finalize(&granted, &csr("a.corp.example")).refused(403, Kind::Unauthorized);
    assert!(refused.detail().contains("was pre-authorised"), "{}", refused.detail());
    assert_eq!(later.get(&url).is(200).json()["status"], "ready", "O-09: the order stays as it is");
    assert_eq!(world.records("cert/").len(), 0);
    let client = client.at(&world);
    client.finalize(&proven, &csr("a.test")).is(200);
    client.finalize(&granted, &csr("a.corp.example")).is(200);
}

#[test]
fn profiles_excluded_by_policy_are_not_offered_or_accepted() {
    let ca = json!({ "profiles": ["tlsserver", "client", "shortlived"] });
    let world = under(&World::new(), &ca, &json!({ "profiles": ["client"] }));
    let advertised = world.ask("GET", "/directory").json()["meta"]["profiles"].clone();
    assert_eq!(advertised.as_object().unwrap().keys().collect::<Vec<_>>(), ["shortlived", "tlsserver", "client"]);
    let (anybody, member) = (Client::registered(&world), member(&world));
    anybody.new_order_with(&["a.test"], json!({ "profile": "default" })).refused(400, Kind::InvalidProfile);
    assert_eq!(anybody.new_order(&["a.test"]).is(201).json()["profile"], "shortlived", "the first that is allowed");
    let refused = member.new_order_with(&["a.test"], json!({ "profile": "shortlived" }));
    assert!(refused.refused(400, Kind::InvalidProfile).detail().ends_with("offered are: client."));
    // Taken away between order and finalize.
    let (url, order) = member.ready_order(&["b.test"]);
    assert_eq!(order["profile"], "client");
    let later = member.at(&under(&world, &json!({}), &json!({ "profiles": ["default"] })));
    let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
    later.finalize(&order, &csr).refused(400, Kind::InvalidProfile);
    assert_eq!(later.get(&url).is(200).json()["status"], "ready");
}

#[test]
fn o03_policy_lifetime_applies_to_requested_and_default_validity() {
    let world = under(&World::new(), &json!({ "max_lifetime": "10d" }), &json!({}));
    let client = Client::registered(&world);
    let until = |days: u64| json!({ "notAfter": world.now().plus(Duration::from_secs(days * 86_400 - 1)).rfc3339() });
    let refused = client.new_order_with(&["a.test"], until(11)).refused(400, Kind::Malformed);
    assert!(refused.detail().contains("10 days"), "{}", refused.detail());
    client.new_order_with(&["a.test"], until(10)).is(201);
    let presented = parse_presented(&client.issue(&["a.test"], &new_key(SigAlg::Es256))).unwrap();
    let end = world.now().plus(Duration::from_secs(10 * 86_400 - 3600 - 1));
    assert_eq!(presented.not_after, end, "an hour of it is before the issue");
}

#[test]
fn z09_new_authz_follows_the_policy() {
    let ca = json!({ "deny": ["b.test"], "challenges": ["dns-01"] });
    let world = under(&World::new(), &ca, &json!({ "preauthorized": ["*.corp.test"] }));
    let (anybody, member) = (Client::registered(&world), member(&world));
    let refused = anybody.new_authz("b.test").refused(403, Kind::RejectedIdentifier);
    assert!(refused.detail().contains("deny \"b.test\""), "{}", refused.detail());
    let pending = anybody.new_authz("a.test").is(201);
    assert_eq!(pending.json()["challenges"].as_array().unwrap().len(), 1);
    let granted = member.new_authz("db.corp.test").is(201);
    assert_eq!(granted.json()["status"], "valid");
    assert_eq!(member.new_authz("db.corp.test").is(200).location(), granted.location());
    // The ways to prove it have changed; what was granted is not any more.
    let later = under(&world, &json!({ "challenges": ["http-01"] }), &json!({}));
    let again = anybody.at(&later).new_authz("a.test").is(201);
    assert_ne!(again.location(), pending.location());
    let again = member.at(&later).new_authz("db.corp.test").is(201);
    assert_eq!(again.json()["status"], "pending");
}

#[test]
fn o06_reuse_follows_the_current_policy() {
    let world = World::new();
    let client = member(&under(&world, &json!({}), &json!({})));
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let open = client.new_order(&["a.test"]).is(201);
    assert_eq!(open.json()["status"], "ready", "proven by http-01");
    let dns_only = client.at(&under(&world, &json!({ "challenges": ["dns-01"] }), &json!({})));
    let order = dns_only.new_order(&["a.test"]).is(201);
    assert_eq!(order.json()["status"], "pending", "such a proof would not be taken any more");
    let granting = client.at(&under(&world, &json!({}), &json!({ "preauthorized": ["b.test", "*.b.test"] })));
    let granted = granting.new_order(&["b.test"]).is(201);
    assert_eq!(granted.json()["status"], "ready");
    // What is ready from the beginning is never shared (FB-07).
    assert_ne!(granting.new_order(&["b.test"]).is(201).location(), granted.location());
    let order = client.new_order(&["b.test"]).is(201);
    assert_eq!(order.json()["status"], "pending", "what was granted is not reused when it is not granted any more");
    let pending = client.new_order(&["c.b.test"]).is(201);
    let order = granting.new_order(&["c.b.test"]).is(201);
    assert_ne!(order.location(), pending.location(), "nor is proof asked of what is granted now");
    assert_eq!(order.json()["status"], "ready");
}
