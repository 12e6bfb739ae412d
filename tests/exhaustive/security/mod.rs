//! An attacker with an account tries every resource of another account.
//!
//! Each answer equals, byte for byte but for the nonce and the request's own names, the answer about a missing
//! resource, and only the attacker's own state changes. docs/THREAT-MODEL.md lists the deliberate exceptions: a certificate
//! proves that it was issued, and RFC 8555 §6.2 reveals whether an account exists.

mod fixture;

use fixture::{Fixture, Resources, TERMS, fixture, routes};
use selvedge::ca::http::message::Request;
use selvedge::ca::http::routes::{AccountRoute, Route};
use selvedge::ca::testing::fuzz::url_of;
use selvedge::ca::testing::{Answered, BASE, Client, CsrShape, World, check_all, form, new_key};
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What an attacker sends to every URL; `None` is a POST-as-GET.
fn payloads(attacker: &Client, resources: &Resources) -> Vec<Option<Value>> {
    let identifier = json!({ "type": "dns", "value": resources.name });
    let csr = CsrShape::dns(&[resources.name]).build(attacker.key.native());
    let stolen = attacker.key.key_change(
        &attacker.url("key-change"),
        &attacker.world.urls().account(&resources.account),
        &attacker.key,
    );
    let mut victims_old_key = stolen.clone();
    victims_old_key["payload"] = b64::encode(
        json!({ "account": attacker.world.urls().account(&resources.account), "oldKey": resources.key })
            .to_string()
            .as_bytes(),
    )
    .into();
    vec![
        None,
        Some(json!({})),
        Some(json!([])),
        Some(json!({ "status": "deactivated" })),
        Some(json!({ "contact": ["mailto:attacker@example.test"] })),
        Some(json!({ "onlyReturnExisting": true })),
        Some(json!({ "csr": b64::encode(&csr) })),
        Some(json!({ "identifier": identifier })),
        Some(json!({ "identifiers": [identifier] })),
        Some(json!({ "identifiers": [identifier], "replaces": resources.cert_id })),
        Some(json!({ "certificate": b64::encode(&resources.certificate) })),
        Some(json!({ "certificate": b64::encode(&resources.certificate), "reason": 1 })),
        Some(stolen),
        Some(victims_old_key),
    ]
}

/// All that an attacker sends because of these resources: what it is, and the request.
fn requests(attacker: &Client, resources: &Resources) -> Vec<(String, Request)> {
    let world = &attacker.world;
    let mut found = Vec::new();
    for route in routes(resources) {
        let url = url_of(world.urls(), &route);
        let path = url.strip_prefix(BASE).unwrap().to_owned();
        for (n, payload) in payloads(attacker, resources).into_iter().enumerate() {
            found.push((format!("{route:?}, payload {n}"), attacker.sign(&url, payload.clone())));
            // The same as a newcomer, with the attacker's key in jwk, and with the victim's, which cannot sign.
            let nameless = Client::with_key(world, attacker.key.clone());
            found.push((format!("{route:?}, payload {n}, by key"), nameless.sign(&url, payload.clone())));
            let claimed = json!({ "jwk": resources.key, "nonce": attacker.fresh_nonce(), "url": url });
            let body = attacker.key.sign_jws(claimed, payload);
            found.push((format!("{route:?}, payload {n}, by another's key"), attacker.request(&url, body)));
        }
        for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let request =
                Request { method: method.to_owned(), path: path.clone(), body: Some(Vec::new()), ..Request::default() };
            found.push((format!("{method} {route:?}"), request));
        }
        found.push((format!("a form to {route:?}"), form(&path, "agree=yes")));
    }
    found
}

/// An answer without the nonce and with the request's own names masked.
fn seen(answered: &Answered, resources: &Resources) -> String {
    let response = answered.anonymous();
    let headers = response.headers.iter().filter(|(name, _)| name != "Replay-Nonce");
    let mut text =
        format!("{}\n{headers:?}\n{:?}", response.status, response.body, headers = headers.collect::<Vec<_>>());
    for (n, named) in resources.texts().into_iter().enumerate() {
        text = text.replace(&named, &format!("<{n}>"));
    }
    text
}

/// The stored records without the attacker's partition and the redeemed nonces.
fn of_others(world: &World, attacker: &Client) -> Vec<((String, String), String)> {
    let own = attacker.partition();
    world.rows_but_nonces().into_iter().filter(|((partition, _), _)| *partition != own).collect()
}

/// Renewal information is public to holders of the certificate (RFC 9773 §4.1).
fn is_public(what: &str) -> bool {
    what.starts_with("GET Public(RenewalInfo") || what.starts_with("HEAD Public(RenewalInfo")
}

#[test]
fn h13_s01_foreign_resources_look_nonexistent() {
    let mut statuses = BTreeSet::new();
    for state in ["pending", "ready", "valid", "invalid"] {
        let Fixture { attacker, victim, unknown, .. } = fixture(state);
        // Lists that are due are signed for whoever asks first, and the first look at the issuers begins the weekly
        // pruning: here before the rest.
        for path in ["/crl/all.pem", "/issuers"] {
            let look = Request { method: "GET".to_owned(), path: path.to_owned(), ..Request::default() };
            attacker.world.send(look).is(200);
        }
        let before = of_others(&attacker.world, &attacker);
        // Worlds that go the same way: the same random numbers, so the same ids of what is made.
        let (one, two) = (attacker.at(&attacker.world.fork()), attacker.at(&attacker.world.fork()));
        let (theirs, nobodys) = (requests(&one, &victim), requests(&two, &unknown));
        assert_eq!(theirs.len(), nobodys.len());
        for ((what, request), (_, same)) in theirs.into_iter().zip(nobodys) {
            let (one, two) = (one.world.fork(), two.world.fork());
            let answered = one.send(request);
            assert!(!answered.text().contains("badNonce"), "{what}: {}", answered.text());
            let status = answered.status();
            statuses.insert(status);
            let (found, wanted) = (seen(&answered, &victim), seen(&two.send(same), &unknown));
            if !is_public(&what) {
                assert_eq!(found, wanted, "{state}: {what}: another's is distinguishable from an unknown one's");
            }
            assert_eq!(of_others(&one, &attacker), before, "{state}: {what}: changes what is not the attacker's");
            if (200..300).contains(&status) {
                check_all(&one, &what);
            }
        }
    }
    // The requests came as far as they can: to what anybody may, to what is missing, and to what is not understood.
    assert_eq!(statuses, [200, 201, 204, 400, 403, 404, 405, 415].into());
}

/// The comparison can fail: the owner's answers differ from those about missing resources.
#[test]
fn h13_owner_gets_details() {
    let Fixture { owner, victim, unknown, .. } = fixture("ready");
    let mut told = 0;
    for ((route, theirs), nobodys) in routes(&victim).iter().map(|r| (r, r)).zip(routes(&unknown)) {
        let [one, two] = [(theirs, &victim), (&nobodys, &unknown)].map(|(route, resources)| {
            let client = owner.at(&owner.world.fork());
            seen(&client.get(&url_of(client.world.urls(), route)), resources)
        });
        let owned = matches!(
            route,
            Route::Account(AccountRoute::Account(_))
                | Route::Account(AccountRoute::Orders(..))
                | Route::Account(AccountRoute::Order(_))
                | Route::Account(AccountRoute::Finalize(_))
                | Route::Account(AccountRoute::Authorization(_))
                | Route::Account(AccountRoute::Challenge(..))
                | Route::Account(AccountRoute::Certificate(_, 0))
        );
        assert_eq!(one != two, owned, "{route:?}: {one}");
        told += usize::from(owned);
    }
    assert_eq!(told, 9);
}

/// A certificate proves its issuance, so RFC 8555 §7.6 has `unauthorized` as the answer.
///
/// The answer does not reveal its state, and the request has no effect.
#[test]
fn r04_possession_of_a_certificate_does_not_allow_revocation() {
    let world = World::new();
    let (owner, attacker) = (Client::registered(&world), Client::registered(&world));
    let good = owner.issue(&["a.test"], &new_key(SigAlg::Es256));
    let revoked = owner.issue(&["a.test"], &new_key(SigAlg::Es256));
    owner.revoke(&revoked, None).is(200);
    let before = of_others(&world, &attacker);
    let answers = [&good, &revoked].map(|der| attacker.revoke(der, Some(1)).refused(403, Kind::Unauthorized));
    let answers = answers.map(|answered| format!("{:?}", answered.anonymous().body));
    assert_eq!(answers[0], answers[1], "whether it is revoked is not told");
    let nameless = Client::with_key(&world, attacker.key.clone());
    nameless.revoke(&good, None).refused(403, Kind::Unauthorized);
    assert_eq!(of_others(&world, &attacker), before);
}

/// An attacker can use an account's URL as `kid`: it is public in DNS records.
///
/// Without the account's key the request has no effect, and the account's nonces stay valid.
#[test]
fn j11_n04_foreign_account_url_in_kid_is_refused() {
    let Fixture { attacker, victim, .. } = fixture("ready");
    let world = &attacker.world;
    let kid = world.urls().account(&victim.account);
    let before = world.rows_but_nonces();
    for route in routes(&victim) {
        let url = url_of(world.urls(), &route);
        for payload in payloads(&attacker, &victim) {
            let protected = json!({ "kid": kid, "nonce": attacker.fresh_nonce(), "url": url });
            let refused = attacker.send(attacker.request(&url, attacker.key.sign_jws(protected, payload)));
            assert!([400, 404, 405, 415].contains(&refused.status()), "{route:?}: {}", refused.text());
        }
    }
    assert_eq!(world.rows_but_nonces(), before);
}

/// Knowing one's own proof of having been asked for agreement helps with no other account.
#[test]
fn a08_agreement_belongs_to_one_account() {
    let Fixture { attacker, victim, unknown, .. } = fixture("pending");
    let changed = attacker.world.reconfigured(|s| s.meta.terms_of_service = Some(format!("{TERMS}-2")));
    let attacker = attacker.at(&changed);
    let refused = attacker.new_order(&["x.test"]).refused(403, Kind::UserActionRequired);
    let page = refused.json()["instance"].as_str().unwrap().to_owned();
    let proof = page.rsplit('/').next().unwrap();
    let before = of_others(&changed, &attacker);
    let answers = [&victim, &unknown].map(|resources| {
        let path = format!("/terms/{}/{proof}", resources.account.as_str());
        [changed.ask("GET", &path), changed.send(form(&path, "agree=yes"))]
            .map(|answered| seen(&answered.is(404), resources))
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(of_others(&changed, &attacker), before);
}
