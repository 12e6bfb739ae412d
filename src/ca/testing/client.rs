//! A strict ACME client in the same process.

use super::answered::Answered;
use super::csr::CsrShape;
use super::world::{BASE, World};
use crate::ca::http::address::ClientAddress;
use crate::ca::http::message::Request;
use crate::jose::testing::ClientKey;
use crate::pki::certificate::parse_presented;
use crate::pki::pem;
use crate::validation::challenges::dns01;
use crate::values::native_crypto::NativeKey;
use crate::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::cell::RefCell;

/// A client with its key and, once it has one, its account.
#[derive(Clone)]
pub struct Client {
    /// Its world.
    pub world: World,
    /// The account key.
    pub key: ClientKey,
    /// The account's URL, once created.
    pub account: Option<String>,
    /// Its client address, if any.
    pub address: Option<ClientAddress>,
    nonce: RefCell<Option<String>>,
}

/// The way to answer a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// http-01.
    Http,
    /// dns-01.
    Dns,
    /// http-01, with a wrong file.
    WrongHttp,
}

/// A new key for an account or a certificate.
pub fn new_key(alg: SigAlg) -> NativeKey {
    ClientKey::generate(alg).native().clone()
}

/// A weak key of tests/fixtures/keys.
pub fn weak_key(name: &str) -> NativeKey {
    let file = format!("{}/tests/fixtures/keys/{name}.der", env!("CARGO_MANIFEST_DIR"));
    let der = std::fs::read(file).expect("the fixture");
    let pem = der::pem::encode_string("PRIVATE KEY", der::pem::LineEnding::LF, &der).expect("PEM");
    NativeKey::from_pkcs8_pem(&pem).expect("a private key")
}

impl Client {
    /// A client without an account, with a new P-256 key.
    pub fn new(world: &World) -> Self {
        Self::with_key(world, ClientKey::generate(SigAlg::Es256))
    }

    /// A client without an account.
    pub fn with_key(world: &World, key: ClientKey) -> Self {
        Self { world: world.clone(), key, account: None, address: None, nonce: RefCell::new(None) }
    }

    /// A client with an account.
    pub fn registered(world: &World) -> Self {
        let mut client = Self::new(world);
        client.register();
        client
    }

    /// The same client in another world, a fork of its own, whose nonces it uses.
    pub fn at(&self, world: &World) -> Self {
        Self { world: world.clone(), nonce: RefCell::new(None), ..self.clone() }
    }

    /// The same account with another key.
    pub fn rekeyed(&self, key: &ClientKey) -> Self {
        Self { key: key.clone(), nonce: RefCell::new(None), ..self.clone() }
    }

    /// The account's URL.
    pub fn account(&self) -> &str {
        self.account.as_deref().expect("the client has an account")
    }

    /// The name of its account's partition.
    pub fn partition(&self) -> String {
        format!("account/{}", self.account().rsplit('/').next().expect("an id"))
    }

    /// The URL of a resource: `new-order` and the like.
    pub fn url(&self, resource: &str) -> String {
        self.world.urls().resource(resource)
    }

    /// A nonce: the last unused one, or a new one.
    pub fn nonce(&self) -> String {
        self.nonce.take().unwrap_or_else(|| self.fresh_nonce())
    }

    /// A nonce from newNonce.
    pub fn fresh_nonce(&self) -> String {
        let answered = self.world.ask("HEAD", &self.world.path("/acme/new-nonce")).is(200);
        answered.header("Replay-Nonce").expect("a nonce").to_owned()
    }

    /// The protected header of a request to `url`. It has `kid`, or without an account `jwk`.
    pub fn protected(&self, url: &str) -> Value {
        match &self.account {
            Some(account) => json!({ "kid": account, "nonce": self.nonce(), "url": url }),
            None => json!({ "jwk": self.key.jwk_json(), "nonce": self.nonce(), "url": url }),
        }
    }

    /// A signed request; `None` is a POST-as-GET.
    pub fn sign(&self, url: &str, payload: Option<Value>) -> Request {
        let protected = self.protected(url);
        self.request(url, self.key.sign_jws(protected, payload))
    }

    /// A POST of `body`.
    pub fn request(&self, url: &str, body: Vec<u8>) -> Request {
        Request {
            method: "POST".to_owned(),
            path: url.strip_prefix(BASE).unwrap_or(url).to_owned(),
            content_type: Some("application/jose+json".to_owned()),
            body: Some(body),
            address: self.address,
            ..Request::default()
        }
    }

    /// Sends a request and keeps the nonce of the answer.
    pub fn send(&self, request: Request) -> Answered {
        let answered = self.world.send(request);
        self.nonce.replace(answered.header("Replay-Nonce").map(str::to_owned));
        answered
    }

    /// POST.
    pub fn post(&self, url: &str, payload: Value) -> Answered {
        self.send(self.sign(url, Some(payload)))
    }

    /// POST-as-GET.
    pub fn get(&self, url: &str) -> Answered {
        self.send(self.sign(url, None))
    }

    /// POST to newAccount.
    pub fn new_account(&self, payload: Value) -> Answered {
        let nameless = Self { account: None, ..self.clone() };
        let answered = nameless.post(&self.url("new-account"), payload);
        self.nonce.replace(nameless.nonce.take());
        answered
    }

    /// Creates an account for the key.
    pub fn register(&mut self) {
        self.account = Some(self.new_account(json!({ "termsOfServiceAgreed": true })).is(201).location());
    }

    /// POST to newOrder for these DNS names.
    pub fn new_order(&self, names: &[&str]) -> Answered {
        self.new_order_with(names, json!({}))
    }

    /// POST to newOrder for these DNS names, with further members.
    pub fn new_order_with(&self, names: &[&str], members: Value) -> Answered {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        let mut payload = members;
        payload["identifiers"] = identifiers.into();
        self.post(&self.url("new-order"), payload)
    }

    /// POST to newAuthz for this DNS name.
    pub fn new_authz(&self, name: &str) -> Answered {
        self.post(&self.url("new-authz"), json!({ "identifier": { "type": "dns", "value": name } }))
    }

    /// The certID of a certificate, DER (RFC 9773 §4.1).
    pub fn cert_id(&self, certificate: &[u8]) -> String {
        let read = parse_presented(certificate).expect("a certificate");
        let key_id = read.authority_key_id.expect("an authority key identifier");
        format!("{}.{}", b64::encode(&key_id), b64::encode(read.serial.octets()))
    }

    /// The authorization objects of an order object, with their URLs.
    pub fn authorizations(&self, order: &Value) -> Vec<(String, Value)> {
        let urls = order["authorizations"].as_array().expect("authorizations");
        urls.iter()
            .map(|url| url.as_str().expect("a URL").to_owned())
            .map(|url| (url.clone(), self.get(&url).is(200).json()))
            .collect()
    }

    /// Puts the proof for a challenge in its place.
    pub fn prove(&self, authorization: &Value, proof: Proof) -> Value {
        let name = authorization["identifier"]["value"].as_str().expect("a name");
        let kind = if proof == Proof::Dns { "dns-01" } else { "http-01" };
        let challenge = challenge(authorization, kind);
        let token = challenge["token"].as_str().expect("a token");
        let key_authorization = format!("{token}.{}", self.key.thumbprint().as_str());
        let path = format!("/.well-known/acme-challenge/{token}");
        match proof {
            Proof::Http => self.world.network().page(name, &path, &format!("{key_authorization}\n")),
            Proof::WrongHttp => self.world.network().page(name, &path, "something else"),
            Proof::Dns => {
                self.world.network().txt(&format!("_acme-challenge.{name}"), &dns01::expected(&key_authorization));
            }
        }
        challenge
    }

    /// Proves all names of an order.
    pub fn authorize(&self, order: &Value, proof: Proof) {
        for (url, authorization) in self.authorizations(order) {
            if authorization["status"] != "pending" {
                continue;
            }
            let challenge = self.prove(&authorization, proof);
            let answered = self.post(challenge["url"].as_str().expect("a URL"), json!({})).is(200);
            assert_eq!(answered.json()["status"], "valid", "{}", answered.text());
            assert_eq!(answered.link("up"), Some(url));
        }
    }

    /// Places an order for this name and fails its validation permanently.
    pub fn fail(&self, name: &str) {
        let placed = self.new_order(&[name]).is(201);
        let (url, authorization) = self.authorizations(&placed.json()).remove(0);
        let challenge = self.prove(&authorization, Proof::WrongHttp);
        self.post(challenge["url"].as_str().expect("a URL"), json!({})).is(200);
        let shown = self.get(&url).is(200).json();
        assert_eq!(shown["status"], "invalid", "{shown}");
    }

    /// Places an order and proves its names, wildcards by DNS; returns its URL and object.
    pub fn ready_order(&self, names: &[&str]) -> (String, Value) {
        self.ready_order_with(names, json!({}))
    }

    /// As [`Client::ready_order`], with further members in the request.
    pub fn ready_order_with(&self, names: &[&str], members: Value) -> (String, Value) {
        let proof = if names.iter().any(|name| name.starts_with("*.")) { Proof::Dns } else { Proof::Http };
        let placed = self.new_order_with(names, members).is(201);
        self.authorize(&placed.json(), proof);
        let order = self.get(&placed.location()).is(200).json();
        assert_eq!(order["status"], "ready", "{order}");
        (placed.location(), order)
    }

    /// The request that finalizes an order with this CSR, DER.
    pub fn finalize_request(&self, order: &Value, csr: &[u8]) -> Request {
        let url = order["finalize"].as_str().expect("a URL").to_owned();
        self.sign(&url, Some(json!({ "csr": b64::encode(csr) })))
    }

    /// POST to finalize.
    pub fn finalize(&self, order: &Value, csr: &[u8]) -> Answered {
        self.send(self.finalize_request(order, csr))
    }

    /// The PEM chain of an issued order.
    pub fn download(&self, order: &Value) -> String {
        let url = order["certificate"].as_str().unwrap_or_else(|| panic!("no certificate: {order}"));
        self.get(url).is(200).text().to_owned()
    }

    /// Issues a certificate for `key` and returns its DER.
    pub fn issue(&self, names: &[&str], key: &NativeKey) -> Vec<u8> {
        self.issue_with(names, json!({}), key)
    }

    /// As [`Client::issue`], with further members in the order.
    pub fn issue_with(&self, names: &[&str], members: Value, key: &NativeKey) -> Vec<u8> {
        let (_, order) = self.ready_order_with(names, members);
        let finished = self.finalize(&order, &CsrShape::dns(names).build(key)).is(200).json();
        assert_eq!(finished["status"], "valid", "{finished}");
        pem::read_certificates(&self.download(&finished)).expect("PEM").remove(0)
    }

    /// POST to revokeCert.
    pub fn revoke(&self, certificate: &[u8], reason: Option<i64>) -> Answered {
        self.send(self.revoke_request(certificate, reason))
    }

    /// The request that revokes a certificate.
    pub fn revoke_request(&self, certificate: &[u8], reason: Option<i64>) -> Request {
        let mut payload = json!({ "certificate": b64::encode(certificate) });
        if let Some(reason) = reason {
            payload["reason"] = reason.into();
        }
        self.sign(&self.url("revoke-cert"), Some(payload))
    }

    /// The request that replaces the account key by `new`.
    pub fn key_change_request(&self, new: &ClientKey) -> Request {
        let url = self.url("key-change");
        self.sign(&url, Some(new.key_change(&url, self.account(), &self.key)))
    }

    /// POST to keyChange.
    pub fn key_change(&self, new: &ClientKey) -> Answered {
        self.send(self.key_change_request(new))
    }
}

/// The request of a browser that submits the form at this URL, say with `agree=yes`.
pub fn form(url: &str, body: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        path: url.strip_prefix(BASE).unwrap_or(url).to_owned(),
        content_type: Some("application/x-www-form-urlencoded".to_owned()),
        body: Some(body.as_bytes().to_vec()),
        ..Request::default()
    }
}

/// The challenge of this type in an authorization object.
pub fn challenge(authorization: &Value, kind: &str) -> Value {
    let challenges = authorization["challenges"].as_array().expect("challenges");
    let found = challenges.iter().find(|challenge| challenge["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {authorization}")).clone()
}
