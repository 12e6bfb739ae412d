//! Each request to orders, accounts and certificates in each state of RFC 8555 §7.1.6.
//!
//! The client checks by itself what every response has to have (H-05, H-06, H-11, T-32).

use super::states_reached::{DAY, MALFORMED, NOT_READY, Wanted, authorization, check, check_strangers, text};
use core::time::Duration;
use selvedge::ca::testing::{BASE, Client, CsrShape, Proof, World, challenge, new_key};
use selvedge::records::Kind;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

fn csr(names: &[&str], key: &NativeKey) -> Value {
    json!({ "csr": b64::encode(&CsrShape::dns(names).build(key)) })
}

/// An order in a state, with its URL.
type Placed = (&'static str, Client, String, Value);

/// An order in each state, each in its own world, finalized with `key`.
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
    assert!(client.world.records("serial/")[0].1.get("revoked").is_none(), "A-13: certificates outlive their account");
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
