//! The clock of a test CA: what follows it, and its bounds.

use super::key;
use crate::operations::operator::{DAY, Operator};
use core::time::Duration;
use selvedge::ca::testing::{Client, MadeTestCa, World};
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::records::Kind;
use selvedge::values::Time;
use selvedge::values::x509::Parts;
use serde_json::{Value, json};

fn time(value: &Value) -> Time {
    Time::parse_rfc3339(value.as_str().unwrap()).unwrap()
}

/// The time at which renewal information wants this certificate to be renewed.
fn renewal(made: &MadeTestCa, client: &Client, certificate: &[u8]) -> Time {
    let url = made.world.urls().resource(&format!("renewal-info/{}", client.cert_id(certificate)));
    let path = url.strip_prefix("https://ca.test").unwrap();
    time(&made.world.ask("GET", path).is(200).json()["suggestedWindow"]["start"])
}

#[test]
fn ten_renewals_of_ninety_days_each_take_no_time() {
    let main = World::new().with_test_cas();
    let made = main.make_test_ca();
    let client = Client::registered(&made.world);
    let mut certificate = client.issue(&["a.test"], &key());
    let (begun, real) = (made.now(), main.now());
    for n in 1..=10 {
        let at = renewal(&made, &client, &certificate);
        assert!(at > made.now(), "renewal {n} is ahead");
        made.set_clock(&json!({ "set": at.plus(DAY).rfc3339() })).is(200);
        main.run_due_alarms();
        // Nonces of before are too old.
        let client = client.at(&made.world);
        let replaces = json!({ "replaces": client.cert_id(&certificate) });
        certificate = client.issue_with(&["a.test"], replaces, &key());
        let validity = Parts::read(&certificate).unwrap();
        assert!(validity.not_before <= made.now() && validity.not_after > made.now().plus(80 * DAY), "renewal {n}");
    }
    assert!(begun.until(made.now()) > 10 * 50 * DAY, "{}", made.now().rfc3339());
    assert_eq!(main.now(), real, "the real time has not passed");
    made.end();
    assert!(main.databases().is_empty());
}

#[test]
fn orders_nonces_and_lists_follow() {
    let main = World::new().with_test_cas();
    let made = main.make_test_ca();
    let client = Client::registered(&made.world);
    let certificate = client.issue(&["a.test"], &key());
    client.revoke(&certificate, Some(4)).is(200);
    main.run_due_alarms();
    let pending = client.new_order(&["b.test"]).is(201).location();
    let list = |made: &MadeTestCa| {
        let (_, entry) = main.records("serial/").remove(0);
        let issuer = main.rows().keys().find_map(|(name, _)| name.split("/ledger/").nth(1).map(str::to_owned)).unwrap();
        let path = made.world.path(&format!("/crl/{issuer}/{}.crl", entry["shard"]));
        ReceivedCrl::read(main.ask("GET", &path).is(200).response.body.octets()).unwrap()
    };
    let (first, nonce) = (list(&made), client.fresh_nonce());
    made.set_clock(&json!({ "advance": "30d" })).is(200);
    main.run_due_alarms();
    // The alarm has signed a new list, without any request for it.
    let signed: Vec<Time> = main
        .records("crl/")
        .iter()
        .map(|(_, record)| Time::from_millis(record["next_update"].as_u64().unwrap()))
        .collect();
    assert!(signed.iter().all(|until| *until > made.now()), "{signed:?} at {}", made.now().rfc3339());
    assert!(list(&made).number > first.number);
    let late = client.key.sign_jws(json!({ "kid": client.account(), "nonce": nonce, "url": pending }), None);
    client.send(client.request(&pending, late)).refused(400, Kind::BadNonce);
    let read = client.at(&made.world).get(&pending);
    assert!(read.status() == 404 || read.json()["status"] == "invalid", "the order has expired: {}", read.text());
}

#[test]
fn clock_freezes_and_runs() {
    let main = World::new().with_test_cas();
    let made = main.make_test_ca();
    let begun = made.now();
    made.set_clock(&json!({ "frozen": true })).is(200);
    main.pass(Duration::from_secs(600));
    assert_eq!(made.now(), begun);
    made.set_clock(&json!({ "advance": "1h" })).is(200);
    assert_eq!(made.now(), begun.plus(Duration::from_secs(3600)));
    // It is used while it stands.
    Client::registered(&made.world).issue(&["a.test"], &key());
    made.set_clock(&json!({ "frozen": false })).is(200);
    main.pass(Duration::from_secs(60));
    assert_eq!(made.now(), begun.plus(Duration::from_secs(3660)));
    let back = made.set_clock(&json!({ "set": begun.rfc3339(), "frozen": true })).is(200).json();
    assert_eq!(back, json!({ "now": begun.rfc3339(), "frozen": true }));
}

#[test]
fn clock_stays_within_the_certificates() {
    let main = World::new().with_test_cas();
    let made = main.make_test_ca();
    let begun = made.now();
    for (body, said) in [
        (json!({ "set": "2020-01-01T00:00:00Z" }), "before the CA's own certificates begin"),
        (json!({ "set": "2070-01-01T00:00:00Z" }), "after the CA's own certificates end"),
        (json!({ "advance": "36000d" }), "after the CA's own certificates end"),
        (json!({ "advance": "1d", "set": "2027-01-01T00:00:00Z" }), "exclude each other"),
        (json!({}), "changes nothing"),
        (json!({ "advance": "-1d" }), "advance"),
        (json!({ "set": "tomorrow" }), "set"),
        (json!({ "freeze": true }), "freeze"),
    ] {
        let detail = made.set_clock(&body).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(said), "{body}: {detail}");
        assert_eq!(made.now(), begun);
    }
    made.set_clock(&json!({ "set": begun.minus(Duration::from_secs(1800)).rfc3339() })).is(200);
}

#[test]
fn main_ca_keeps_its_own_clock() {
    let operator = Operator::of(&World::new().with_test_cas());
    operator.send(operator.request("GET", "clock", None)).refused(404, Kind::Malformed);
    operator.send(operator.request("POST", "clock", Some("{\"advance\":\"1d\"}"))).refused(404, Kind::Malformed);
    operator.send(operator.request("POST", "end", Some("{}"))).refused(404, Kind::Malformed);
    operator.send(operator.request("GET", "faults", None)).refused(404, Kind::Malformed);
}

#[test]
fn main_ca_of_a_test_machine_has_a_clock() {
    let world = World::new().reconfigured(|settings| settings.test_machine.clock = true);
    let operator = Operator::of(&world);
    let client = Client::registered(&operator.world);
    client.issue(&["a.test"], &key());
    operator.post("clock", &json!({ "advance": "30d" })).is(200);
    let certificate = client.at(&operator.world).issue(&["b.test"], &key());
    let read = Parts::read(&certificate).unwrap();
    assert!(read.not_before > operator.world.now().plus(29 * DAY), "{}", read.not_before.rfc3339());
    operator.world.run_due_alarms();
    let detail = operator.send(operator.request("POST", "clock", Some("{\"set\":\"2020-01-01T00:00:00Z\"}")));
    assert!(detail.refused(400, Kind::Malformed).detail().contains("certificates begin"));
}
