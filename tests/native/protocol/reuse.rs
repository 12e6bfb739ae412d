//! Reuse of orders and authorizations, and newAuthz: RFC 8555 §7.1.3, §7.4, §7.4.1, §7.5.2.
//!
//! Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::testing::{Client, CsrShape, Proof, START, World, new_key};
use selvedge::records::Kind;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn expires(object: &Value) -> Time {
    Time::parse_rfc3339(object["expires"].as_str().unwrap()).unwrap()
}

#[test]
fn o06_o08_valid_names_need_no_new_challenge() {
    let world = World::new();
    let client = Client::registered(&world);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let before = world.records("authz/").len();
    let again = client.new_order(&["a.test"]).is(201).json();
    assert_eq!(again["status"], "ready", "born ready");
    assert_eq!(world.records("authz/").len(), before);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&again, &csr).is(200).json()["status"], "valid");
    // A wildcard, a name below and another account have to be proven each for itself.
    for names in [["*.a.test"], ["b.a.test"]] {
        assert_eq!(client.new_order(&names).is(201).json()["status"], "pending");
    }
    let mixed = client.new_order(&["a.test", "c.test"]).is(201).json();
    assert_eq!(mixed["status"], "pending");
    assert_eq!(mixed["authorizations"][0], again["authorizations"][0]);
    assert_eq!(Client::registered(&world).new_order(&["a.test"]).is(201).json()["status"], "pending");
}

#[test]
fn o06_authorization_is_reused_with_an_hour_left() {
    let world = World::new();
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test"]);
    let authorization = client.get(order["authorizations"][0].as_str().unwrap()).json();
    let end = expires(&authorization);
    world.pass(world.now().until(end) - HOUR);
    let late = client.at(&world).new_order_with(&["a.test"], json!({ "profile": "client" })).is(201).json();
    assert_eq!((&late["status"], expires(&late)), (&json!("ready"), end), "an order does not outlive its proofs");
    world.pass(Duration::from_secs(1));
    let later = client.at(&world).new_order_with(&["a.test"], json!({ "profile": "tlsserver" })).is(201).json();
    assert_eq!(later["status"], "pending");
}

#[test]
fn o06_z08_deactivated_authorization_ends_its_orders_and_is_not_reused() {
    let client = Client::registered(&World::new());
    let (first, order) = client.ready_order(&["a.test"]);
    let second = client.new_order_with(&["a.test"], json!({ "profile": "client" })).is(201);
    assert_eq!(second.json()["status"], "ready");
    let url = order["authorizations"][0].as_str().unwrap();
    let stranger = Client::registered(&client.world);
    stranger.post(url, json!({ "status": "deactivated" })).refused(404, Kind::Malformed);
    client.post(url, json!({ "status": "deactivated" })).is(200);
    for order in [first, second.location()] {
        assert_eq!(client.get(&order).is(200).json()["status"], "invalid");
    }
    let third = client.new_order(&["a.test"]).is(201).json();
    assert_eq!(third["status"], "pending");
    assert_ne!(third["authorizations"][0], url);
}

#[test]
fn o06_open_order_for_the_same_request_is_reused() {
    let world = World::new();
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test", "*.a.test"]).is(201);
    let again = client.new_order(&["*.A.test", "a.test", "a.test"]).is(201);
    assert_eq!((again.location(), again.json()), (placed.location(), placed.json()), "T-15: as it was first asked");
    for members in [json!({ "profile": "client" }), json!({ "notAfter": START.plus(DAY).rfc3339() })] {
        let other = client.new_order_with(&["a.test", "*.a.test"], members).is(201);
        assert_ne!(other.location(), placed.location());
        let [one, two] = [&other, &placed].map(|order| order.json()["authorizations"].clone());
        assert_ne!(one, two, "what is pending is each order's own");
    }
    assert_ne!(client.new_order(&["a.test"]).is(201).location(), placed.location());
    assert_eq!(
        client.new_order_with(&["a.test", "*.a.test"], json!({ "profile": "default" })).location(),
        placed.location()
    );
    client.authorize(&placed.json(), Proof::Dns);
    let ready = client.new_order(&["a.test", "*.a.test"]).is(201);
    assert_eq!((ready.location(), &ready.json()["status"]), (placed.location(), &json!("ready")));
    let csr = CsrShape::dns(&["a.test", "*.a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&ready.json(), &csr).is(200);
    let next = client.new_order(&["a.test", "*.a.test"]).is(201);
    assert_ne!(next.location(), placed.location(), "what is finished is not given again");
    // Nor what is about to end.
    world.pass(HOUR * 23 + Duration::from_secs(1));
    let client = client.at(&world);
    assert_ne!(client.new_order(&["a.test", "*.a.test"]).is(201).location(), next.location());
}

#[test]
fn z09_new_authz_precedes_the_order() {
    let world = World::new();
    let client = Client::registered(&world);
    let asked = client.new_authz("a.test").is(201);
    let authorization = asked.json();
    assert_eq!(
        (&authorization["status"], &authorization["identifier"]["value"]),
        (&json!("pending"), &json!("a.test"))
    );
    let again = client.new_authz("A.test").is(200);
    assert_eq!(again.location(), asked.location(), "RFC 8555 7.4.1: one that exists is answered with 200");
    let order = client.new_order(&["a.test"]).is(201).json();
    assert_eq!(order["status"], "pending");
    assert_ne!(order["authorizations"][0], asked.location(), "pending ones are not shared");
    let challenge = client.prove(&authorization, Proof::Http);
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
    assert_eq!(client.get(&asked.location()).is(200).json()["status"], "valid");
    assert_eq!(client.new_authz("a.test").is(200).location(), asked.location());
    let order = client.new_order_with(&["a.test"], json!({ "profile": "client" })).is(201).json();
    assert_eq!((&order["status"], &order["authorizations"]), (&json!("ready"), &json!([asked.location()])));
    client.post(&asked.location(), json!({ "status": "deactivated" })).is(200);
    let fresh = client.new_authz("a.test").is(201);
    assert_ne!(fresh.location(), asked.location(), "what was given up is not answered again");
    Client::registered(&world).get(&fresh.location()).refused(404, Kind::Malformed);
}

#[test]
fn z09_unsupported_identifiers_are_refused() {
    let client = Client::registered(&World::new());
    client.new_authz("*.a.test").refused(400, Kind::Malformed);
    client.new_authz("a..test").refused(400, Kind::Malformed);
    let before = client.world.rows_but_nonces();
    for (payload, kind) in [
        (json!({}), Kind::Malformed),
        (json!({ "identifier": "a.test" }), Kind::Malformed),
        (json!({ "identifier": { "type": "email", "value": "a@a.test" } }), Kind::UnsupportedIdentifier),
    ] {
        client.post(&client.url("new-authz"), payload).refused(400, kind);
    }
    client.get(&client.url("new-authz")).refused(400, Kind::Malformed);
    assert_eq!(client.world.rows_but_nonces(), before);
}
