//! The table of refusals: each error type, provoked by a request and checked (E-05, T-32, H-05, H-06, H-07).
//!
//! A new kind does not compile here until it has its row.

use core::time::Duration;
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::config::policy;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, new_key};
use selvedge::policy::Policy;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// How a kind is provoked.
enum Row {
    /// By a request, which is answered with this status. The function prepares the world and gives the request.
    Request(u16, fn(&Client) -> Request),
    /// A failed validation: the kind is in the challenge's `error`, with this status.
    Validation(u16, fn(&World, &Value)),
    /// Nothing provokes it yet; the source must not make it either.
    Coming,
}

fn row(kind: Kind) -> Row {
    match kind {
        Kind::AccountDoesNotExist => Row::Request(400, |c| newcomer(c, json!({ "onlyReturnExisting": true }))),
        Kind::AlreadyReplaced => Row::Request(409, replaced_twice),
        Kind::AlreadyRevoked => Row::Request(400, revoked_twice),
        Kind::InvalidProfile => Row::Request(400, |client| new_order(client, json!({ "profile": "gold" }))),
        Kind::Caa => Row::Request(403, forbidden_by_caa),
        Kind::BadCsr => Row::Request(400, |client| {
            let (_, order) = client.ready_order(&["a.test"]);
            client.finalize_request(&order, &csr("b.test"))
        }),
        Kind::BadNonce => Row::Request(400, |client| {
            let used = client.sign(client.account(), None);
            client.send(used.clone()).is(200);
            used
        }),
        Kind::BadPublicKey => Row::Request(400, key_off_its_curve),
        Kind::BadRevocationReason => Row::Request(400, |client| {
            client.revoke_request(&client.issue(&["a.test"], &new_key(SigAlg::Es256)), Some(6))
        }),
        Kind::BadSignatureAlgorithm => Row::Request(400, |client| {
            let mut protected = client.protected(client.account());
            protected["alg"] = json!("none");
            client.request(client.account(), client.key.sign_jws(protected, None))
        }),
        Kind::Compound => Row::Request(400, |c| order(c, &[("dns", "a..b"), ("email", "a@b.test")])),
        Kind::Connection => Row::Validation(400, |world, _| world.network().address("a.test", &["224.0.0.1"])),
        Kind::Dns => Row::Validation(400, |world, _| world.network().set_resolver_down(true)),
        Kind::IncorrectResponse => Row::Validation(403, page_without_end),
        Kind::ExternalAccountRequired => Row::Request(403, |client| newcomer(client, json!({}))),
        Kind::InvalidContact => Row::Request(400, |client| newcomer(client, json!({ "contact": ["mailto:"] }))),
        Kind::Malformed => Row::Request(400, |client| client.sign(&client.url("new-order"), Some(json!([])))),
        Kind::OrderNotReady => Row::Request(403, |client| {
            let pending = client.new_order(&["a.test"]).is(201).json();
            client.finalize_request(&pending, &csr("a.test"))
        }),
        Kind::RejectedIdentifier => Row::Request(400, |client| order(client, &[("dns", "a.denied.test")])),
        Kind::ServerInternal => Row::Request(500, |client| {
            let request = order(client, &[("dns", "a.test")]);
            client.world.store_fault().from(1);
            request
        }),
        Kind::Unauthorized => Row::Request(403, |client| {
            let other = Client::registered(&client.world);
            client.revoke_request(&other.issue(&["a.test"], &new_key(SigAlg::Es256)), None)
        }),
        Kind::UnsupportedContact => Row::Request(400, |client| newcomer(client, json!({ "contact": ["tel:+1"] }))),
        Kind::UnsupportedIdentifier => Row::Request(400, |client| order(client, &[("email", "a@b.test")])),
        Kind::UserActionRequired => Row::Request(403, |client| newcomer(client, json!({}))),
        Kind::RateLimited => Row::Request(429, |client| {
            client.new_order(&["a.test"]).is(201);
            order(client, &[("dns", "b.test")])
        }),
        Kind::Tls => Row::Coming,
    }
}

/// A new world for a row, with the settings that its refusal needs.
fn world_of(world: &World, kind: Kind) -> World {
    world.reconfigured(|settings| match kind {
        Kind::UserActionRequired => settings.meta.terms_of_service = Some("https://ca.test/terms".to_owned()),
        Kind::ExternalAccountRequired => {
            let keys = json!({ "a": { "key": b64::encode(&[1; 32]), "uses": "once" } }).to_string();
            settings.external = ExternalAccounts::read(Some(&keys), true, false, &Policy::default()).unwrap();
        }
        Kind::RateLimited => {
            settings.limits = Limits::read(Some(r#"{"new_orders":{"count":1,"period":"1h"}}"#)).unwrap();
        }
        Kind::RejectedIdentifier => {
            settings.policy = policy::read_policy("POLICY", &json!({ "deny": ["*.denied.test"] })).unwrap();
        }
        _ => {}
    })
}

fn csr(name: &str) -> Vec<u8> {
    CsrShape::dns(&[name]).build(&new_key(SigAlg::Es256))
}

fn revoked_twice(client: &Client) -> Request {
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&certificate, None).is(200);
    client.revoke_request(&certificate, None)
}

fn forbidden_by_caa(client: &Client) -> Request {
    let (_, order) = client.ready_order(&["a.example"]);
    client.world.network().caa("a.example", "issue", "other.example");
    client.world.pass(Duration::from_secs(8 * 3600));
    client.at(&client.world).finalize_request(&order, &csr("a.example"))
}

fn replaced_twice(client: &Client) -> Request {
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let replaces = client.cert_id(&certificate);
    client.new_order_with(&["a.test"], json!({ "replaces": replaces })).is(201);
    // Not the same order once more: that would be answered with the first one.
    new_order(client, json!({ "replaces": replaces, "profile": "shortlived" }))
}

/// A newOrder request for `a.test` with these members beside the identifier.
fn new_order(client: &Client, mut members: Value) -> Request {
    members["identifiers"] = json!([{ "type": "dns", "value": "a.test" }]);
    client.sign(&client.url("new-order"), Some(members))
}

fn key_off_its_curve(client: &Client) -> Request {
    let nobody = Client::new(&client.world);
    let mut jwk = nobody.key.jwk_json();
    jwk["x"] = jwk["y"].clone();
    let url = client.url("new-account");
    let protected = json!({ "jwk": jwk, "nonce": client.fresh_nonce(), "url": url });
    client.request(&url, nobody.key.sign_jws(protected, Some(json!({}))))
}

fn page_without_end(world: &World, challenge: &Value) {
    let path = format!("/.well-known/acme-challenge/{}", challenge["token"].as_str().unwrap());
    world.network().page("a.test", &path, &"x".repeat(200_000));
}

/// A newAccount request with a fresh key.
fn newcomer(client: &Client, payload: Value) -> Request {
    let newcomer = Client::new(&client.world);
    newcomer.sign(&client.url("new-account"), Some(payload))
}

fn order(client: &Client, identifiers: &[(&str, &str)]) -> Request {
    let identifiers: Vec<Value> = identifiers.iter().map(|(kind, v)| json!({ "type": kind, "value": v })).collect();
    client.sign(&client.url("new-order"), Some(json!({ "identifiers": identifiers })))
}

/// Sends a request and checks that it is refused so, and changes nothing.
fn refuse(kind: Kind, status: u16, request: fn(&Client) -> Request) {
    let plain = World::new();
    // The account is from before, when nothing was asked for.
    let client = Client::registered(&plain);
    let world = world_of(&plain, kind);
    let client = client.at(&world);
    let request = request(&client);
    let before = world.rows_but_nonces();
    let answered = world.send(request).refused(status, kind);
    world.heal();
    assert_eq!(world.rows_but_nonces(), before, "{kind:?} changes nothing");
    assert_eq!(answered.json()["status"], status, "T-32, {kind:?}");
    assert!(answered.header("Replay-Nonce").is_some(), "H-06, {kind:?}");
    assert!(answered.link("index").is_some(), "H-05, {kind:?}");
    assert!(answered.detail().len() > 20 && answered.detail().ends_with('.'), "{kind:?}: {}", answered.detail());
    // The nonce that came with the refusal is good.
    let protected = json!({
        "kid": client.account(), "nonce": answered.header("Replay-Nonce"), "url": client.account(),
    });
    world.send(client.request(client.account(), client.key.sign_jws(protected, None))).is(200);
}

/// Answers a challenge in a world in which it must fail, and checks its error.
fn fail(kind: Kind, status: u16, prepare: fn(&World, &Value)) {
    let world = World::new();
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test"]).is(201).json();
    let (url, authorization) = client.authorizations(&placed).remove(0);
    let challenge = client.prove(&authorization, Proof::Http);
    prepare(&world, &challenge);
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
    world.live(Duration::from_secs(60));
    let shown = client.get(&url).is(200).json();
    assert_eq!(shown["status"], "invalid", "{kind:?}");
    let error = shown["challenges"][0]["error"].clone();
    assert_eq!(error["type"], format!("urn:ietf:params:acme:error:{}", kind.token()), "{error}");
    assert_eq!(error["status"], status, "{kind:?}");
    assert!(error["detail"].as_str().unwrap().contains("a.test"), "T-25, {kind:?}: {error}");
}

#[test]
fn e05_t06_t32_every_kind_of_refusal() {
    for kind in Kind::ALL {
        match row(*kind) {
            Row::Request(status, request) => refuse(*kind, status, request),
            Row::Validation(status, prepare) => fail(*kind, status, prepare),
            Row::Coming => assert_eq!(makers(*kind), Vec::<String>::new(), "{kind:?} is made there: it needs its row"),
        }
    }
}

/// The source files that make a problem of this kind, without tests and translations.
fn makers(kind: Kind) -> Vec<String> {
    let mut found = Vec::new();
    // `validation` has kinds of its own, of DNS records.
    let mut folders: Vec<_> =
        ["records", "ca", "policy"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name)).into();
    folders.retain(|folder| folder.is_dir());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // The faults of a test CA fail validations for any reason.
                if !path.ends_with("operations/fault") {
                    folders.push(path);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let wanted = format!("Kind::{kind:?}");
            let made = code.lines().filter(|line| !line.contains(&format!("FailureKind::{kind:?} =>")));
            let is_test =
                path.components().any(|part| ["tests", "testing"].iter().any(|name| part.as_os_str() == *name));
            if !is_test && !path.ends_with("tests.rs") && made.clone().any(|line| mentions(line, &wanted)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Whether `line` has `wanted` as a whole word.
fn mentions(line: &str, wanted: &str) -> bool {
    line.match_indices(wanted).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + wanted.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}
