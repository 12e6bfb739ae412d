//! What an order may ask for: profiles, validity; the orders list. Names begin with the checklist's ids.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use core::time::Duration;
use der::Decode;
use selvedge::ca::testing::{Client, CsrShape, Proof, START, World, new_key};
use selvedge::pki::ceremony::{create_intermediate_for, create_root};
use selvedge::pki::profile;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use x509_cert::Certificate;
use x509_cert::ext::pkix::ExtendedKeyUsage;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// First and last second of a certificate, and its extended key usages.
fn read(der: &[u8]) -> (Time, Time, Vec<ObjectIdentifier>) {
    let certificate = Certificate::from_der(der).unwrap();
    let tbs = certificate.tbs_certificate();
    let time = |time: x509_cert::time::Time| Time::from_secs(time.to_unix_duration().as_secs());
    let (_, usage) = tbs.get_extension::<ExtendedKeyUsage>().unwrap().unwrap();
    (time(tbs.validity().not_before), time(tbs.validity().not_after), usage.0)
}

fn expires(object: &Value) -> Time {
    Time::parse_rfc3339(object["expires"].as_str().unwrap()).unwrap()
}

/// A world whose issuer may sign for this purpose only.
fn narrow(world: &World, purpose: ObjectIdentifier) -> World {
    let root = create_root("Narrow Root", START, 10).unwrap();
    let issuer = create_intermediate_for(&root, "Narrow Issuer", &[purpose], START, 5).unwrap();
    world.with_only(&issuer)
}

#[test]
fn profiles_are_advertised_echoed_and_issued() {
    let world = World::new();
    let client = Client::registered(&world);
    let advertised = world.ask("GET", "/directory").json()["meta"]["profiles"].clone();
    let names: Vec<&String> = advertised.as_object().unwrap().keys().collect();
    assert_eq!(names, ["default", "shortlived", "tlsserver", "client"]);
    assert!(advertised.as_object().unwrap().values().all(|text| text.as_str().is_some_and(|text| text.len() > 20)));
    for profile in profile::all() {
        let key = new_key(SigAlg::Es256);
        let order = client.new_order_with(&["*.a.test", "a.test"], json!({ "profile": profile.name })).is(201);
        assert_eq!(order.json()["profile"], profile.name);
        let der = client.issue_with(&["a.test", "*.a.test"], json!({ "profile": profile.name }), &key);
        let (from, until, purposes) = read(&der);
        assert_eq!(purposes, profile.purposes, "{}", profile.name);
        assert_eq!(from, START.minus(HOUR));
        assert_eq!(until.secs() + 1 - from.secs(), profile.validity.as_secs(), "{}", profile.name);
        assert_eq!(client.get(&order.location()).is(200).json()["profile"], profile.name, "also when it is valid");
    }
    let order = client.new_order(&["b.test"]).is(201).json();
    assert_eq!(order["profile"], "default", "the default is shown");
}

#[test]
fn profiles_also_for_addresses() {
    let client = Client::registered(&World::new());
    for profile in profile::all() {
        let payload = json!({ "identifiers": [{ "type": "ip", "value": "10.0.0.7" }], "profile": profile.name });
        let placed = client.post(&client.url("new-order"), payload).is(201);
        client.authorize(&placed.json(), Proof::Http);
        let order = client.get(&placed.location()).is(200).json();
        let csr = CsrShape { subject: "CN=10.0.0.7".into(), ..CsrShape::default() }.build(&new_key(SigAlg::Es256));
        assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid", "{}", profile.name);
    }
}

#[test]
fn unknown_profiles_are_refused() {
    let world = World::new();
    let client = Client::registered(&world);
    for bad in ["gold", "", "Default"] {
        let refused = client.new_order_with(&["a.test"], json!({ "profile": bad })).refused(400, Kind::InvalidProfile);
        assert!(refused.detail().contains("shortlived"), "{}", refused.detail());
    }
    for bad in [json!(1), json!(["default"]), json!({}), json!(true)] {
        client.new_order_with(&["a.test"], json!({ "profile": bad })).refused(400, Kind::Malformed);
    }
    assert_eq!(world.records("order/"), vec![]);
    let servers = narrow(&world, ID_KP_SERVER_AUTH);
    let profiles = servers.ask("GET", "/directory").json()["meta"]["profiles"].clone();
    assert_eq!(profiles.as_object().unwrap().keys().collect::<Vec<_>>(), ["default", "shortlived", "tlsserver"]);
    let refused = client.at(&servers).new_order_with(&["a.test"], json!({ "profile": "client" }));
    refused.refused(400, Kind::InvalidProfile);
    let clients = narrow(&world, ID_KP_CLIENT_AUTH);
    assert_eq!(client.at(&clients).new_order(&["a.test"]).is(201).json()["profile"], "client", "the first offered");
}

#[test]
fn profiles_no_longer_offered_are_refused_at_finalize() {
    let world = World::new();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order_with(&["a.test"], json!({ "profile": "client" }));
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let later = client.at(&narrow(&world, ID_KP_SERVER_AUTH));
    later.finalize(&order, &csr).refused(400, Kind::InvalidProfile);
    assert_eq!(later.get(&url).is(200).json()["status"], "ready");
    let client = client.at(&world);
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid", "offered again");
}

#[test]
fn o03_requested_validity_is_exact_to_the_second() {
    let world = World::new();
    let client = Client::registered(&world);
    let key = new_key(SigAlg::Es256);
    let (from, until) = (START.minus(Duration::from_secs(1800)), START.plus(DAY * 20));
    let wish = json!({ "notBefore": from.rfc3339(), "notAfter": until.rfc3339() });
    let (url, order) = client.ready_order_with(&["a.test"], wish.clone());
    assert_eq!((&order["notBefore"], &order["notAfter"]), (&wish["notBefore"], &wish["notAfter"]));
    // The beginning now lies further back than a new order could ask for; it was allowed when it was ordered.
    world.pass(HOUR * 20);
    let client = client.at(&world);
    let finished = client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&key)).is(200).json();
    let der = selvedge::pki::pem::read_certificates(&client.download(&finished)).unwrap().remove(0);
    assert_eq!(read(&der), (from, until, vec![ID_KP_SERVER_AUTH]));
    assert_eq!(client.get(&url).is(200).json()["notAfter"], wish["notAfter"]);
    let now = world.now();
    // The end alone, at the limit: the beginning gives way. In another offset than UTC, which is shown as UTC.
    let limit = now.plus(DAY * 90).minus(Duration::from_secs(1));
    let local = limit.plus(HOUR * 2).rfc3339().replace('Z', "+02:00");
    let placed = client.new_order_with(&["b.test"], json!({ "notAfter": local })).is(201).json();
    assert_eq!(placed["notAfter"], limit.rfc3339());
    assert!(placed.get("notBefore").is_none());
    let der = client.issue_with(&["b.test"], json!({ "notAfter": limit.rfc3339() }), &key);
    assert_eq!(read(&der), (now, limit, vec![ID_KP_SERVER_AUTH]));
    // The beginning alone, ahead.
    let ahead = now.plus(DAY * 30);
    let wish = json!({ "notBefore": ahead.rfc3339(), "profile": "shortlived" });
    let der = client.issue_with(&["c.test"], wish, &key);
    assert_eq!((read(&der).0, read(&der).1), (ahead, ahead.plus(HOUR * 160).minus(Duration::from_secs(1))));
}

#[test]
fn o03_unavailable_validity_is_refused_with_the_limit() {
    let world = World::new();
    let client = Client::registered(&world);
    let at = |time: Time| Value::from(time.rfc3339());
    let (no, second) = (Value::Null, Duration::from_secs(1));
    for (profile, from, until, says) in [
        ("default", no.clone(), at(START.plus(DAY * 90)), "90 days"),
        ("shortlived", no.clone(), at(START.plus(HOUR * 160)), "576000 seconds"),
        ("default", at(START), at(START.plus(DAY * 90)), "90 days"),
        ("default", at(START.minus(HOUR).minus(second)), no.clone(), "2026-11-24T11:00:00Z at the earliest"),
        ("default", at(START.plus(DAY * 30).plus(second)), no.clone(), "2026-12-24T12:00:00Z at the latest"),
        ("default", at(START.plus(DAY)), at(START.plus(DAY)), "not after notBefore"),
        ("default", no.clone(), at(START), "has passed"),
        ("default", no.clone(), "2026-11-25".into(), "RFC 3339"),
        ("default", "2026-11-25T00:00:00.Z".into(), no.clone(), "RFC 3339"),
        ("default", 5.into(), no.clone(), ""),
    ] {
        let wish = json!({ "profile": profile, "notBefore": from, "notAfter": until });
        let refused = client.new_order_with(&["a.test"], wish.clone()).refused(400, Kind::Malformed);
        assert!(refused.detail().contains(says), "{wish}: {}", refused.detail());
    }
    assert_eq!(world.records("order/"), vec![]);
    // Up to the very second each of them is possible.
    for (from, until) in [
        (at(START.minus(HOUR)), no.clone()),
        (at(START.plus(DAY * 30)), no.clone()),
        (at(START), at(START.plus(DAY * 90).minus(second))),
        (at(START.plus(DAY)), at(START.plus(DAY).plus(second))),
    ] {
        client.new_order_with(&["a.test"], json!({ "notBefore": from, "notAfter": until })).is(201);
    }
    // The issuer's end.
    world.pass(DAY * 365 * 5 - DAY * 2);
    let (client, end) = (client.at(&world), world.issuer().not_after());
    let late = client.new_order_with(&["a.test"], json!({ "notAfter": at(end.plus(second)) }));
    assert!(late.refused(400, Kind::Malformed).detail().contains("the issuer's own certificate ends then"));
    client.new_order_with(&["a.test"], json!({ "notAfter": at(end) })).is(201);
}

#[test]
fn o03_order_expires_by_its_not_after() {
    let world = World::new();
    let client = Client::registered(&world);
    let until = START.plus(HOUR * 2);
    let (url, order) = client.ready_order_with(&["a.test"], json!({ "notAfter": until.rfc3339() }));
    assert_eq!(expires(&order), until);
    world.pass(HOUR * 2);
    let client = client.at(&world);
    assert_eq!(client.get(&url).is(200).json()["status"], "invalid");
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&order, &csr).refused(403, Kind::OrderNotReady);
}

#[test]
fn a14_orders_list_is_paged_with_next_links() {
    let world = World::new();
    let client = Client::registered(&world);
    let mut placed = Vec::new();
    for n in 0..120 {
        placed.push(client.new_order(&[format!("n{n}.test").as_str()]).is(201).location());
    }
    let invalid = client.get(&placed[7]).json()["authorizations"][0].as_str().unwrap().to_owned();
    client.post(&invalid, json!({ "status": "deactivated" })).is(200);
    let gone = placed.remove(7);
    let account = client.get(client.account()).is(200).json();
    let (mut next, mut found, mut pages) = (account["orders"].as_str().map(str::to_owned), Vec::new(), 0);
    while let Some(url) = next {
        let page = client.get(&url).is(200);
        let orders = page.json()["orders"].as_array().unwrap().clone();
        assert!(orders.len() <= 50 && page.headers("Link").len() <= 2);
        found.extend(orders.iter().map(|url| url.as_str().unwrap().to_owned()));
        (next, pages) = (page.link("next"), pages + 1);
    }
    assert_eq!(pages, 3);
    assert!(!found.contains(&gone), "invalid ones should not be listed (RFC 8555 7.1.2.1)");
    found.sort();
    placed.sort();
    assert_eq!(found, placed);
    let orders = account["orders"].as_str().unwrap();
    Client::registered(&world).get(orders).refused(404, Kind::Malformed);
    assert_eq!(world.ask("GET", orders.strip_prefix("https://ca.test").unwrap()).status(), 405);
}

#[test]
fn dev_mode_lifetimes_may_be_short_and_rows_are_deleted() {
    let life = Duration::from_secs(20);
    let world = World::new().reconfigured(|settings| settings.longest_life = Some(life));
    let client = Client::registered(&world);
    let kinds =
        || -> BTreeSet<_> { world.rows().keys().map(|(_, key)| key.split('/').next().unwrap().to_owned()).collect() };
    let account = kinds();
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let left = client.new_order(&["b.test"]).is(201);
    let late = client.sign(client.account(), None);
    assert_eq!(left.json()["expires"], world.now().plus(life).rfc3339());
    world.pass(life);
    assert_eq!(client.get(&left.location()).is(200).json()["status"], "invalid");
    world.pass(Duration::from_secs(1));
    client.send(late).refused(400, Kind::BadNonce);
    world.live(life * 4);
    let kept = kinds();
    assert!(account.contains("redeemed") && !kept.contains("order"));
    assert!(
        kept.difference(&account).eq([
            "activity",
            "cert",
            "crl",
            "latest",
            "prune",
            "serial",
            "shard",
            "subscriber",
            "subscription"
        ]),
        "{kept:?}"
    );
}
