use super::*;
use crate::jose::testing::{ClientKey, run};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeCrypto;
use serde_json::{Value, json};

const URL: &str = "https://ca.test/acme/key-change";
const ACCOUNT: &str = "https://ca.test/acme/account/1";

struct Keys {
    old: ClientKey,
    new: ClientKey,
}

impl Keys {
    fn make() -> Self {
        Self { old: ClientKey::generate(SigAlg::Es256), new: ClientKey::generate(SigAlg::Ed25519) }
    }

    /// The outcome of an outer request by the old key with this payload.
    fn ask(&self, payload: Value) -> Result<KeyChange, KeyChangeFault> {
        self.ask_as(json!({ "kid": ACCOUNT, "nonce": "bm9uY2U", "url": URL }), Some(payload))
    }

    fn ask_as(&self, outer: Value, payload: Option<Value>) -> Result<KeyChange, KeyChangeFault> {
        let outer = Unverified::parse(&self.old.sign_jws(outer, payload)).unwrap();
        let outer = run(outer.verify(&self.old.jwk(), &NativeCrypto)).unwrap();
        run(KeyChange::verify(&outer, &NativeCrypto))
    }

    /// An inner JWS with this header and payload, signed by the new key.
    fn inner(&self, protected: Value, payload: Value) -> Value {
        serde_json::from_slice(&self.new.sign_jws(protected, Some(payload))).unwrap()
    }

    fn request(&self) -> Value {
        json!({ "account": ACCOUNT, "oldKey": self.old.jwk_json() })
    }

    fn header(&self) -> Value {
        json!({ "jwk": self.new.jwk_json(), "url": URL })
    }
}

#[test]
fn a11_both_keys_signed_so_the_change_is_proven() {
    let keys = Keys::make();
    assert_eq!(keys.ask(keys.new.key_change(URL, ACCOUNT, &keys.old)).unwrap().new_key(), &keys.new.jwk());
    assert!(keys.ask(keys.inner(keys.header(), keys.request())).is_ok());
}

#[test]
fn a11_the_inner_header_has_a_jwk_no_nonce_and_the_outer_url() {
    let keys = Keys::make();
    let ask = |header: Value| keys.ask(keys.inner(header, keys.request())).unwrap_err();
    let jwk = keys.new.jwk_json();
    assert_eq!(ask(json!({ "kid": ACCOUNT, "url": URL })), KeyChangeFault::Jws(JwsFault::JwkWanted));
    let nonce = ask(json!({ "jwk": jwk, "url": URL, "nonce": "bm9uY2U" }));
    assert_eq!(nonce, KeyChangeFault::Jws(JwsFault::NonceNotAllowed));
    for (header, found) in [(json!({ "jwk": jwk, "url": ACCOUNT }), ACCOUNT), (json!({ "jwk": jwk }), "")] {
        let fault = ask(header);
        assert_eq!(fault, KeyChangeFault::UrlMismatch { found: found.to_owned() });
        assert_eq!(fault.kind(), Some(FaultKind::Malformed));
    }
    // That neither has a `url` does not make them equal.
    let outer = json!({ "kid": ACCOUNT, "nonce": "bm9uY2U" });
    let fault = keys.ask_as(outer, Some(keys.inner(json!({ "jwk": jwk }), keys.request())));
    assert!(matches!(fault, Err(KeyChangeFault::UrlMismatch { .. })));
}

#[test]
fn a11_the_new_key_has_to_have_signed() {
    let keys = Keys::make();
    let third = ClientKey::generate(SigAlg::Ed25519);
    let fault = keys.ask(keys.inner(json!({ "jwk": third.jwk_json(), "url": URL }), keys.request())).unwrap_err();
    assert_eq!(fault, KeyChangeFault::Verify(VerifyFault::SignatureWrong));
    let mut mac = keys.inner(keys.header(), keys.request());
    mac["signature"] = "".into();
    assert!(matches!(keys.ask(mac), Err(KeyChangeFault::Verify(VerifyFault::SignatureLength { .. }))));
    let mismatch =
        keys.ask(keys.inner(json!({ "alg": "ES256", "jwk": keys.new.jwk_json(), "url": URL }), keys.request()));
    assert_eq!(mismatch.unwrap_err().kind(), Some(FaultKind::BadPublicKey));
}

#[test]
fn a11_account_and_old_key_are_those_of_the_outer_request() {
    let keys = Keys::make();
    let ask = |payload: Value| keys.ask(keys.inner(keys.header(), payload)).unwrap_err();
    let other = "https://ca.test/acme/account/2";
    let fault = ask(json!({ "account": other, "oldKey": keys.old.jwk_json() }));
    assert_eq!(fault, KeyChangeFault::AccountMismatch { found: other.to_owned() });
    let fault = ask(json!({ "account": ACCOUNT, "oldKey": keys.new.jwk_json() }));
    assert_eq!(fault, KeyChangeFault::OldKeyMismatch);
    assert_eq!(fault.kind(), Some(FaultKind::Malformed));
    for payload in [json!({ "account": ACCOUNT }), json!({ "oldKey": keys.old.jwk_json() }), json!({})] {
        assert!(matches!(ask(payload), KeyChangeFault::Jws(JwsFault::PayloadShape { .. })));
    }
    let fault = ask(json!({ "account": ACCOUNT, "oldKey": { "kty": "oct" } }));
    assert!(matches!(fault, KeyChangeFault::Jws(JwsFault::Jwk(_))));
}

#[test]
fn a11_the_outer_request_is_by_the_account_and_carries_a_jws() {
    let keys = Keys::make();
    let outer = json!({ "jwk": keys.old.jwk_json(), "nonce": "bm9uY2U", "url": URL });
    let fault = keys.ask_as(outer, Some(keys.inner(keys.header(), keys.request()))).unwrap_err();
    assert_eq!(fault, KeyChangeFault::Jws(JwsFault::KidWanted));
    assert!(matches!(keys.ask(json!({})), Err(KeyChangeFault::Jws(JwsFault::MissingMember { .. }))));
    let outer = json!({ "kid": ACCOUNT, "nonce": "bm9uY2U", "url": URL });
    let fault = keys.ask_as(outer, None).unwrap_err();
    assert!(matches!(fault, KeyChangeFault::Jws(JwsFault::NotJson { part: "the payload", .. })), "{fault}");
}

#[test]
fn a11_a_change_to_the_same_key_is_refused() {
    let keys = Keys::make();
    assert_eq!(keys.ask(keys.old.key_change(URL, ACCOUNT, &keys.old)).unwrap_err(), KeyChangeFault::SameKey);
}
