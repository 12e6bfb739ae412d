//! Accounts, key changes and the JWS ladder as requests: RFC 8555 §6.2–6.4, §7.3. Names begin with the checklist's ids.

use selvedge::ca::testing::{BASE, Client, World};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

#[test]
fn a01_a02_account_is_created_once_and_shown_as_stored() {
    let client = Client::new(&World::new());
    let made = client.new_account(json!({ "contact": ["mailto:a@a.test"], "orders": "x", "odd": 1 })).is(201);
    let object = made.json();
    assert_eq!(object["status"], "valid");
    assert_eq!(object["contact"], json!(["mailto:a@a.test"]));
    assert!(object["orders"].as_str().unwrap().starts_with(BASE), "A-04: the client's orders member is ignored");
    assert!(object.get("odd").is_none());
    let again = client.new_account(json!({ "contact": ["mailto:b@b.test"], "termsOfServiceAgreed": true })).is(200);
    assert_eq!((again.location(), again.json()), (made.location(), object));
}

#[test]
fn a03_t07_only_return_existing_never_creates() {
    let world = World::new().reconfigured(|s| s.meta.terms_of_service = Some("https://ca.test/terms".to_owned()));
    let mut client = Client::new(&world);
    let asked = json!({ "onlyReturnExisting": true });
    client.new_account(asked.clone()).refused(400, Kind::AccountDoesNotExist);
    assert_eq!(world.rows_but_nonces().len(), 0);
    client.register();
    let found = client.new_account(asked).is(200);
    assert_eq!(found.location(), client.account());
    assert!(found.json().get("onlyReturnExisting").is_none());
}

#[test]
fn a05_bad_contacts_are_refused_by_their_kind() {
    let client = Client::registered(&World::new());
    for (bad, kind) in [
        ("tel:+1", Kind::UnsupportedContact),
        ("mailto:a@b.test?x", Kind::InvalidContact),
        ("mailto:", Kind::InvalidContact),
    ] {
        Client::new(&client.world).new_account(json!({ "contact": [bad] })).refused(400, kind);
        client.post(client.account(), json!({ "contact": [bad] })).refused(400, kind);
    }
    Client::new(&client.world).new_account(json!({ "contact": "mailto:a@b.test" })).refused(400, Kind::Malformed);
}

#[test]
fn a06_configured_terms_require_agreement() {
    let world = World::new().reconfigured(|s| s.meta.terms_of_service = Some("https://ca.test/terms".to_owned()));
    let client = Client::new(&world);
    let refused = client.new_account(json!({})).refused(403, Kind::UserActionRequired);
    assert!(refused.detail().contains("https://ca.test/terms"));
    let made = client.new_account(json!({ "termsOfServiceAgreed": true })).is(201);
    assert_eq!(made.json()["termsOfServiceAgreed"], true);
    client.new_account(json!({})).is(200);
}

#[test]
fn a07_update_changes_only_contacts() {
    let client = Client::registered(&World::new());
    let before = client.get(client.account()).is(200).json();
    let changed = client.post(client.account(), json!({ "contact": ["mailto:n@n.test"] })).is(200).json();
    assert_eq!(changed["contact"], json!(["mailto:n@n.test"]));
    let odd = json!({ "status": "revoked", "orders": "x", "termsOfServiceAgreed": false, "odd": 1 });
    assert_eq!(client.post(client.account(), odd).is(200).json(), changed);
    assert_eq!(client.post(client.account(), json!({})).is(200).json(), changed, "J-09");
    assert_eq!(changed["orders"], before["orders"]);
}

#[test]
fn a13_j11_deactivated_account_is_refused() {
    let world = World::new();
    let client = Client::registered(&world);
    let order = client.new_order(&["a.test"]).is(201).location();
    let object = client.post(client.account(), json!({ "status": "deactivated" })).is(200).json();
    assert_eq!(object["status"], "deactivated");
    for url in [client.account(), &order, &client.url("new-order")] {
        client.get(url).refused(401, Kind::Unauthorized);
    }
    client.post(client.account(), json!({ "status": "valid" })).refused(401, Kind::Unauthorized);
    client.key_change(&ClientKey::generate(SigAlg::Es256)).refused(401, Kind::Unauthorized);
    client.new_account(json!({})).refused(401, Kind::Unauthorized);
    assert!(world.records("order/").iter().all(|(_, order)| order["canceled"] == true));
}

#[test]
fn a14_orders_are_listed_in_pages() {
    let client = Client::registered(&World::new());
    let list = client.get(client.account()).json()["orders"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&list).is(200).json(), json!({ "orders": [] }));
    let mut placed: Vec<String> =
        (0..60).map(|n| client.new_order(&[&format!("a{n}.test")]).is(201).location()).collect();
    let (mut listed, mut next) = (Vec::new(), Some(list));
    while let Some(url) = next {
        let page = client.get(&url).is(200);
        listed.extend(page.json()["orders"].as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()));
        next = page.link("next");
    }
    placed.sort();
    assert_eq!(listed, placed);
    let client =
        Client::registered(&World::new().reconfigured(|settings| settings.test_machine.orders_per_page = Some(2)));
    (0..3).for_each(|n| drop(client.new_order(&[&format!("a{n}.test")]).is(201)));
    let page = client.get(client.get(client.account()).json()["orders"].as_str().unwrap()).is(200);
    assert_eq!(page.json()["orders"].as_array().map(Vec::len), Some(2));
    assert_eq!(client.get(&page.link("next").unwrap()).is(200).json()["orders"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a11_t35_key_change_replaces_the_old_key() {
    let world = World::new();
    let client = Client::registered(&world);
    let (order_url, _) = client.ready_order(&["a.test"]);
    let new = ClientKey::generate(SigAlg::Es384);
    let changed = client.key_change(&new).is(200);
    assert_eq!(changed.location(), client.account());
    client.get(client.account()).refused(400, Kind::Malformed);
    let rekeyed = client.rekeyed(&new);
    assert_eq!(rekeyed.get(&order_url).is(200).json()["status"], "ready");
    assert_eq!(rekeyed.new_account(json!({})).is(200).location(), client.account());
    // The old key is nobody's now.
    assert_ne!(client.new_account(json!({})).is(201).location(), client.account());
}

#[test]
fn a11_a_key_of_another_account_is_a_conflict() {
    let world = World::new();
    let (client, other) = (Client::registered(&world), Client::registered(&world));
    let refused = client.key_change(&other.key).refused(409, Kind::Malformed);
    assert_eq!(refused.location(), other.account());
    client.get(client.account()).is(200);
    other.get(other.account()).is(200);
}

#[test]
fn a11_faulty_key_changes_change_nothing() {
    let world = World::new();
    let (client, new) = (Client::registered(&world), ClientKey::generate(SigAlg::Es256));
    let url = client.url("key-change");
    let payload = json!({ "account": client.account(), "oldKey": client.key.jwk_json() });
    let inner = |protected: Value, payload: Value| -> Value {
        serde_json::from_slice(&new.sign_jws(protected, Some(payload))).unwrap()
    };
    let jwk = new.jwk_json();
    let good = json!({ "jwk": jwk, "url": url });
    let faulty = [
        json!({}),
        inner(json!({ "jwk": jwk, "url": url, "nonce": "AAAA" }), payload.clone()),
        inner(json!({ "jwk": jwk, "url": client.account() }), payload.clone()),
        inner(json!({ "jwk": jwk }), payload.clone()),
        inner(json!({ "kid": client.account(), "url": url }), payload.clone()),
        inner(json!({ "jwk": client.key.jwk_json(), "url": url }), payload.clone()),
        inner(good.clone(), json!({ "account": "x", "oldKey": client.key.jwk_json() })),
        inner(good.clone(), json!({ "account": client.account(), "oldKey": jwk })),
        inner(good, json!({ "account": client.account() })),
        client.key.key_change(&url, client.account(), &client.key),
    ];
    let before = world.rows_but_nonces();
    for payload in faulty {
        client.post(&url, payload).refused(400, Kind::Malformed);
    }
    assert_eq!(world.rows_but_nonces(), before);
}

#[test]
fn j01_to_j09_faulty_requests_are_refused_by_their_kind() {
    let world = World::new();
    let client = Client::registered(&world);
    let url = client.account().to_owned();
    let before = world.rows_but_nonces();
    let kid = |nonce: String| json!({ "kid": client.account(), "nonce": nonce, "url": url });
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut protected = kid(client.nonce());
        change(&mut protected);
        client.key.sign_jws(protected, None)
    };
    let mut general: Value = serde_json::from_slice(&edit(&|_| {})).unwrap();
    general["signatures"] = json!([]);
    let mut unprotected: Value = serde_json::from_slice(&edit(&|_| {})).unwrap();
    unprotected["header"] = json!({});
    let mut padded: Value = serde_json::from_slice(&edit(&|_| {})).unwrap();
    padded["signature"] = format!("{}==", padded["signature"].as_str().unwrap()).into();
    let bodies: Vec<(Vec<u8>, u16, Kind)> = vec![
        (b"a.b.c".to_vec(), 400, Kind::Malformed),
        (general.to_string().into_bytes(), 400, Kind::Malformed),
        (unprotected.to_string().into_bytes(), 400, Kind::Malformed),
        (padded.to_string().into_bytes(), 400, Kind::Malformed),
        (edit(&|p| p["jwk"] = client.key.jwk_json()), 400, Kind::Malformed),
        (edit(&|p| p["kid"] = Value::Null), 400, Kind::Malformed),
        (edit(&|p| p["crit"] = json!(["x"])), 400, Kind::Malformed),
        (edit(&|p| p["b64"] = json!(false)), 400, Kind::Malformed),
        (edit(&|p| p["alg"] = json!("none")), 400, Kind::BadSignatureAlgorithm),
        (edit(&|p| p["alg"] = json!("HS256")), 400, Kind::BadSignatureAlgorithm),
        (edit(&|p| p["alg"] = json!("ES384")), 400, Kind::Malformed),
        (
            edit(&|p| p["kid"] = json!(format!("{BASE}/acme/account/AAAAAAAAAAAAAAAAAAAAAA"))),
            400,
            Kind::AccountDoesNotExist,
        ),
        (edit(&|p| p["kid"] = json!("https://other.test/acme/account/AAAAAAAAAAAAAAAAAAAAAA")), 400, Kind::Malformed),
        (edit(&|p| p["url"] = json!(url.replace("https", "http"))), 403, Kind::Unauthorized),
        (edit(&|p| p["url"] = json!(format!("{url}/"))), 403, Kind::Unauthorized),
        (edit(&|p| p["url"] = json!(url.replace("ca.test", "ca.test:443"))), 403, Kind::Unauthorized),
        (
            edit(&|p| {
                p.as_object_mut().unwrap().remove("url");
            }),
            403,
            Kind::Unauthorized,
        ),
    ];
    for (body, status, kind) in bodies {
        client.send(client.request(&url, body)).refused(status, kind);
    }
    // J-03: kid and jwk where they do not belong.
    client.post(&client.url("new-account"), json!({})).refused(400, Kind::Malformed);
    let nameless = Client::with_key(&world, client.key.clone());
    nameless.post(&client.url("new-order"), json!({ "identifiers": [] })).refused(400, Kind::Malformed);
    let stranger = client.rekeyed(&ClientKey::generate(SigAlg::Es256));
    stranger.get(&url).refused(400, Kind::Malformed);
    assert_eq!(world.rows_but_nonces(), before, "J-10: nothing was done");
}

#[test]
fn j05_accounts_of_all_key_types_work() {
    let world = World::new();
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let mut client = Client::with_key(&world, ClientKey::generate(alg));
        client.register();
        client.get(client.account()).is(200);
    }
}
