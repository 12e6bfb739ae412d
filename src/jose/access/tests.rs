mod cache;
mod claims;

use super::*;
use crate::jose::FaultKind;
use crate::jose::fault::JwsFault;
use crate::jose::testing::{ClientKey, run};
use crate::values::b64;
use crate::values::native_crypto::NativeCrypto;
use proptest::prelude::*;
use serde_json::json;

const NOW: Time = Time::from_secs(1_795_521_600);
const TEAM: &str = "https://team-a.cloudflareaccess.com";

fn tag() -> String {
    "0a".repeat(32)
}

fn expected() -> Expected {
    Expected { issuer: TEAM.to_owned(), audience: tag() }
}

/// A valid assertion, for the tests to modify.
fn good() -> Value {
    let now = NOW.secs();
    json!({
        "aud": [tag()], "email": "ann@example.org", "exp": now + 3600, "iat": now - 10, "nbf": now - 10, "iss": TEAM,
        "type": "app", "identity_nonce": "x", "sub": "7335d417-61da-459d-899c-0a01c76a2f94", "country": "DE",
    })
}

/// The compact serialization with this header and payload, signed by `key`.
fn compact(key: &ClientKey, header: &str, payload: &[u8]) -> String {
    let signed: Value = serde_json::from_slice(&key.sign_raw(header, payload)).unwrap();
    let part = |member: &str| signed[member].as_str().unwrap().to_owned();
    [part("protected"), part("payload"), part("signature")].join(".")
}

const HEADER: &str = r#"{"alg":"ES256","kid":"one","typ":"JWT"}"#;

fn key() -> ClientKey {
    ClientKey::generate(SigAlg::Es256)
}

/// The fault of an assertion with this header, found before the signature check.
fn header(text: &str) -> AccessFault {
    Assertion::parse(&format!("{}.e30.AA", b64::encode(text.as_bytes()))).unwrap_err()
}

#[test]
fn assertion_of_the_team_names_its_user() {
    for (alg, name) in [(SigAlg::Es256, "ES256"), (SigAlg::Rs256, "RS256")] {
        let key = ClientKey::generate(alg);
        let mut published = key.jwk_json();
        let more = json!({ "kid": "one", "use": "sig", "alg": name });
        published.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let document = json!({
            "keys": [published], "public_cert": { "kid": "one", "cert": "PEM" }, "public_certs": [],
        });
        let keys = AccessKeys::parse(document.to_string().as_bytes()).unwrap();
        let header = json!({ "alg": name, "kid": "one", "typ": "JWT" }).to_string();
        let assertion = Assertion::parse(&compact(&key, &header, good().to_string().as_bytes())).unwrap();
        assert_eq!(assertion.kid(), "one");
        let verified = run(assertion.verify(keys.get(assertion.kid()).unwrap(), &NativeCrypto)).unwrap();
        let found = verified.identity(&expected(), NOW).unwrap();
        assert_eq!(found, Identity::Person("ann@example.org".to_owned()));
        assert!(keys.get("two").is_none());
    }
}

#[test]
fn only_the_key_that_is_named_has_signed() {
    let (one, other) = (key(), key());
    let assertion = Assertion::parse(&compact(&one, HEADER, good().to_string().as_bytes())).unwrap();
    let verify = |key: &Jwk| run(assertion.verify(key, &NativeCrypto)).map(|_| ());
    assert_eq!(verify(&one.jwk()), Ok(()));
    assert_eq!(verify(&other.jwk()), Err(AccessFault::SignatureWrong));
    for alg in [SigAlg::Es384, SigAlg::Ed25519] {
        let other = ClientKey::generate(alg).jwk();
        assert_eq!(verify(&other), Err(AccessFault::KeyMismatch(other.to_string())));
    }
}

#[test]
fn a_signature_has_its_full_length() {
    let key = key();
    let whole = compact(&key, HEADER, b"{}");
    let (input, signature) = whole.rsplit_once('.').unwrap();
    let signature = b64::decode(signature).unwrap();
    for spoilt in [&[][..], &signature[1..], &[&signature[..], &[0]].concat(), &[0; 64]] {
        let assertion = Assertion::parse(&format!("{input}.{}", b64::encode(spoilt))).unwrap();
        assert_eq!(run(assertion.verify(&key.jwk(), &NativeCrypto)).map(|_| ()), Err(AccessFault::SignatureWrong));
    }
}

#[test]
fn only_two_algorithms_are_taken() {
    for other in ["none", "HS256", "ES384", "EdDSA", "PS256", "RS384", "es256", ""] {
        let fault = header(&json!({ "alg": other, "kid": "one" }).to_string());
        assert_eq!(fault, AccessFault::Algorithm(other.to_owned()));
    }
    assert!(Assertion::parse(&format!("{}.e30.AA", b64::encode(HEADER.as_bytes()))).is_ok());
}

#[test]
fn a_header_says_what_it_has_to_once_and_nothing_that_changes_its_meaning() {
    assert_eq!(header(r#"{"alg":"ES256"}"#), AccessFault::NoKid);
    assert_eq!(header(r#"{"alg":"ES256","kid":""}"#), AccessFault::NoKid);
    for bad in [
        r#"{"kid":"one"}"#,
        r#"{"alg":1,"kid":"one"}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","kid":"one","kid":"one"}"#,
        r#"{"alg":"ES256","kid":"one","crit":["b64"]}"#,
        r#"{"alg":"ES256","kid":"one","crit":[]}"#,
        r#"{"alg":"ES256","kid":"one","b64":false}"#,
        "[]",
        "",
        "{",
    ] {
        let fault = header(bad);
        let AccessFault::Form(inner) = &fault else { panic!("{bad}: {fault}") };
        assert_eq!(inner.kind(), FaultKind::Malformed, "{bad}");
    }
}

#[test]
fn the_form_is_strict() {
    let good = format!("{}.e30.AA", b64::encode(HEADER.as_bytes()));
    assert!(Assertion::parse(&good).is_ok());
    for bad in ["", ".", "a.b", &good[..good.len() - 3], &format!("{good}."), &format!("{good}.AA")] {
        assert_eq!(Assertion::parse(bad).map(|_| ()), Err(AccessFault::NotCompact), "{bad}");
    }
    for bad in [format!("{good}="), format!(" {good}"), format!("{good}\n"), good.replace("e30", "e3 0")] {
        assert!(matches!(Assertion::parse(&bad), Err(AccessFault::Base64 { .. })), "{bad}");
    }
    // A, whose bits after the last byte are not zero.
    assert!(matches!(Assertion::parse(&good.replace(".AA", ".AB")), Err(AccessFault::Base64 { .. })));
    let fill = |length: usize| {
        let head = format!("{}.", b64::encode(HEADER.as_bytes()));
        format!("{head}{}.AAAA", "A".repeat(length - head.len() - 5))
    };
    assert_ne!(Assertion::parse(&fill(8192)).map(|_| ()), Err(AccessFault::TooLong));
    assert_eq!(Assertion::parse(&fill(8193)).map(|_| ()), Err(AccessFault::TooLong));
}

#[test]
fn what_was_signed_is_one_object_without_repetition() {
    let key = key();
    for bad in [&b"[]"[..], b"", b"{\"a\":1,\"a\":1}", b"{} x", b"\xff"] {
        let assertion = Assertion::parse(&compact(&key, HEADER, bad)).unwrap();
        let fault = run(assertion.verify(&key.jwk(), &NativeCrypto)).unwrap_err();
        assert!(matches!(fault, AccessFault::Form(_)), "{fault}");
    }
}

#[test]
fn assertion_is_redacted_in_debug() {
    let key = key();
    let assertion = Assertion::parse(&compact(&key, HEADER, good().to_string().as_bytes())).unwrap();
    assert_eq!(format!("{assertion:?}"), "Assertion(Es256, kid \"one\")");
    let verified = run(assertion.verify(&key.jwk(), &NativeCrypto)).unwrap();
    assert_eq!(format!("{verified:?}"), "VerifiedAssertion");
    let fault = AccessFault::from(JwsFault::UnencodedPayload);
    assert!(fault.to_string().starts_with("in the Access assertion: "), "{fault}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in r"[A-Za-z0-9_.=-]{0,200}") {
        let _ = Assertion::parse(&text);
    }

    #[test]
    fn an_assertion_with_one_character_changed_never_verifies(place: prop::sample::Index, new in "[A-Za-z0-9_.-]") {
        let key = key();
        let mut text = compact(&key, HEADER, good().to_string().as_bytes());
        let place = place.index(text.len());
        prop_assume!(text[place..=place] != new);
        text.replace_range(place..=place, &new);
        if let Ok(assertion) = Assertion::parse(&text) {
            prop_assert!(run(assertion.verify(&key.jwk(), &NativeCrypto)).is_err());
        }
    }
}
