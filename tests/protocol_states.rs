//! The walk through the states of RFC 8555 §7.1.6: each object in each state is sent each request, legal or not.
//! What every response has to have (H-05, H-06, H-11, T-32), the client checks by itself.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use core::time::Duration;
use selvedge::acme::Kind;
use selvedge::ca::testing::{BASE, Client, CsrShape, Proof, World, challenge, new_key};
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a request is to be answered: the object with this status, or a refusal that changes nothing.
type Wanted = Result<&'static str, (u16, Kind)>;

const MALFORMED: Wanted = Err((400, Kind::Malformed));
const NOT_READY: Wanted = Err((403, Kind::OrderNotReady));
const UNKNOWN: Wanted = Err((404, Kind::Malformed));

/// Sends a request in a fork of the world, so that one does not disturb the next. `None` is a POST-as-GET.
fn check(what: &str, client: &Client, url: &str, payload: Option<Value>, wanted: Wanted) {
    let world = client.world.fork();
    let client = client.at(&world);
    let asked = format!("{what}: {url} {payload:?}");
    let before = world.rows_but_nonces();
    let answered = client.send(client.sign(url, payload.clone()));
    match wanted {
        Ok(status) => {
            let found = answered.is(200).json();
            assert_eq!(found["status"], status, "{asked}: {found}");
            let read = client.get(url).is(200).json();
            assert_eq!(read["status"], status, "{asked}, read again: {read}");
        }
        Err((status, kind)) => {
            answered.refused(status, kind);
            assert_eq!(world.rows_but_nonces(), before, "{asked}: changes nothing");
        }
    }
}

/// A GET of a protected resource is never answered (H-08), nor is anybody else's POST (H-13).
fn check_strangers(what: &str, client: &Client, url: &str) {
    let world = client.world.fork();
    let refused = world.ask("GET", url.strip_prefix(BASE).unwrap()).refused(405, Kind::Malformed);
    assert_eq!(refused.header("Allow"), Some("POST"), "{what}");
    let stranger = Client::registered(&world);
    stranger.get(url).refused(404, Kind::Malformed);
    let before = world.rows_but_nonces();
    for payload in [json!({}), json!({ "status": "deactivated" })] {
        // 400 where no payload is ever right, whosever it is.
        let status = stranger.post(url, payload).status();
        assert!([400, 404].contains(&status), "{what}: {status}");
    }
    assert_eq!(world.rows_but_nonces(), before, "{what}");
}

fn csr(names: &[&str], key: &NativeKey) -> Value {
    json!({ "csr": b64::encode(&CsrShape::dns(names).build(key)) })
}

/// The first authorization of an order.
fn authorization(client: &Client, order: &Value) -> (String, Value) {
    client.authorizations(order).remove(0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// An order in a state, with its URL.
type Placed = (&'static str, Client, String, Value);

/// An order in each state, each in a world of its own; `key` is that of the CSR of those that were finalized.
fn orders(key: &NativeKey) -> Vec<Placed> {
    let client = Client::registered(&World::new());
    let pending = client.new_order(&["a.test"]).is(201);
    let (url, order) = (pending.location(), pending.json());
    let fork = |change: &dyn Fn(&Client)| {
        let client = client.at(&client.world.fork());
        change(&client);
        client
    };
    let ready = |client: &Client| client.authorize(&order, Proof::Http);
    let finalize = |client: &Client| {
        ready(client);
        client.post(order["finalize"].as_str().unwrap(), csr(&["a.test"], key)).is(200);
    };
    let clients = [
        ("pending", fork(&|_| {})),
        ("ready", fork(&|client| ready(client))),
        (
            "processing",
            fork(&|client| {
                client.world.sign_fault().from(0);
                finalize(client);
            }),
        ),
        ("valid", fork(&|client| finalize(client))),
        (
            "invalid",
            fork(&|client| {
                let challenge = client.prove(&authorization(client, &order).1, Proof::WrongHttp);
                client.post(&text(&challenge["url"]), json!({})).is(200);
            }),
        ),
        (
            "invalid",
            fork(&|client| {
                ready(client);
                client.post(&authorization(client, &order).0, json!({ "status": "deactivated" })).is(200);
            }),
        ),
        ("invalid", fork(&|client| client.world.pass(DAY + Duration::from_secs(1)))),
    ];
    clients.map(|(state, client)| (state, client, url.clone(), order.clone())).into()
}

#[test]
fn o07_o09_o12_orders_in_each_state() {
    let (key, another) = (new_key(SigAlg::Es256), new_key(SigAlg::Es256));
    for (state, client, url, order) in orders(&key) {
        let client = client.at(&client.world);
        check(state, &client, &url, None, Ok(state));
        for payload in [json!({}), json!({ "status": "deactivated" }), json!([])] {
            check(state, &client, &url, Some(payload), MALFORMED);
        }
        check_strangers(state, &client, &url);
        let finalize = text(&order["finalize"]);
        let wanted = match state {
            "ready" => Ok("valid"),
            "processing" | "valid" => Ok(state),
            _ => NOT_READY,
        };
        check_finalize(state, &client, &finalize, csr(&["a.test"], &key), wanted);
        let wanted = if state == "ready" { Ok("valid") } else { NOT_READY };
        check_finalize(state, &client, &finalize, csr(&["a.test"], &another), wanted);
        let wanted = if state == "ready" { Err((400, Kind::BadCsr)) } else { NOT_READY };
        check_finalize(state, &client, &finalize, csr(&["b.test"], &another), wanted);
        for payload in [None, Some(json!({})), Some(json!({ "csr": "AA==" })), Some(json!({ "csr": 1 }))] {
            check(state, &client, &finalize, payload, MALFORMED);
        }
        check_strangers(state, &client, &finalize);
        let shown = client.get(&url).is(200);
        assert_eq!(shown.json()["error"].is_object(), state == "invalid", "O-11 {state}");
        assert_eq!(shown.json()["certificate"].is_string(), state == "valid", "O-11 {state}");
        assert_eq!(shown.header("Retry-After").is_some(), state == "processing", "O-11, T-05 {state}");
        for member in ["status", "expires", "identifiers", "authorizations", "finalize"] {
            assert!(!shown.json()[member].is_null(), "T-31 {state}: {member}");
        }
        assert_eq!(shown.json()["authorizations"], order["authorizations"], "O-01: immutable");
        assert_eq!(shown.json()["identifiers"], order["identifiers"], "O-01: immutable");
    }
}

/// As [`check`], for a URL that is not read by POST-as-GET. Answers have the order's `Location` (T-01).
fn check_finalize(what: &str, client: &Client, url: &str, payload: Value, wanted: Wanted) {
    match wanted {
        Err(_) => check(what, client, url, Some(payload), wanted),
        Ok(status) => {
            let client = client.at(&client.world.fork());
            let answered = client.post(url, payload).is(200);
            assert_eq!(answered.json()["status"], status, "{what}: {}", answered.text());
            assert_eq!(format!("{}/finalize", answered.location()), url, "T-01");
        }
    }
}

/// An authorization in each state, its URL, and what its two challenges, http-01 and dns-01, are shown as.
fn authorizations() -> Vec<(&'static str, Client, String, Value, [&'static str; 2])> {
    let client = Client::registered(&World::new());
    let order = client.new_order(&["a.test"]).is(201).json();
    let (url, object) = authorization(&client, &order);
    let fork = |change: &dyn Fn(&Client)| {
        let client = client.at(&client.world.fork());
        change(&client);
        client
    };
    let answer = |client: &Client, proof| {
        let challenge = client.prove(&object, proof);
        client.post(&text(&challenge["url"]), json!({})).is(200);
    };
    let deactivate = |client: &Client| {
        client.post(&url, json!({ "status": "deactivated" })).is(200);
    };
    let hang = |client: &Client| {
        client.world.network().set_hanging(true);
        answer(client, Proof::Http);
    };
    let late = |client: &Client| client.world.pass(DAY + Duration::from_secs(1));
    let answered = |client: &Client| answer(client, Proof::Http);
    let in_states: [(&str, Client, [&str; 2]); 9] = [
        ("pending", fork(&|_| {}), ["pending", "pending"]),
        ("pending", fork(&|client| hang(client)), ["processing", "pending"]),
        ("valid", fork(&|client| answered(client)), ["valid", "pending"]),
        ("valid", fork(&|client| answer(client, Proof::Dns)), ["pending", "valid"]),
        ("invalid", fork(&|client| answer(client, Proof::WrongHttp)), ["invalid", "pending"]),
        ("invalid", fork(&|client| late(client)), ["pending", "pending"]),
        ("deactivated", fork(&|client| deactivate(client)), ["pending", "pending"]),
        (
            "deactivated",
            fork(&|client| {
                answered(client);
                deactivate(client);
            }),
            ["valid", "pending"],
        ),
        (
            "expired",
            fork(&|client| {
                answered(client);
                late(client);
            }),
            ["valid", "pending"],
        ),
    ];
    in_states.map(|(state, client, kinds)| (state, client, url.clone(), object.clone(), kinds)).into()
}

#[test]
fn z01_z08_authorizations_in_each_state() {
    for (state, client, url, object, _) in authorizations() {
        let client = client.at(&client.world);
        check(state, &client, &url, None, Ok(state));
        let deactivated = if ["pending", "valid"].contains(&state) { "deactivated" } else { state };
        check(state, &client, &url, Some(json!({ "status": "deactivated" })), Ok(deactivated));
        for payload in [json!({}), json!({ "status": "valid" }), json!({ "status": 1 }), json!("deactivated")] {
            check(state, &client, &url, Some(payload), MALFORMED);
        }
        check_strangers(state, &client, &url);
        let shown = client.get(&url).is(200).json();
        assert_eq!(shown["identifier"], object["identifier"]);
        assert!(shown["expires"].is_string() && shown.get("wildcard").is_none(), "Z-01 {state}: {shown}");
        let kinds = shown["challenges"].as_array().unwrap().len();
        assert!(kinds > 0 || state == "invalid", "T-31 {state}: {shown}");
    }
}

#[test]
fn z03_z04_z07_challenges_in_each_state() {
    for (state, client, _, object, kinds) in authorizations() {
        let client = client.at(&client.world);
        for (kind, shown) in ["http-01", "dns-01"].iter().zip(kinds) {
            let what = format!("{shown} {kind} in a {state} authorization");
            let offered = challenge(&object, kind);
            let url = text(&offered["url"]);
            check(&what, &client, &url, None, Ok(shown));
            // Nothing proves it here but what was put there before, so a pending one that may be answered fails.
            let is_open = state == "pending" && shown == "pending";
            if !is_open {
                client.world.network().asked();
                check(&what, &client, &url, Some(json!({})), Ok(shown));
                check(&what, &client, &url, Some(json!({ "odd": [1], "keyAuthorization": "x" })), Ok(shown));
                assert!(client.world.network().asked().is_empty(), "Z-07 {what}: never validated again");
            }
            for payload in [json!([]), json!("{}"), json!(1), Value::Null] {
                check(&what, &client, &url, Some(payload), MALFORMED);
            }
            check(&what, &client, &url.replace(kind, "http-00"), Some(json!({})), UNKNOWN);
            check_strangers(&what, &client, &url);
            let answered = client.get(&url).is(200);
            let (object, up) = (answered.json(), answered.link("up"));
            assert!(up.unwrap().contains("/acme/authz/"), "T-03 {what}");
            assert_eq!((&object["url"], &object["token"]), (&offered["url"], &offered["token"]), "Z-03 {what}");
            assert_eq!(object["validated"].is_string(), shown == "valid", "Z-03 {what}");
            assert_eq!(object["error"].is_object(), shown == "invalid", "Z-03 {what}");
        }
    }
}

/// What is decided of a challenge after its authorization was given up is shown, and changes the authorization no more.
#[test]
fn z08_a_validation_that_outlasts_its_authorization_ends_too() {
    for (proof, ends) in [(Proof::Http, "valid"), (Proof::WrongHttp, "invalid")] {
        let world = World::new();
        let client = Client::registered(&world);
        let placed = client.new_order(&["a.test"]).is(201);
        let (url, object) = authorization(&client, &placed.json());
        let answered = text(&client.prove(&object, proof)["url"]);
        world.network().set_hanging(true);
        assert_eq!(client.post(&answered, json!({})).is(200).json()["status"], "processing");
        client.post(&url, json!({ "status": "deactivated" })).is(200);
        world.network().set_hanging(false);
        world.live(Duration::from_secs(60));
        assert_eq!(client.get(&answered).is(200).json()["status"], ends);
        assert_eq!(client.get(&url).is(200).json()["status"], "deactivated");
        assert_eq!(client.get(&placed.location()).is(200).json()["status"], "invalid");
        assert_eq!(world.records("job/"), vec![]);
    }
}

#[test]
fn a13_j11_accounts_in_each_state() {
    let client = Client::registered(&World::new());
    let url = client.account().to_owned();
    check("valid", &client, &url, None, Ok("valid"));
    check("valid", &client, &url, Some(json!({})), Ok("valid"));
    check("valid", &client, &url, Some(json!({ "status": "revoked" })), Ok("valid"));
    check("valid", &client, &url, Some(json!([])), MALFORMED);
    check("valid", &client, &url, Some(json!({ "contact": 1 })), MALFORMED);
    check_strangers("valid", &client, &url);
    let order = client.new_order(&["a.test"]).is(201);
    let (authorization_url, object) = authorization(&client, &order.json());
    let certificate = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    client.post(&url, json!({ "status": "deactivated" })).is(200);
    let dead: Wanted = Err((401, Kind::Unauthorized));
    let urls = [
        url,
        order.location(),
        text(&order.json()["finalize"]),
        authorization_url,
        text(&challenge(&object, "http-01")["url"]),
        format!("{BASE}/directory"),
    ];
    let resources = ["new-nonce", "new-order", "revoke-cert", "key-change"].map(|name| client.url(name));
    for url in urls.into_iter().chain(resources) {
        for payload in [None, Some(json!({})), Some(json!({ "status": "valid" }))] {
            check("deactivated", &client, &url, payload, dead);
        }
    }
    client.revoke(&certificate, None).refused(401, Kind::Unauthorized);
    client.new_account(json!({ "onlyReturnExisting": true })).refused(401, Kind::Unauthorized);
}

#[test]
fn r05_r06_t37_certificates_in_each_state() {
    let client = Client::registered(&World::new());
    let key = new_key(SigAlg::Es256);
    let (_, order) = client.ready_order(&["a.test"]);
    let finished = client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&key)).is(200).json();
    let url = text(&finished["certificate"]);
    let pem = client.download(&finished);
    let der = selvedge::pki::pem::read_certificates(&pem).unwrap().remove(0);
    let revoked = client.at(&client.world.fork());
    assert_eq!(revoked.revoke(&der, Some(0)).is(200).text(), "", "R-06");
    assert_eq!(revoked.world.records("serial/")[0].1["revoked"].get("reason"), None, "R-05: 0 is no reason");
    let expired = client.at(&client.world.fork());
    expired.world.pass(90 * DAY);
    let in_states = [
        ("good", client, None),
        ("revoked", revoked, Some((400, Kind::AlreadyRevoked))),
        ("expired", expired, Some((403, Kind::Unauthorized))),
    ];
    for (state, client, refusal) in in_states {
        let client = client.at(&client.world);
        // T-37: a revoked certificate can still be had, as from Pebble; its account may need it to see what it was.
        assert_eq!(client.get(&url).is(200).text(), pem, "{state}");
        check(state, &client, &url, Some(json!({})), MALFORMED);
        check_strangers(state, &client, &url);
        for reason in [2, 6, 7, 8, 9, 10, 11, -1, 256] {
            let world = client.world.fork();
            client.at(&world).revoke(&der, Some(reason)).refused(400, Kind::BadRevocationReason);
        }
        for reason in [None, Some(0), Some(1), Some(3), Some(4), Some(5)] {
            let world = client.world.fork();
            let answered = client.at(&world).revoke(&der, reason);
            match refusal {
                None => drop(answered.is(200)),
                Some((status, kind)) => drop(answered.refused(status, kind)),
            }
        }
        let mut other = der.clone();
        let middle = other.len() / 2;
        other[middle] ^= 1;
        let answered = client.at(&client.world.fork()).revoke(&other, None);
        assert!([400, 404].contains(&answered.status()), "{state}: {}", answered.text());
    }
}
