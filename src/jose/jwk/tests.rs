use super::*;
use crate::jose::FaultKind;
use crate::jose::testing::ClientKey;
use proptest::prelude::*;
use serde_json::json;

/// The key of RFC 7638 §3.1.
const RFC7638_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJ\
    ECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8\
    KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
    jF44-csFCur-kEgU8awapJzKnqDKgw";

fn rfc7638_key() -> Value {
    json!({ "kty": "RSA", "n": RFC7638_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" })
}

/// The key of RFC 7515 §A.3.1.
fn rfc7515_key() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    })
}

/// The key of RFC 8037 §A.2.
fn rfc8037_key() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

fn with(mut key: Value, member: &str, value: impl Into<Value>) -> Value {
    key[member] = value.into();
    key
}

fn without(mut key: Value, member: &str) -> Value {
    key.as_object_mut().unwrap().remove(member);
    key
}

/// An RSA key with this modulus.
fn rsa(n: &[u8], e: &[u8]) -> Result<Jwk, JwkFault> {
    Jwk::parse(&json!({ "kty": "RSA", "n": b64::encode(n), "e": b64::encode(e) }))
}

#[test]
fn j12_the_thumbprints_of_the_rfcs() {
    for (key, thumbprint) in [
        (rfc7638_key(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (rfc8037_key(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ] {
        assert_eq!(Jwk::parse(&key).unwrap().thumbprint().as_str(), thumbprint);
    }
}

#[test]
fn j12_the_canonical_form_has_the_required_members_in_order() {
    let key = Jwk::parse(&rfc7638_key()).unwrap();
    assert_eq!(key.to_json(), format!(r#"{{"e":"AQAB","kty":"RSA","n":"{RFC7638_N}"}}"#));
    let key = Jwk::parse(&with(rfc7515_key(), "use", "sig")).unwrap();
    assert_eq!(
        key.to_json(),
        r#"{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#
    );
    assert_eq!(serde_json::to_string(&key).unwrap(), key.to_json());
    assert_eq!(serde_json::from_str::<Jwk>(&key.to_json()).unwrap(), key);
    assert_eq!(Jwk::from_json(&key.to_json()).unwrap(), key);
}

#[test]
fn j12_leading_zeros_of_n_and_e_are_dropped() {
    let plain = Jwk::parse(&rfc7638_key()).unwrap();
    let n = [&[0, 0], b64::decode(RFC7638_N).unwrap().as_slice()].concat();
    let padded = rsa(&n, &[0, 1, 0, 1]).unwrap();
    assert_eq!(padded, plain);
    assert_eq!(padded.thumbprint(), plain.thumbprint());
    assert_eq!(padded.spki_der(), plain.spki_der());
}

#[test]
fn j07_keys_of_all_four_kinds_are_read_and_written_as_der() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let client = ClientKey::generate(alg);
        let key = client.jwk();
        assert_eq!(key.spki_der(), client.native().spki_der().unwrap());
        assert_eq!(serde_json::from_str::<Jwk>(&serde_json::to_string(&key).unwrap()).unwrap(), key);
        for other in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
            assert_eq!(key.alg_fits(other), alg == other, "{key} {other:?}");
        }
        for never in
            [SigAlg::EcP256Sha384, SigAlg::EcP256Sha512, SigAlg::EcP384Sha256, SigAlg::EcP384Sha512, SigAlg::Rs384]
        {
            assert!(!key.alg_fits(never), "{key} {never:?}");
        }
    }
}

#[test]
fn j02_private_and_symmetric_keys_are_refused() {
    for member in PRIVATE {
        for key in [rfc7515_key(), rfc7638_key(), rfc8037_key()] {
            let fault = Jwk::parse(&with(key, member, "AA")).unwrap_err();
            assert_eq!(fault, JwkFault::Private(member));
            assert_eq!(fault.kind(), FaultKind::BadPublicKey);
            assert!(fault.to_string().contains("compromised"), "{fault}");
        }
    }
    let fault = Jwk::parse(&json!({ "kty": "oct", "k": "GawgguFyGrWKav7AX4VKUg" })).unwrap_err();
    assert_eq!(fault, JwkFault::Unsupported { member: "kty", found: "oct".to_owned() });
    assert_eq!(fault.kind(), FaultKind::BadPublicKey);
}

#[test]
fn j02_duplicate_members_are_refused() {
    let text = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","x":"AA"}"#;
    assert_eq!(Jwk::from_json(text), Err(JwkFault::Duplicate("x".to_owned())));
    assert_eq!(Jwk::from_json("7"), Err(JwkFault::NotAnObject("a number")));
    assert!(matches!(Jwk::from_json("{"), Err(JwkFault::NotJson(_))));
}

#[test]
fn j07_unsupported_kinds_are_refused_with_the_list_of_those_that_are_not() {
    for (key, member) in [
        (with(rfc7515_key(), "crv", "P-521"), "crv"),
        (with(rfc7515_key(), "crv", "secp256k1"), "crv"),
        (with(rfc7515_key(), "crv", "Ed25519"), "crv"),
        (with(rfc8037_key(), "crv", "Ed448"), "crv"),
        (with(rfc8037_key(), "crv", "X25519"), "crv"),
        (with(rfc8037_key(), "kty", "AKP"), "kty"),
        (with(rfc8037_key(), "kty", "rsa"), "kty"),
    ] {
        let fault = Jwk::parse(&key).unwrap_err();
        assert_eq!(fault, JwkFault::Unsupported { member, found: key[member].as_str().unwrap().to_owned() });
        assert_eq!(fault.kind(), FaultKind::BadPublicKey);
        let text = fault.to_string();
        assert!(["P-256", "P-384", "RSA", "Ed25519"].iter().all(|kind| text.contains(kind)), "{text}");
    }
}

#[test]
fn j10_coordinates_have_the_full_width_of_their_curve() {
    let p384 = ClientKey::generate(SigAlg::Es384).jwk_json();
    for (key, member, curve, wanted) in [
        (rfc7515_key(), "x", "P-256", 32),
        (rfc7515_key(), "y", "P-256", 32),
        (p384.clone(), "x", "P-384", 48),
        (p384, "y", "P-384", 48),
        (rfc8037_key(), "x", "Ed25519", 32),
    ] {
        for found in [0, wanted - 1, wanted + 1] {
            let fault = Jwk::parse(&with(key.clone(), member, b64::encode(&vec![0; found]))).unwrap_err();
            assert_eq!(fault, JwkFault::Width { member, curve, found, wanted });
            assert_eq!(fault.kind(), FaultKind::BadPublicKey);
        }
    }
}

#[test]
fn j10_a_coordinate_that_really_begins_with_zero_keeps_it() {
    let client = std::iter::repeat_with(|| ClientKey::generate(SigAlg::Es256))
        .find(|client| client.jwk_json()["x"].as_str().unwrap().starts_with("AA"))
        .unwrap();
    let key = client.jwk();
    assert_eq!(key.spki_der(), client.native().spki_der().unwrap());
    let x = b64::decode(client.jwk_json()["x"].as_str().unwrap()).unwrap();
    let stripped: Vec<u8> = x.into_iter().skip_while(|byte| *byte == 0).collect();
    let fault = Jwk::parse(&with(client.jwk_json(), "x", b64::encode(&stripped))).unwrap_err();
    assert!(fault.to_string().contains("leading zeros included"), "{fault}");
}

#[test]
fn j07_points_off_the_curve_are_refused() {
    let p384 = ClientKey::generate(SigAlg::Es384).jwk_json();
    for (key, curve) in [(rfc7515_key(), "P-256"), (p384, "P-384")] {
        let (x, y) = (key["x"].clone(), key["y"].clone());
        let zero = b64::encode(&vec![0; b64::decode(x.as_str().unwrap()).unwrap().len()]);
        for bad in [
            with(with(key.clone(), "x", y.clone()), "y", x),
            with(with(key.clone(), "x", zero.clone()), "y", zero.clone()),
            with(key, "y", zero),
        ] {
            let fault = Jwk::parse(&bad).unwrap_err();
            assert_eq!(fault, JwkFault::NotOnCurve(curve));
            assert_eq!(fault.kind(), FaultKind::BadPublicKey);
        }
    }
}

#[test]
fn j07_rsa_sizes_and_exponents() {
    let modulus = |bytes: usize, first: u8| {
        let mut n = vec![0xa5; bytes];
        n[0] = first;
        n
    };
    for bytes in [256, 257, 384, 512] {
        assert!(rsa(&modulus(bytes, 0x80), &[1, 0, 1]).is_ok(), "{bytes}");
    }
    for (n, bits) in [
        (vec![], 0),
        (modulus(128, 0x80), 1024),
        (modulus(256, 0x7f), 2047),
        (modulus(257, 0x01), 2049),
        (modulus(513, 0x01), 4097),
        (modulus(513, 0x80), 4104),
    ] {
        let fault = rsa(&n, &[1, 0, 1]).unwrap_err();
        assert_eq!(fault, JwkFault::RsaSize(bits));
        assert_eq!(fault.kind(), FaultKind::BadPublicKey);
    }
    let mut even = modulus(256, 0x80);
    even[255] = 2;
    assert_eq!(rsa(&even, &[1, 0, 1]), Err(JwkFault::RsaEven));
    for good in [&[3][..], &[0x11], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(rsa(&modulus(256, 0x80), good).is_ok(), "{good:?}");
    }
    for bad in [&[][..], &[0], &[1], &[2], &[0, 1], &[1, 0], &[1, 0, 0, 0, 1]] {
        assert_eq!(rsa(&modulus(256, 0x80), bad), Err(JwkFault::RsaExponent), "{bad:?}");
    }
}

#[test]
fn h02_padded_or_loose_numbers_are_refused_by_name() {
    for (key, members) in [(rfc7515_key(), ["x", "y"]), (rfc7638_key(), ["n", "e"])] {
        for member in members {
            let text = key[member].as_str().unwrap().to_owned();
            for (bad, fault) in [
                (format!("{text}="), encoding::Encoding::Padded),
                (format!("{text}=="), encoding::Encoding::Padded),
                (format!("{text} "), encoding::Encoding::Loose),
                (format!("{}+", &text[1..]), encoding::Encoding::Loose),
            ] {
                let found = Jwk::parse(&with(key.clone(), member, bad)).unwrap_err();
                assert_eq!(found, JwkFault::Base64 { member, fault });
                assert_eq!(found.kind(), FaultKind::Malformed);
                assert!(found.to_string().contains(&format!("`{member}`")), "{found}");
            }
        }
    }
}

#[test]
fn j07_missing_members_and_other_types_are_malformed() {
    for key in [rfc7515_key(), rfc7638_key(), rfc8037_key()] {
        for member in ["kty", "crv", "x", "y", "n", "e"].into_iter().filter(|member| key.get(member).is_some()) {
            assert_eq!(Jwk::parse(&without(key.clone(), member)), Err(JwkFault::Missing(member)));
            let fault = Jwk::parse(&with(key.clone(), member, 7)).unwrap_err();
            assert_eq!(fault, JwkFault::NotAString { member, found: "a number" });
            assert_eq!(fault.kind(), FaultKind::Malformed);
        }
    }
    assert_eq!(Jwk::parse(&Value::Null), Err(JwkFault::NotAnObject("null")));
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(text in r#"\{("(kty|crv|x|y|n|e|d)":("EC"|"RSA"|"OKP"|"P-256"|"Ed25519"|"[A-Za-z0-9_=-]{0,50}"|7),?){0,6}\}"#) {
        let _ = Jwk::from_json(&text);
    }

    #[test]
    fn j07_of_random_numbers_none_is_a_point(x: [u8; 32], y: [u8; 32]) {
        let key = json!({ "kty": "EC", "crv": "P-256", "x": b64::encode(&x), "y": b64::encode(&y) });
        prop_assert_eq!(Jwk::parse(&key), Err(JwkFault::NotOnCurve("P-256")));
    }
}
