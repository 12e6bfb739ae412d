//! Test CAs below URLs of their own: made, used, ended; nothing of them remains.

mod clock;
mod isolation;
mod quotas;

use core::time::Duration;
use selvedge::ca::config::test_cas::TestCas;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Client, CsrShape, World, challenge, new_key};
use selvedge::pki::{Issuer, pem};
use selvedge::records::Kind;
use selvedge::records::operations::metrics::CountersRecord;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, Time};
use serde_json::json;

fn key() -> NativeKey {
    new_key(SigAlg::Es256)
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn test_ca_is_made_used_and_ended_and_nothing_remains() {
    let main = World::new().with_test_cas();
    let client = Client::registered(&main);
    client.issue(&["main.test"], &key());
    main.run_due_alarms();
    let (rows, databases, alarms) = (main.rows_but_nonces(), main.databases(), main.alarms());
    let made = main.make_test_ca();
    let base = format!("https://ca.test/ca/{}", made.id);
    assert_eq!(made.answer["directory"], format!("{base}/directory"));
    assert!(made.answer["root"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let tester = Client::registered(&made.world);
    assert!(tester.account().starts_with(&format!("{base}/acme/account/")), "{}", tester.account());
    let certificate = tester.issue(&["a.test"], &key());
    tester.revoke(&certificate, Some(1)).is(200);
    main.run_due_alarms();
    assert!(main.databases().len() > databases.len());
    made.end();
    assert_eq!(main.rows_but_nonces(), rows);
    assert_eq!(main.databases(), databases);
    assert_eq!(main.alarms(), alarms);
    // An ended one says so, one that never was does not exist.
    for path in ["/directory", "/", "/admin/v1/audit"] {
        let said = main.ask("GET", &made.world.path(path)).refused(410, Kind::Malformed).detail();
        assert!(said.contains("has ended") && said.contains("selvedge ca new"), "{said}");
    }
    tester.send(tester.request(tester.account(), b"{}".to_vec())).refused(410, Kind::Malformed);
    main.ask("GET", "/ca/AAAAAAAAAAAAAAAAAAAAAA/directory").refused(404, Kind::Malformed);
    main.ask("GET", "/ca/x/directory").refused(404, Kind::Malformed);
    client.get(client.account()).is(200);
    assert_eq!(main.databases(), databases, "nothing of an ended one comes back");
}

#[test]
fn root_is_marked_and_the_chain_leads_to_it() {
    let made = World::new().with_test_cas().make_test_ca();
    let root = made.answer["root"].as_str().unwrap();
    let der = pem::read_certificates(root).unwrap().remove(0);
    let tester = Client::registered(&made.world);
    let (_, order) = tester.ready_order(&["a.test"]);
    let finished = tester.finalize(&order, &CsrShape::dns(&["a.test"]).build(&key())).is(200);
    let chain = tester.download(&finished.json());
    let chain = pem::read_certificates(&chain).unwrap();
    let issuer = Issuer::from_pem_chain(&pem::write_certificate(&chain[1]).unwrap()).unwrap().below(&der).unwrap();
    assert_eq!(issuer.name(), format!("Selvedge TEST Intermediate {}", made.id));
    let served = made.world.ask("GET", &made.world.path("/root.pem")).is(200);
    assert_eq!(served.text(), root);
    let home = made.world.send(Request {
        method: "GET".to_owned(),
        path: made.world.path("/"),
        accept: Some("text/html".to_owned()),
        body: Some(Vec::new()),
        ..Request::default()
    });
    assert!(home.text().contains(&format!("Selvedge TEST Root {}", made.id)), "the page names it");
}

#[test]
fn test_ca_ends_by_itself() {
    let main = World::new().with_test_cas();
    let databases = main.databases();
    let made = main.make_test_ca();
    assert_eq!(made.answer["ends"], main.now().plus(2 * HOUR).rfc3339());
    let tester = Client::registered(&made.world);
    tester.issue(&["a.test"], &key());
    // Its own clock does not end it.
    made.set_clock(&json!({ "advance": "30d" })).is(200);
    main.run_due_alarms();
    made.world.ask("GET", &made.world.path("/directory")).is(200);
    main.pass(2 * HOUR);
    main.ask("GET", &made.world.path("/directory")).refused(410, Kind::Malformed);
    main.live(Duration::from_secs(20));
    assert_eq!((main.databases(), main.alarms()), (databases, std::collections::BTreeMap::new()));
}

#[test]
fn end_that_fails_goes_on_by_itself() {
    let main = World::new().with_test_cas();
    let made = main.make_test_ca();
    Client::registered(&made.world).issue(&["a.test"], &key());
    main.store_fault().once(6);
    assert!(made.operate("POST", "end", Some(&json!({}))).status() >= 500);
    main.heal();
    main.ask("GET", &made.world.path("/directory")).refused(410, Kind::Malformed);
    main.live(Duration::from_secs(20));
    assert!(main.databases().is_empty(), "{:?}", main.databases());
}

#[test]
fn partition_that_was_never_entered_ends_with_its_ca() {
    let main = World::new().with_test_cas();
    let made = main.make_test_ca();
    // A crash between its first write and its entry: it has an alarm for the end, and nothing else knows it.
    let name = format!("ca/{}/metrics/1", made.id);
    main.put(&name, "", &CountersRecord::default());
    made.end();
    assert_eq!(main.databases(), std::collections::BTreeSet::from([name]));
    main.pass(2 * HOUR);
    main.run_due_alarms();
    assert!(main.databases().is_empty() && main.alarms().is_empty());
}

#[test]
fn lifetime_has_bounds() {
    let main = World::new().with_test_cas();
    let ask = |body: &str| {
        main.send(Request {
            method: "POST".to_owned(),
            path: "/ca".to_owned(),
            content_type: Some("application/json".to_owned()),
            body: Some(body.as_bytes().to_vec()),
            ..Default::default()
        })
    };
    for (body, said) in [
        (r#"{"ttl":"59s"}"#, "ttl is 59s; a test CA lives from 1m to 7d"),
        (r#"{"ttl":"8d"}"#, "lives from 1m to 7d"),
        (r#"{"ttl":"soon"}"#, "ttl"),
        (r#"{"ttl":7200}"#, "ttl"),
        (r#"{"always_valid":"yes"}"#, "always_valid"),
        (r#"{"tttl":"2h"}"#, "tttl"),
        ("{", "body"),
    ] {
        let detail = ask(body).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(said), "{body}: {detail}");
    }
    assert!(main.rows().is_empty(), "nothing is stored");
    let made = main.made_test_ca(ask(r#"{"ttl":"7d","always_valid":true}"#).is(201).json());
    let ends = Time::parse_rfc3339(made.answer["ends"].as_str().unwrap());
    assert_eq!(ends, Some(main.now().plus(7 * 24 * HOUR)));
    // No host has a proof, and none is needed.
    let tester = Client::registered(&made.world);
    let order = tester.new_order(&["nowhere.test"]).is(201);
    let (_, authorization) = tester.authorizations(&order.json()).remove(0);
    let chosen = challenge(&authorization, "http-01");
    tester.post(chosen["url"].as_str().unwrap(), json!({})).is(200);
    assert_eq!(tester.get(&order.location()).is(200).json()["status"], "ready");
}

#[test]
fn test_cas_are_off_unless_set() {
    let main = World::new();
    main.ask("GET", "/ca").refused(404, Kind::Malformed);
    main.ask("GET", "/ca/AAAAAAAAAAAAAAAAAAAAAA/directory").refused(404, Kind::Malformed);
    let main = main.with_test_cas();
    let refused = main.ask("GET", "/ca").refused(405, Kind::Malformed);
    assert_eq!(refused.header("Allow"), Some("POST"));
    let main = main.reconfigured(|settings| settings.test_cas = TestCas::Operators);
    main.ask("POST", "/ca").refused(401, Kind::Unauthorized);
    assert!(main.rows().is_empty());
}
