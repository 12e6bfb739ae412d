//! Orders, authorizations, CSRs, certificates, revocation: RFC 8555 §7.4–7.6, §8. Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::pem;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::json;

#[test]
fn o01_o02_z01_z12_an_order_and_its_authorizations() {
    let client = Client::registered(&World::new());
    let placed = client.new_order(&["B.test", "*.b.test", "b.test"]).is(201);
    let order = placed.json();
    assert_eq!(order["status"], "pending");
    assert_eq!(
        order["identifiers"],
        json!([{ "type": "dns", "value": "b.test" }, { "type": "dns", "value": "*.b.test" }])
    );
    assert!(order["expires"].is_string() && order["finalize"].is_string());
    assert_eq!(client.get(&placed.location()).is(200).location(), placed.location(), "O-10, T-01");
    let authorizations = client.authorizations(&order);
    let kinds = |n: usize| -> Vec<String> {
        authorizations[n].1["challenges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["type"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds(0), ["http-01", "dns-01", "tls-alpn-01", "dns-account-01"]);
    assert_eq!(kinds(1), ["dns-01", "dns-account-01"]);
    assert!(authorizations[0].1.get("wildcard").is_none());
    assert_eq!(
        (&authorizations[1].1["wildcard"], &authorizations[1].1["identifier"]["value"]),
        (&json!(true), &json!("b.test"))
    );
    for (_, authorization) in &authorizations {
        for challenge in authorization["challenges"].as_array().unwrap() {
            assert!(b64::decode(challenge["token"].as_str().unwrap()).unwrap().len() >= 16, "Z-03");
            let members: Vec<&String> = challenge.as_object().unwrap().keys().collect();
            assert_eq!(members, ["type", "url", "token", "status"], "T-08, T-31");
        }
    }
}

#[test]
fn o03_o04_o05_orders_that_cannot_be_fulfilled_are_refused() {
    let client = Client::registered(&World::new());
    let dns = |value: &str| json!({ "type": "dns", "value": value });
    let before = client.world.rows_but_nonces();
    for (payload, kind) in [
        (json!({ "identifiers": [] }), Kind::Malformed),
        (json!({}), Kind::Malformed),
        (json!({ "identifiers": [dns("a.test")], "notAfter": "2030-01-01T00:00:00Z" }), Kind::Malformed),
        (json!({ "identifiers": [dns("a.test")], "notAfter": "tomorrow" }), Kind::Malformed),
        (json!({ "identifiers": [dns("a.test")], "profile": "gold" }), Kind::InvalidProfile),
        (json!({ "identifiers": [{ "type": "email", "value": "a@a.test" }] }), Kind::UnsupportedIdentifier),
        (json!({ "identifiers": [dns("a.test."), dns("b.test")] }), Kind::Malformed),
        (json!({ "identifiers": [dns("10.0.0.1")] }), Kind::Malformed),
        (json!({ "identifiers": [dns("b\u{fc}cher.test")] }), Kind::Malformed),
        (json!({ "identifiers": [dns("a.*.test")] }), Kind::Malformed),
    ] {
        client.post(&client.url("new-order"), payload).refused(400, kind);
    }
    assert_eq!(client.world.rows_but_nonces(), before);
}

#[test]
fn o08_o09_o10_r01_t14_t17_t18_from_order_to_certificate() {
    let world = World::new();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["*.a.test", "a.test"]);
    let csr = CsrShape::dns(&["a.test", "*.a.test"]).build(&new_key(SigAlg::Es256));
    let finished = client.finalize(&order, &csr).is(200);
    assert_eq!((finished.location(), &finished.json()["status"]), (url, &json!("valid")));
    let answered = client.get(finished.json()["certificate"].as_str().unwrap()).is(200);
    assert_eq!(answered.header("Content-Type"), Some("application/pem-certificate-chain"));
    let chain = answered.text();
    assert!(chain.ends_with("-----\n") && !chain.contains("\n\n") && !chain.contains('\r'));
    let certificates = pem::read_certificates(chain).unwrap();
    assert_eq!((certificates.len(), certificates[1].as_slice()), (2, world.issuer().certificate_der()));
    // O-12: the same CSR again is the same request, another one is refused.
    assert_eq!(client.finalize(&order, &csr).is(200).json(), finished.json());
    let other = CsrShape::dns(&["a.test", "*.a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&order, &other).refused(403, Kind::OrderNotReady);
}

#[test]
fn o09_c01_to_c06_bad_csrs_leave_the_order_ready() {
    let client = Client::registered(&World::new());
    let pending = client.new_order(&["z.test"]).is(201).json();
    let key = new_key(SigAlg::Es256);
    client.finalize(&pending, &CsrShape::dns(&["z.test"]).build(&key)).refused(403, Kind::OrderNotReady);
    let (url, order) = client.ready_order(&["a.test"]);
    for (csr, kind) in [
        (CsrShape::dns(&["b.test"]).build(&key), Kind::BadCsr),
        (CsrShape::dns(&["a.test", "b.test"]).build(&key), Kind::BadCsr),
        (CsrShape::default().build(&key), Kind::BadCsr),
        (CsrShape { subject: "CN=b.test".into(), ..CsrShape::dns(&["a.test"]) }.build(&key), Kind::BadCsr),
        (CsrShape { spoiled: true, ..CsrShape::dns(&["a.test"]) }.build(&key), Kind::BadCsr),
        (CsrShape::dns(&["a.test"]).build(client.key.native()), Kind::BadCsr),
        (b"no DER".to_vec(), Kind::BadCsr),
    ] {
        client.finalize(&order, &csr).refused(400, kind);
        assert_eq!(client.get(&url).json()["status"], "ready");
    }
    client.post(order["finalize"].as_str().unwrap(), json!({ "csr": "AA==" })).refused(400, Kind::Malformed);
    client.post(order["finalize"].as_str().unwrap(), json!({})).refused(400, Kind::Malformed);
    let common_name_only = CsrShape { subject: "CN=A.test".into(), ..CsrShape::default() };
    assert_eq!(client.finalize(&order, &common_name_only.build(&key)).is(200).json()["status"], "valid");
}

#[test]
fn c01_s01_account_key_in_csr_is_reported_to_its_owner_only() {
    let client = Client::registered(&World::new());
    let stranger = Client::registered(&client.world);
    // Refusing it would tell that there is an account with this key.
    client.issue(&["a.test"], stranger.key.native());
    let (_, order) = stranger.ready_order(&["b.test"]);
    stranger.finalize(&order, &CsrShape::dns(&["b.test"]).build(stranger.key.native())).refused(400, Kind::BadCsr);
}

#[test]
fn o07_o13_t22_expired_orders_are_refused_and_deleted() {
    let world = World::new();
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test"]).is(201);
    world.pass(Duration::from_secs(24 * 3600 + 1));
    let client = client.at(&world);
    let order = client.get(&placed.location()).is(200).json();
    assert_eq!((&order["status"], order["error"].is_object()), (&json!("invalid"), true));
    world.live(Duration::from_secs(1));
    world.pass(Duration::from_secs(25 * 3600 + 3 * 86_400));
    world.run_due_alarms();
    let client = client.at(&world);
    client.get(&placed.location()).refused(404, Kind::Malformed);
}

#[test]
fn z02_z07_o11_a_wrong_proof_ends_authorization_and_order() {
    let client = Client::registered(&World::new());
    let placed = client.new_order(&["a.test"]).is(201);
    let (url, authorization) = client.authorizations(&placed.json()).remove(0);
    let challenge = client.prove(&authorization, Proof::WrongHttp)["url"].as_str().unwrap().to_owned();
    client.post(&challenge, json!({ "odd": 1 })).is(200);
    client.world.live(Duration::from_secs(30));
    let failed = client.get(&challenge).is(200).json();
    assert_eq!(
        (&failed["status"], &failed["error"]["type"]),
        (&json!("invalid"), &json!("urn:ietf:params:acme:error:unauthorized"))
    );
    client.world.network().asked();
    assert_eq!(client.post(&challenge, json!({})).is(200).json(), failed);
    assert!(client.world.network().asked().is_empty(), "Z-07: never validated again");
    assert_eq!(client.get(&url).json()["challenges"].as_array().unwrap().len(), 1);
    let order = client.get(&placed.location()).json();
    assert_eq!((&order["status"], &order["error"]["type"]), (&json!("invalid"), &failed["error"]["type"]));
}

#[test]
fn z05_z06_failed_lookup_is_retried() {
    let client = Client::registered(&World::new());
    let order = client.new_order(&["a.test"]).json();
    let (url, authorization) = client.authorizations(&order).remove(0);
    let challenge = client.prove(&authorization, Proof::Http)["url"].as_str().unwrap().to_owned();
    client.world.network().set_resolver_down(true);
    let answered = client.post(&challenge, json!({})).is(200);
    let object = answered.json();
    assert_eq!(
        (&object["status"], &object["error"]["type"]),
        (&json!("processing"), &json!("urn:ietf:params:acme:error:dns"))
    );
    assert!(answered.header("Retry-After").is_some() && client.get(&url).is(200).header("Retry-After").is_some());
    client.world.network().set_resolver_down(false);
    client.world.live(Duration::from_secs(10));
    assert_eq!(client.get(&url).json()["status"], "valid");
}

#[test]
fn z05_hanging_host_does_not_delay_the_answer_and_a12_key_change_does_not_disturb() {
    let world = World::new();
    let client = Client::registered(&world);
    let order = client.new_order(&["a.test"]).json();
    let (url, authorization) = client.authorizations(&order).remove(0);
    let challenge = client.prove(&authorization, Proof::Http)["url"].as_str().unwrap().to_owned();
    world.network().set_hanging(true);
    let begun = world.now();
    assert_eq!(client.post(&challenge, json!({})).is(200).json()["status"], "processing");
    assert!(begun.until(world.now()) < Duration::from_secs(4));
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    world.network().set_hanging(false);
    world.live(Duration::from_secs(60));
    assert_eq!(client.rekeyed(&new).get(&url).json()["status"], "valid");
}

#[test]
fn z08_a_deactivated_authorization_ends_its_order() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    let authorization = order["authorizations"][0].as_str().unwrap();
    client.post(authorization, json!({ "status": "valid" })).refused(400, Kind::Malformed);
    let object = client.post(authorization, json!({ "status": "deactivated" })).is(200).json();
    assert_eq!(object["status"], "deactivated");
    assert_eq!(client.get(&url).json()["status"], "invalid");
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    client.finalize(&order, &csr).refused(403, Kind::OrderNotReady);
}

#[test]
fn r04_to_r08_revocation_by_each_authorized_key() {
    let world = World::new();
    let (client, other) = (Client::registered(&world), Client::registered(&world));
    let key = ClientKey::generate(SigAlg::Es384);
    let certificate = client.issue(&["a.test"], key.native());
    other.revoke(&certificate, None).refused(403, Kind::Unauthorized);
    Client::new(&world).revoke(&certificate, None).refused(403, Kind::Unauthorized);
    client.revoke(&certificate, Some(2)).refused(400, Kind::BadRevocationReason);
    client.revoke(b"no DER", None).refused(400, Kind::Malformed);
    client.revoke(world.issuer().certificate_der(), None).refused(404, Kind::Malformed);
    other.ready_order(&["a.test"]);
    assert_eq!(other.revoke(&certificate, Some(4)).is(200).text(), "", "authorizations for all names");
    client.revoke(&certificate, None).refused(400, Kind::AlreadyRevoked);
    let holder = Client::with_key(&world, key);
    holder.revoke(&certificate, None).is(200);
    holder.revoke(&certificate, None).refused(400, Kind::AlreadyRevoked);
    assert_eq!(world.records("serial/")[0].1["revoked"]["reason"], 1);
    let own = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    client.revoke(&own, None).is(200);
}

#[test]
fn o04_e02_bad_identifiers_have_subproblems() {
    let client = Client::registered(&World::new());
    let identifiers = json!([
        { "type": "email", "value": "a@a.test" }, { "type": "dns", "value": "good.test" }, { "type": "dns", "value": "a..b" },
    ]);
    let refused = client.post(&client.url("new-order"), json!({ "identifiers": identifiers })).is(400).json();
    assert_eq!(refused["type"], "urn:ietf:params:acme:error:compound");
    let subproblems = refused["subproblems"].as_array().unwrap();
    assert_eq!(subproblems.len(), 2);
    assert_eq!(subproblems[0]["identifier"], identifiers[0]);
    assert_eq!(subproblems[0]["type"], "urn:ietf:params:acme:error:unsupportedIdentifier");
    assert_eq!(subproblems[1]["identifier"]["value"], "a..b");
    assert_eq!(subproblems[1]["type"], "urn:ietf:params:acme:error:malformed");
}
