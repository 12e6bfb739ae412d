mod form;
mod verify;

use super::*;
use crate::jose::FaultKind;
use crate::jose::testing::{ClientKey, run};
use crate::values::SigAlg;
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

const URL: &str = "https://ca.test/acme/new-order";
const ACCOUNT: &str = "https://ca.test/acme/account/1";

/// The same key in every run, so that tests of signatures are deterministic.
fn fixed_key(alg: SigAlg) -> ClientKey {
    let mut counter = 0u8;
    let mut fill = |bytes: &mut [u8]| {
        bytes.fill_with(|| {
            counter = counter.wrapping_mul(5).wrapping_add(77);
            counter
        })
    };
    ClientKey::from_native(NativeKey::generate(alg, &mut fill).unwrap())
}

fn kid_header() -> Value {
    json!({ "kid": ACCOUNT, "nonce": "bm9uY2U", "url": URL })
}

/// A valid request, for the tests to modify.
fn good() -> Value {
    serde_json::from_slice(&fixed_key(SigAlg::Ed25519).sign_jws(kid_header(), Some(json!({ "a": 1 })))).unwrap()
}

fn parse(value: &Value) -> Result<Unverified, JwsFault> {
    Unverified::parse(value.to_string().as_bytes())
}

fn fault(value: &Value) -> JwsFault {
    parse(value).unwrap_err()
}

/// A request whose protected header is this text.
fn protected(text: &str) -> Result<Unverified, JwsFault> {
    Unverified::parse(&fixed_key(SigAlg::Ed25519).sign_raw(text, b"{}"))
}

/// A request with this protected header and `alg` EdDSA.
fn header(value: Value) -> Result<Unverified, JwsFault> {
    Unverified::parse(&fixed_key(SigAlg::Ed25519).sign_jws(value, None))
}

fn verified(payload: &[u8]) -> Verified {
    let client = fixed_key(SigAlg::Ed25519);
    let protected = json!({ "alg": "EdDSA", "kid": ACCOUNT, "nonce": "bm9uY2U", "url": URL }).to_string();
    let request = Unverified::parse(&client.sign_raw(&protected, payload)).unwrap();
    run(request.verify(&client.jwk(), &NativeCrypto)).unwrap()
}

#[test]
fn j09_post_as_get_is_the_empty_payload_and_nothing_else() {
    let get = verified(b"");
    assert!(get.is_post_as_get());
    assert_eq!(get.payload_json::<Value>(), Err(JwsFault::PayloadEmpty));
    for payload in ["{}", " ", "null", "\"\""] {
        let post = verified(payload.as_bytes());
        assert!(!post.is_post_as_get());
    }
    assert_eq!(verified(b"{}").payload_json(), Ok(json!({})));
}

#[test]
fn j09_a_payload_is_one_object_of_the_wanted_shape() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Shape {
        a: u8,
    }
    assert_eq!(verified(br#"{"a":1,"b":[]}"#).payload_json(), Ok(Shape { a: 1 }));
    let part = "the payload";
    let read = |payload: &[u8]| verified(payload).payload_json::<Shape>().unwrap_err();
    assert_eq!(read(b"[1]"), JwsFault::NotAnObject { part, found: "an array" });
    assert_eq!(read(br#"{"a":1,"a":2}"#), JwsFault::DuplicateMember { part, member: "a".to_owned() });
    assert!(matches!(read(b"{\"a\":1"), JwsFault::NotJson { part: "the payload", .. }));
    assert!(matches!(read(b"\xff"), JwsFault::NotJson { part: "the payload", .. }));
    for wrong in [&b"{}"[..], br#"{"a":"1"}"#, br#"{"a":256}"#] {
        let found = read(wrong);
        assert!(matches!(&found, JwsFault::PayloadShape { .. }) && found.kind() == FaultKind::Malformed, "{found}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Unverified::parse(&bytes);
    }

    #[test]
    fn no_protected_header_makes_it_panic(
        text in r#"\{("(alg|kid|jwk|nonce|url|crit|b64)":("EdDSA"|"RS256"|"[a-z]{0,3}"|1|true|\{"kty":"OKP"\}),?){0,5}\}"#,
    ) {
        let _ = protected(&text);
    }

    #[test]
    fn j10_a_request_with_one_byte_changed_never_verifies(
        es256: bool, place: prop::sample::Index, byte: u8, payload in "[a-z]{0,20}",
    ) {
        let client = fixed_key(if es256 { SigAlg::Es256 } else { SigAlg::Ed25519 });
        let mut body = client.sign_jws(kid_header(), Some(json!({ "a": payload })));
        let place = place.index(body.len());
        prop_assume!(body[place] != byte);
        body[place] = byte;
        if let Ok(request) = Unverified::parse(&body) {
            prop_assert!(run(request.verify(&client.jwk(), &NativeCrypto)).is_err());
        }
    }

    #[test]
    fn j10_what_was_signed_is_what_is_read(payload in proptest::collection::vec(any::<u8>(), 0..200), es384: bool) {
        let alg = if es384 { SigAlg::Es384 } else { SigAlg::Ed25519 };
        let client = fixed_key(alg);
        let name = if es384 { "ES384" } else { "EdDSA" };
        let protected = json!({ "alg": name, "kid": ACCOUNT }).to_string();
        let request = Unverified::parse(&client.sign_raw(&protected, &payload)).unwrap();
        let proven = run(request.verify(&client.jwk(), &NativeCrypto)).unwrap();
        prop_assert_eq!(proven.payload(), payload.as_slice());
        prop_assert_eq!(proven.is_post_as_get(), payload.is_empty());
    }
}
