//! An attacker with an account of their own tries every resource of another account: each answer is, byte for byte but
//! for the nonce and what the request itself names, the one for a thing that does not exist, and nothing changes but
//! what is the attacker's.
//!
//! What tells more, on purpose, stands in SECURITY.md: the certificate itself proves that it was issued, and whether an
//! account exists at a URL is what RFC 8555 §6.2 has every client told.

mod strangers;

use selvedge::ca::http::message::Request;
use selvedge::ca::http::routes::{AccountRoute, Route};
use selvedge::ca::testing::fuzz::url_of;
use selvedge::ca::testing::{Answered, BASE, Client, CsrShape, World, check_all, form, new_key};
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use strangers::{Scene, TERMS, Things, routes, scene};

/// What an attacker sends to every URL; `None` is a POST-as-GET.
fn payloads(attacker: &Client, things: &Things) -> Vec<Option<Value>> {
    let identifier = json!({ "type": "dns", "value": things.name });
    let csr = CsrShape::dns(&[things.name]).build(attacker.key.native());
    let stolen = attacker.key.key_change(
        &attacker.url("key-change"),
        &attacker.world.urls().account(&things.account),
        &attacker.key,
    );
    let mut victims_old_key = stolen.clone();
    victims_old_key["payload"] = b64::encode(
        json!({ "account": attacker.world.urls().account(&things.account), "oldKey": things.key })
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
        Some(json!({ "identifiers": [identifier], "replaces": things.cert_id })),
        Some(json!({ "certificate": b64::encode(&things.certificate) })),
        Some(json!({ "certificate": b64::encode(&things.certificate), "reason": 1 })),
        Some(stolen),
        Some(victims_old_key),
    ]
}

/// All that an attacker sends because of these things: what it is, and the request.
fn requests(attacker: &Client, things: &Things) -> Vec<(String, Request)> {
    let world = &attacker.world;
    let mut found = Vec::new();
    for route in routes(things) {
        let url = url_of(world.urls(), &route);
        let path = url.strip_prefix(BASE).unwrap().to_owned();
        for (n, payload) in payloads(attacker, things).into_iter().enumerate() {
            found.push((format!("{route:?}, payload {n}"), attacker.sign(&url, payload.clone())));
            // The same as a newcomer, with the attacker's key in jwk, and with the victim's, which cannot sign.
            let nameless = Client::with_key(world, attacker.key.clone());
            found.push((format!("{route:?}, payload {n}, by key"), nameless.sign(&url, payload.clone())));
            let claimed = json!({ "jwk": things.key, "nonce": attacker.fresh_nonce(), "url": url });
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

/// An answer as an attacker sees it, without the nonce and with what the request names masked.
fn seen(answered: &Answered, things: &Things) -> String {
    let headers = answered.response.headers.iter().filter(|(name, _)| name != "Replay-Nonce");
    let mut text = format!(
        "{}\n{headers:?}\n{:?}",
        answered.status(),
        answered.response.body,
        headers = headers.collect::<Vec<_>>()
    );
    for (n, named) in things.texts().into_iter().enumerate() {
        text = text.replace(&named, &format!("<{n}>"));
    }
    text
}

/// What is stored, but for the attacker's own partition and the nonces that its requests used up.
fn of_others(world: &World, attacker: &Client) -> Vec<((String, String), String)> {
    let own = attacker.partition();
    world.rows_but_nonces().into_iter().filter(|((partition, _), _)| *partition != own).collect()
}

/// Renewal information is for anybody who knows the certificate (RFC 9773 §4.1).
fn is_public(what: &str) -> bool {
    what.starts_with("GET RenewalInfo") || what.starts_with("HEAD RenewalInfo")
}

#[test]
fn h13_s01_what_is_anothers_is_as_if_it_did_not_exist() {
    let mut statuses = BTreeSet::new();
    for state in ["pending", "ready", "valid", "invalid"] {
        let Scene { attacker, victim, nobody, .. } = scene(state);
        // Lists that are due are signed for whoever asks first: here before the rest.
        let lists = Request { method: "GET".to_owned(), path: "/crl/all.pem".to_owned(), ..Request::default() };
        attacker.world.send(lists).is(200);
        let before = of_others(&attacker.world, &attacker);
        // Worlds that go the same way: the same random numbers, so the same ids of what is made.
        let (one, two) = (attacker.at(&attacker.world.fork()), attacker.at(&attacker.world.fork()));
        let (theirs, nobodys) = (requests(&one, &victim), requests(&two, &nobody));
        assert_eq!(theirs.len(), nobodys.len());
        for ((what, request), (_, same)) in theirs.into_iter().zip(nobodys) {
            let (one, two) = (one.world.fork(), two.world.fork());
            let answered = one.send(request);
            assert!(!answered.text().contains("badNonce"), "{what}: {}", answered.text());
            let status = answered.status();
            statuses.insert(status);
            let (found, wanted) = (seen(&answered, &victim), seen(&two.send(same), &nobody));
            if !is_public(&what) {
                assert_eq!(found, wanted, "{state}: {what}: another's is told from nobody's");
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

/// That the comparison can tell: the owner's own answers differ from those for what does not exist.
#[test]
fn h13_the_owner_is_told_more() {
    let Scene { owner, victim, nobody, .. } = scene("ready");
    let mut told = 0;
    for ((route, theirs), nobodys) in routes(&victim).iter().map(|r| (r, r)).zip(routes(&nobody)) {
        let [one, two] = [(theirs, &victim), (&nobodys, &nobody)].map(|(route, things)| {
            let client = owner.at(&owner.world.fork());
            seen(&client.get(&url_of(client.world.urls(), route)), things)
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

/// The certificate proves by itself that it was issued, so RFC 8555 §7.6 has `unauthorized` said; but not what became of
/// it, and nothing comes of the request.
#[test]
fn r04_the_certificate_in_hand_is_no_right_to_revoke_it() {
    let world = World::new();
    let (owner, attacker) = (Client::registered(&world), Client::registered(&world));
    let good = owner.issue(&["a.test"], &new_key(SigAlg::Es256));
    let revoked = owner.issue(&["a.test"], &new_key(SigAlg::Es256));
    owner.revoke(&revoked, None).is(200);
    let before = of_others(&world, &attacker);
    let answers =
        [&good, &revoked].map(|der| attacker.revoke(der, Some(1)).refused(403, Kind::Unauthorized).text().to_owned());
    assert_eq!(answers[0], answers[1], "whether it is revoked is not told");
    let nameless = Client::with_key(&world, attacker.key.clone());
    nameless.revoke(&good, None).refused(403, Kind::Unauthorized);
    assert_eq!(of_others(&world, &attacker), before);
}

/// Whoever knows an account's URL, which stands in DNS records, can name it in kid. Without its key nothing comes of it,
/// and the account's nonces stay good.
#[test]
fn j11_n04_anothers_account_url_in_kid_is_nothing_without_its_key() {
    let Scene { attacker, victim, .. } = scene("ready");
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
fn a08_the_agreement_of_one_account_is_not_anothers() {
    let Scene { attacker, victim, nobody, .. } = scene("pending");
    let changed = attacker.world.reconfigured(|s| s.meta.terms_of_service = Some(format!("{TERMS}-2")));
    let attacker = attacker.at(&changed);
    let refused = attacker.new_order(&["x.test"]).refused(403, Kind::UserActionRequired);
    let page = refused.json()["instance"].as_str().unwrap().to_owned();
    let proof = page.rsplit('/').next().unwrap();
    let before = of_others(&changed, &attacker);
    let answers = [&victim, &nobody].map(|things| {
        let path = format!("/terms/{}/{proof}", things.account.as_str());
        [changed.ask("GET", &path), changed.send(form(&path, "agree=yes"))]
            .map(|answered| seen(&answered.is(404), things))
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(of_others(&changed, &attacker), before);
}
