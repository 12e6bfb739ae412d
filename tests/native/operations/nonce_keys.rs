//! A new `NONCE_KEY`, beside which the previous one counts for a time.

use super::backup::{Backup, empty};
use super::operator::{Operator, SECOND};
use selvedge::ca::config::external_accounts::derived_key;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::config::secret::NonceKey;
use selvedge::ca::config::settings::TermsChange;
use selvedge::ca::testing::{Answered, BASE, Client, World, form};
use selvedge::records::Kind;
use selvedge::values::b64;
use serde_json::{Value, json};

const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 32] = [8; 32];

/// The same CA with both keys, and later with the new one alone.
fn rekeyed(world: &World) -> (World, World) {
    let both = NonceKey::from(NEW).with_previous(OLD.into());
    let after = world.reconfigured(|settings| settings.nonce_key = NEW.into());
    (world.reconfigured(|settings| settings.nonce_key = both), after)
}

fn at(operator: &Operator, world: World) -> Operator {
    Operator { world, token: operator.token.clone(), address: operator.address }
}

fn send_with(client: &Client, nonce: &str) -> Answered {
    let protected = json!({ "kid": client.account(), "nonce": nonce, "url": client.account() });
    client.send(client.request(client.account(), client.key.sign_jws(protected, None)))
}

#[test]
fn n03_nonces_of_the_previous_key_count_until_it_is_removed() {
    let world = World::new();
    let client = Client::registered(&world);
    let (both, after) = rekeyed(&world);
    let old = [client.nonce(), client.fresh_nonce(), client.nonce()];
    send_with(&client.at(&both), &old[0]).is(200);
    send_with(&client.at(&both), &old[0]).refused(400, Kind::BadNonce);
    send_with(&client.at(&both), &old[1]).is(200);
    // New ones are of the new key alone.
    let new = client.at(&both).nonce();
    send_with(&client, &new).refused(400, Kind::BadNonce);
    send_with(&client.at(&after), &new).is(200);
    send_with(&client.at(&after), &old[2]).refused(400, Kind::BadNonce);
    // Too old is too old, with either key.
    let (long_ago, world) = (client.nonce(), &client.world);
    world.pass(SECOND * 7_201);
    let said = send_with(&client.at(&both), &long_ago).refused(400, Kind::BadNonce).detail();
    assert!(said.contains("it is too old"), "{said}");
}

#[test]
fn a10_external_account_keys_of_the_previous_key_work_until_it_is_removed() {
    let before = Operator::new();
    let (both, after) = rekeyed(&before.world);
    let (both, after) = (at(&before, both), at(&before, after));
    let early = before.key(&json!({ "kid": "early" }));
    let lasting = before.key(&json!({ "kid": "lasting", "uses": "many" }));
    let shown = |operator: &Operator, kid: &str| -> (Value, Value) {
        let shown = operator.see(&format!("external-accounts/{kid}"));
        (shown["status"].clone(), shown["previous_nonce_key"].clone())
    };
    assert_eq!(shown(&before, "early"), ("usable".into(), false.into()));
    assert_eq!(shown(&both, "early"), ("usable".into(), true.into()));
    both.bound(&early);
    assert_eq!(shown(&both, "early"), ("used".into(), true.into()));
    let client = both.bound(&lasting);
    let late = both.key(&json!({ "kid": "late", "uses": "many" }));
    assert_eq!(shown(&both, "late"), ("usable".into(), false.into()));
    assert_ne!(late["key"], b64::encode(derived_key(&OLD, "late").bytes()), "it is of the new key");
    both.bound(&late);
    // The previous key verifies nothing that was made after it.
    let forged = json!({ "kid": "late", "key": b64::encode(derived_key(&OLD, "late").bytes()) });
    let said = both.bind(&forged).1.refused(403, Kind::Unauthorized).detail();
    assert!(said.contains("is of another NONCE_KEY"), "{said}");
    let none = json!({ "kid": "none", "key": b64::encode(derived_key(&OLD, "none").bytes()) });
    both.bind(&none).1.refused(403, Kind::Unauthorized);
    // After the removal it is as it was.
    assert_eq!(shown(&after, "lasting"), ("unusable".into(), false.into()));
    after.bind(&lasting).1.refused(403, Kind::Unauthorized);
    after.bound(&late);
    client.at(&after.world).new_order(&["a.test"]).is(201);
}

#[test]
fn calendar_and_findings_follow_the_keys() {
    let before = Operator::new();
    let (both, after) = rekeyed(&before.world);
    let (both, after) = (at(&before, both), at(&before, after));
    let path = |operator: &Operator| {
        let url = operator.see("calendar")["url"].as_str().unwrap().to_owned();
        url.strip_prefix(BASE).unwrap().to_owned()
    };
    let (old, new) = (path(&before), path(&both));
    assert_ne!(old, new);
    assert_eq!(new, path(&after));
    both.world.ask("GET", &old).is(200);
    both.world.ask("GET", &new).is(200);
    after.world.ask("GET", &old).refused(404, Kind::Malformed);
    after.world.ask("GET", &new).is(200);
    let found = |operator: &Operator| operator.get("overview").text().contains("nonce-key-previous");
    assert_eq!((found(&before), found(&both), found(&after)), (false, true, false));
}

#[test]
fn a08_s02_pages_of_the_previous_key_work_until_it_is_removed() {
    let limits = r#"{"failed_validations":"off","pause_after":3}"#;
    let terms = |world: &World, url: &str| {
        world.reconfigured(|settings| {
            settings.meta.terms_of_service = Some(url.to_owned());
            settings.terms_change = TermsChange::Refuse;
        })
    };
    let world = terms(&World::new(), "https://ca.test/1");
    let client = Client::registered(&world);
    let changed = terms(&world, "https://ca.test/2");
    let page = client.at(&changed).new_order(&["a.test"]).json()["instance"].as_str().unwrap().to_owned();
    let (both, after) = rekeyed(&changed);
    let path = page.strip_prefix(BASE).unwrap();
    after.ask("GET", path).refused(404, Kind::Malformed);
    both.ask("GET", path).is(200);
    both.send(form(&page, "agree=yes")).is(200);
    client.at(&after).new_order(&["a.test"]).is(201);
    // Pauses.
    let world = World::new().reconfigured(|settings| settings.limits = Limits::read(Some(limits)).unwrap());
    let client = Client::registered(&world);
    for _ in 0..3 {
        world.pass(SECOND * 10);
        client.fail("a.test");
    }
    let page = client.new_order(&["a.test"]).refused(429, Kind::RateLimited).json()["instance"].clone();
    let page = page.as_str().unwrap();
    let (both, after) = rekeyed(&world);
    after.send(form(page, "resume=yes")).refused(404, Kind::Malformed);
    both.ask("GET", page.strip_prefix(BASE).unwrap()).is(200);
    both.send(form(page, "resume=yes")).is(200);
    client.at(&both).new_order(&["a.test"]).is(201);
}

#[test]
fn test_cas_of_the_previous_key_go_on_with_their_tokens() {
    let world = World::new().with_test_cas();
    let made = world.make_test_ca();
    let client = Client::registered(&made.world);
    let nonce = client.nonce();
    let (both, after) = rekeyed(&world);
    let home = made.world.path("/admin/v1/clock");
    let ask = |world: &World| {
        let authorization = Some(format!("Bearer {}", made.token));
        let request = selvedge::ca::http::message::Request {
            method: "GET".to_owned(),
            path: home.clone(),
            authorization,
            body: Some(Vec::new()),
            ..Default::default()
        };
        world.send(request)
    };
    ask(&both).is(200);
    ask(&after).refused(404, Kind::Malformed);
    let protected = json!({ "kid": client.account(), "nonce": nonce, "url": client.account() });
    let body = client.key.sign_jws(protected, None);
    both.send(client.request(client.account(), body)).is(200);
    let new = both.make_test_ca();
    assert_eq!(after.ask("GET", &new.world.path("/directory")).status(), 200);
    world.ask("GET", &new.world.path("/directory")).refused(404, Kind::Malformed);
}

#[test]
fn backup_of_the_previous_key_is_finished_and_restored_with_the_new_one() {
    let before = Operator::new();
    before.client();
    let (both, _) = rekeyed(&before.world);
    let both = at(&before, both);
    let token = before.post("backups", &json!({})).is(201).json()["token"].clone();
    let rows = json!({ "token": token, "parts": [{ "partition": "operations/ca", "reached": null }] });
    both.post("backups/rows", &rows).is(200);
    let (_, after) = rekeyed(&before.world);
    at(&before, after).post("backups/rows", &rows).refused(400, Kind::Malformed);
    let backup = Backup::of(&before);
    let elsewhere = empty(&before.world);
    let (there, other) = rekeyed(&elsewhere.world);
    backup.begin(&at(&elsewhere, other)).refused(400, Kind::Malformed);
    backup.begin(&at(&elsewhere, there)).is(200);
}
