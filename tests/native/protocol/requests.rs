//! The form of requests: padding (H-02) and the signed URL (J-08), at every resource.

use selvedge::ca::testing::{BASE, Client, CsrShape, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

/// A base64url text with needed or needless padding, or in the other alphabet.
fn misspelt(text: &str) -> Vec<String> {
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    let padded = format!("{text}{}", if padding.is_empty() { "====" } else { &padding });
    vec![padded, format!("{text}="), format!("{text}\n"), format!("{text}+"), format!("{text}/"), format!(" {text}")]
}

#[test]
fn h02_padding_is_refused_in_every_field_of_a_request() {
    let world = World::new();
    let client = Client::registered(&world);
    let url = client.url("new-order");
    let payload = json!({ "identifiers": [{ "type": "dns", "value": "a.test" }] });
    let before = world.rows_but_nonces();
    for field in ["protected", "payload", "signature"] {
        let body: Value = serde_json::from_slice(&client.sign(&url, Some(payload.clone())).body.unwrap()).unwrap();
        for text in misspelt(body[field].as_str().unwrap()) {
            let mut body = body.clone();
            body[field] = text.into();
            client.send(client.request(&url, body.to_string().into_bytes())).refused(400, Kind::Malformed);
        }
    }
    assert_eq!(world.rows_but_nonces(), before);
    client.post(&url, payload).is(201);
}

#[test]
fn h02_padding_is_refused_in_every_field_of_a_payload() {
    let client = Client::registered(&World::new());
    let key = new_key(SigAlg::Es256);
    let certificate = client.issue(&["a.test"], &key);
    let (order_url, order) = client.ready_order(&["a.test"]);
    let finalize = order["finalize"].as_str().unwrap();
    for text in misspelt(&b64::encode(&CsrShape::dns(&["a.test"]).build(&key))) {
        client.post(finalize, json!({ "csr": text })).refused(400, Kind::Malformed);
    }
    assert_eq!(client.get(&order_url).is(200).json()["status"], "ready");
    for text in misspelt(&b64::encode(&certificate)) {
        client.post(&client.url("revoke-cert"), json!({ "certificate": text })).refused(400, Kind::Malformed);
    }
    let (url, new) = (client.url("key-change"), ClientKey::generate(SigAlg::Es256));
    for field in ["protected", "payload", "signature"] {
        let inner = new.key_change(&url, client.account(), &client.key);
        for text in misspelt(inner[field].as_str().unwrap()) {
            let mut inner = inner.clone();
            inner[field] = text.into();
            client.post(&url, inner).refused(400, Kind::Malformed);
        }
    }
    client.key_change(&new).is(200);
    let mut jwk = new.jwk_json();
    for text in misspelt(jwk["x"].clone().as_str().unwrap()) {
        jwk["x"] = text.into();
        let protected = json!({ "jwk": jwk, "nonce": client.fresh_nonce(), "url": client.url("new-account") });
        let body = new.sign_jws(protected, Some(json!({})));
        let answered = client.send(client.request(&client.url("new-account"), body)).is(400);
        assert_ne!(answered.json()["type"], "urn:ietf:params:acme:error:badNonce", "{}", answered.text());
    }
}

#[test]
fn j08_signed_url_must_equal_the_request_url() {
    let world = World::new();
    let client = Client::registered(&world);
    let (order_url, order) = client.ready_order(&["a.test"]);
    let urls = [client.account(), &order_url, order["finalize"].as_str().unwrap(), &client.url("new-order")];
    let before = world.rows_but_nonces();
    for url in urls {
        for other in [
            url.replace("https://", "http://"),
            url.replace("https://", "HTTPS://"),
            url.replace("ca.test", "CA.test"),
            url.replace("ca.test", "ca.test:443"),
            url.replace("ca.test", "ca.test."),
            url.replace("ca.test", "other.test"),
            url.replace("/acme/", "/acme//"),
            url.replace("/acme/", "/%61cme/"),
            url.replace("/acme/", "/acme/./"),
            format!("{url}/"),
            format!("{url}?"),
            format!("{url}#"),
            format!("{url} "),
            url.strip_prefix(BASE).unwrap().to_owned(),
            format!("{BASE}/directory"),
            String::new(),
        ] {
            let protected = json!({ "kid": client.account(), "nonce": client.nonce(), "url": other });
            let refused = client.send(client.request(url, client.key.sign_jws(protected, Some(json!({})))));
            let detail = refused.refused(403, Kind::Unauthorized).detail();
            assert!(detail.contains(url), "both URLs are named: {detail}");
        }
        // The other way round: the signed URL is good, the one that was asked is not.
        let asked = client.sign(url, None);
        let elsewhere = selvedge::ca::http::message::Request { path: format!("{}?x", asked.path), ..asked };
        client.send(elsewhere).refused(404, Kind::Malformed);
    }
    assert_eq!(world.rows_but_nonces(), before);
}
