use super::*;
use crate::values::{CryptoFailure, b64};

#[test]
fn j10_requests_of_all_algorithms_verify_with_their_key_only() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let (client, other) = (ClientKey::generate(alg), ClientKey::generate(alg));
        let protected = json!({ "jwk": client.jwk_json(), "nonce": "bm9uY2U", "url": URL });
        let request = Unverified::parse(&client.sign_jws(protected, Some(json!({ "a": 1 })))).unwrap();
        let key = request.header().require_jwk().unwrap();
        let proven = run(request.verify(key, &NativeCrypto)).unwrap();
        assert_eq!(proven.key(), &client.jwk());
        assert_eq!(proven.thumbprint(), &client.thumbprint());
        assert_eq!(proven.header().require_nonce(), Ok("bm9uY2U"));
        assert_eq!(proven.payload(), br#"{"a":1}"#);
        let wrong = run(request.verify(&other.jwk(), &NativeCrypto)).unwrap_err();
        assert_eq!(wrong, VerifyFault::SignatureWrong);
        assert_eq!(wrong.kind(), Some(FaultKind::BadSignature));
    }
}

#[test]
fn j10_a_signature_is_for_one_header_and_one_payload() {
    let key = fixed_key(SigAlg::Ed25519);
    let body = |url: &str, payload| -> Value {
        let protected = json!({ "kid": ACCOUNT, "nonce": "bm9uY2U", "url": url });
        serde_json::from_slice(&key.sign_jws(protected, Some(payload))).unwrap()
    };
    let (one, two) = (body(URL, json!({})), body(ACCOUNT, json!({ "status": "deactivated" })));
    for member in ["protected", "payload", "signature"] {
        let mut mixed = one.clone();
        mixed[member] = two[member].clone();
        let request = parse(&mixed).unwrap();
        assert_eq!(run(request.verify(&key.jwk(), &NativeCrypto)).unwrap_err(), VerifyFault::SignatureWrong);
    }
}

/// A request with the parts of an RFC's example, whose header lacks what ACME wants.
fn example(alg: &str, signing_input: &str, signature: &str) -> Unverified {
    let header = json!({ "alg": alg, "kid": "example" });
    Unverified {
        header: Header::parse(header.as_object().unwrap()).unwrap(),
        payload: Vec::new(),
        signature: b64::decode(signature).unwrap(),
        signing_input: signing_input.into(),
    }
}

/// [RFC 7515 §A.3](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.3) and
/// [RFC 8037 §A.4](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.4)
#[test]
fn j10_the_signatures_of_the_rfcs_verify() {
    let ec = json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    });
    let es256 = example(
        "ES256",
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    assert!(run(es256.verify(&Jwk::parse(&ec).unwrap(), &NativeCrypto)).is_ok());
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let eddsa = example(
        "EdDSA",
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    assert!(run(eddsa.verify(&Jwk::parse(&okp).unwrap(), &NativeCrypto)).is_ok());
}

#[test]
fn t12_an_algorithm_of_another_key_type_is_a_bad_public_key() {
    for (alg, name) in [
        (SigAlg::Es256, "ES384"),
        (SigAlg::Es256, "RS256"),
        (SigAlg::Es384, "ES256"),
        (SigAlg::Ed25519, "ES256"),
        (SigAlg::Es256, "EdDSA"),
    ] {
        let client = ClientKey::generate(alg);
        let body = client.sign_jws(json!({ "alg": name, "jwk": client.jwk_json() }), None);
        let request = Unverified::parse(&body).unwrap();
        let found = run(request.verify(&client.jwk(), &NativeCrypto)).unwrap_err();
        assert!(matches!(found, VerifyFault::KeyMismatch { .. }), "{found}");
        assert_eq!(found.kind(), Some(FaultKind::BadPublicKey));
        assert!(found.to_string().contains(name) && found.to_string().contains(&client.jwk().to_string()), "{found}");
    }
}

#[test]
fn j10_failing_provider_is_no_verdict() {
    struct Broken;
    impl Verify for Broken {
        async fn verify(&self, _: SigAlg, _: &[u8], _: &[u8], _: &[u8]) -> Result<bool, CryptoFailure> {
            Err(CryptoFailure("out of order".to_owned()))
        }
    }
    let found = run(parse(&good()).unwrap().verify(&fixed_key(SigAlg::Ed25519).jwk(), &Broken)).unwrap_err();
    assert_eq!(found, VerifyFault::Provider(CryptoFailure("out of order".to_owned())));
    assert_eq!(found.kind(), None);
}

/// The body with its signature replaced.
fn with_signature(mut body: Value, signature: &[u8]) -> Unverified {
    body["signature"] = b64::encode(signature).into();
    parse(&body).unwrap()
}

/// `r` and `s` without their leading zeros, as Apple's client writes them.
fn strip(signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let strip = |number: &[u8]| number.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    [strip(r), strip(s)].concat()
}

#[test]
fn t11_of_two_thousand_signatures_all_verify_those_with_stripped_zeros_too() {
    let client = fixed_key(SigAlg::Es256);
    let (key, mut short) = (client.jwk(), [0; 2]);
    for number in 0..2000 {
        let body: Value = serde_json::from_slice(&client.sign_jws(kid_header(), Some(json!({ "n": number })))).unwrap();
        let signature = b64::decode(body["signature"].as_str().unwrap()).unwrap();
        assert!(run(parse(&body).unwrap().verify(&key, &NativeCrypto)).is_ok(), "{number}");
        let stripped = strip(&signature);
        if stripped.len() < 64 {
            short[usize::from(signature[0] != 0)] += 1;
            assert!(run(with_signature(body, &stripped).verify(&key, &NativeCrypto)).is_ok(), "{number}");
        }
    }
    assert!(short.iter().all(|count| *count > 0), "both r and s were short sometimes: {short:?}");
}

#[test]
fn t11_a_shortened_signature_that_lacks_other_bytes_does_not_verify() {
    let client = fixed_key(SigAlg::Es256);
    let body: Value = serde_json::from_slice(&client.sign_jws(kid_header(), None)).unwrap();
    let signature = b64::decode(body["signature"].as_str().unwrap()).unwrap();
    for cut in [&signature[1..], &signature[..63], &signature[2..], &signature[..62], &signature[1..63]] {
        let found = run(with_signature(body.clone(), cut).verify(&client.jwk(), &NativeCrypto)).unwrap_err();
        assert_eq!(found, VerifyFault::SignatureWrong);
    }
}

#[test]
fn j10_der_signatures_are_refused_and_the_sentence_says_so() {
    let client = fixed_key(SigAlg::Es256);
    let body: Value = serde_json::from_slice(&client.sign_jws(kid_header(), None)).unwrap();
    let signature = b64::decode(body["signature"].as_str().unwrap()).unwrap();
    let der = p256::ecdsa::Signature::from_slice(&signature).unwrap().to_der();
    let request = with_signature(body, der.as_bytes());
    let found = run(request.verify(&client.jwk(), &NativeCrypto)).unwrap_err();
    let wanted = VerifyFault::SignatureLength { alg: SigAlg::Es256, found: der.as_bytes().len(), wanted: 64 };
    assert_eq!(found, wanted);
    assert!(found.to_string().contains("not DER"), "{found}");
}
