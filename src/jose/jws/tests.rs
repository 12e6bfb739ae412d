use super::*;
use crate::jose::testing::{ClientKey, run};
use crate::jose::{ALGORITHMS, Encoding, FaultKind, JwkFault, KeyRef};
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::{CryptoFailure, SigAlg, b64};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

const URL: &str = "https://ca.test/acme/new-order";
const ACCOUNT: &str = "https://ca.test/acme/account/1";

/// The same key in every run, so that a test that depends on its signatures does not fail at random.
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

/// A good request, for the tests to spoil.
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
fn j01_the_flattened_serialization_is_read_and_unknown_members_ignored() {
    let mut request = good();
    request["comment"] = "x".into();
    let request = parse(&request).unwrap();
    assert_eq!(request.header().alg(), SigAlg::Ed25519);
    assert_eq!(request.header().nonce(), Some("bm9uY2U"));
    assert_eq!(request.header().url(), Some(URL));
    assert_eq!(*request.header().key(), KeyRef::Kid(ACCOUNT.to_owned()));
}

#[test]
fn j01_other_serializations_are_refused() {
    let request = good();
    let part = |name: &str| request[name].as_str().unwrap().to_owned();
    let compact = format!("{}.{}.{}\n", part("protected"), part("payload"), part("signature"));
    assert_eq!(Unverified::parse(compact.as_bytes()).unwrap_err(), JwsFault::Compact);
    let general = json!({
        "payload": part("payload"),
        "signatures": [{ "protected": part("protected"), "signature": part("signature") }]
    });
    assert_eq!(fault(&general), JwsFault::General);
    for header in [json!({}), json!({ "kid": "x" }), Value::Null] {
        let mut unprotected = request.clone();
        unprotected["header"] = header;
        assert_eq!(fault(&unprotected), JwsFault::UnprotectedHeader);
    }
}

/// [RFC 7515 §A.7](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.7)
#[test]
fn j01_the_flattened_example_of_rfc_7515_has_what_acme_forbids() {
    let example = json!({
        "payload": "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
        "protected": "eyJhbGciOiJFUzI1NiJ9",
        "header": { "kid": "e9bc097a-ce51-4036-9562-d2ade882db0d" },
        "signature": "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    });
    assert_eq!(fault(&example), JwsFault::UnprotectedHeader);
}

#[test]
fn j01_detached_and_unencoded_payloads_are_refused() {
    for member in ["protected", "payload", "signature"] {
        let mut request = good();
        request.as_object_mut().unwrap().remove(member);
        assert_eq!(fault(&request), JwsFault::MissingMember { part: "the request body", member });
        for (value, found) in [(Value::Null, "null"), (json!({}), "an object"), (json!(["x"]), "an array")] {
            request[member] = value;
            assert_eq!(fault(&request), JwsFault::NotAString { part: "the request body", member, found });
        }
    }
    let with_b64 = |value: Value| header(json!({ "kid": ACCOUNT, "b64": value }));
    assert_eq!(with_b64(false.into()).unwrap_err(), JwsFault::UnencodedPayload);
    assert_eq!(with_b64("false".into()).unwrap_err(), JwsFault::UnencodedPayload);
    assert!(with_b64(true.into()).is_ok());
}

#[test]
fn h02_padded_and_loose_base64url_is_refused_by_name() {
    for field in ["protected", "payload", "signature"] {
        let text = good()[field].as_str().unwrap().to_owned();
        for (bad, encoding) in [
            (format!("{text}="), Encoding::Padded),
            (format!("{text}=="), Encoding::Padded),
            (format!("{text}\n"), Encoding::Loose),
            (format!("{text}A*"), Encoding::Loose),
        ] {
            let mut request = good();
            request[field] = bad.into();
            let found = fault(&request);
            assert_eq!(found, JwsFault::Base64 { field, fault: encoding });
            assert_eq!(found.kind(), FaultKind::Malformed);
            assert!(found.to_string().contains(&format!("`{field}`")), "{found}");
        }
    }
}

#[test]
fn j02_duplicate_members_are_refused_everywhere() {
    let body = good().to_string().replacen('{', r#"{"payload":"","#, 1);
    let duplicate = |part, member: &str| JwsFault::DuplicateMember { part, member: member.to_owned() };
    assert_eq!(Unverified::parse(body.as_bytes()).unwrap_err(), duplicate("the request body", "payload"));
    for (text, member) in [
        (r#"{"alg":"EdDSA","kid":"x","alg":"EdDSA"}"#, "alg"),
        (r#"{"alg":"EdDSA","kid":"x","url":"a","url":"b"}"#, "url"),
        (r#"{"alg":"EdDSA","jwk":{"kty":"OKP","kty":"EC"}}"#, "kty"),
        (r#"{"alg":"EdDSA","kid":"x","k\u0069d":"y"}"#, "kid"),
    ] {
        assert_eq!(protected(text).unwrap_err(), duplicate("the protected header", member), "{text}");
    }
}

#[test]
fn j02_exactly_one_of_jwk_and_kid() {
    let jwk = fixed_key(SigAlg::Ed25519).jwk_json();
    assert_eq!(header(json!({ "jwk": jwk, "kid": ACCOUNT })).unwrap_err(), JwsFault::JwkAndKid);
    assert_eq!(header(json!({ "nonce": "bm9uY2U" })).unwrap_err(), JwsFault::NeitherJwkNorKid);
    let by_jwk = header(json!({ "jwk": jwk })).unwrap();
    assert_eq!(by_jwk.header().require_jwk(), Ok(&fixed_key(SigAlg::Ed25519).jwk()));
    let by_kid = header(json!({ "kid": ACCOUNT })).unwrap();
    assert_eq!(by_kid.header().require_kid(), Ok(ACCOUNT));
}

#[test]
fn j03_what_a_request_needs_is_said_when_it_has_the_other() {
    let by_jwk = header(json!({ "jwk": fixed_key(SigAlg::Ed25519).jwk_json() })).unwrap();
    assert_eq!(by_jwk.header().require_kid(), Err(JwsFault::KidWanted));
    let by_kid = header(json!({ "kid": ACCOUNT })).unwrap();
    assert_eq!(by_kid.header().require_jwk(), Err(JwsFault::JwkWanted));
    assert_eq!(JwsFault::KidWanted.kind(), FaultKind::Malformed);
    assert_eq!(JwsFault::JwkWanted.kind(), FaultKind::Malformed);
}

#[test]
fn j02_critical_extensions_are_refused() {
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("exp")] {
        let found = header(json!({ "kid": ACCOUNT, "exp": 1, "crit": crit })).unwrap_err();
        assert_eq!(found, JwsFault::Critical { found: crit.to_string() });
        assert_eq!(found.kind(), FaultKind::Malformed);
    }
    assert!(header(json!({ "kid": ACCOUNT, "exp": 1, "typ": "x", "x5u": "http://127.0.0.1/" })).is_ok());
}

#[test]
fn j02_the_protected_header_is_an_object_of_strings() {
    let part = "the protected header";
    assert!(matches!(protected("{"), Err(JwsFault::NotJson { part: "the protected header", .. })));
    assert!(matches!(protected(""), Err(JwsFault::NotJson { part: "the protected header", .. })));
    assert_eq!(protected("[1]").unwrap_err(), JwsFault::NotAnObject { part, found: "an array" });
    assert_eq!(protected(r#"{"kid":"x"}"#).unwrap_err(), JwsFault::MissingMember { part, member: "alg" });
    for member in ["alg", "nonce", "url", "kid"] {
        let found = header(json!({ "kid": ACCOUNT, member: 7 })).unwrap_err();
        assert_eq!(found, JwsFault::NotAString { part, member, found: "a number" });
    }
    assert_eq!(header(json!({ "jwk": "x" })).unwrap_err(), JwsFault::Jwk(JwkFault::NotAnObject("a string")));
}

#[test]
fn j02_a_private_jwk_is_refused() {
    let mut jwk = fixed_key(SigAlg::Ed25519).jwk_json();
    jwk["d"] = "AA".into();
    let found = header(json!({ "jwk": jwk })).unwrap_err();
    assert_eq!(found, JwsFault::Jwk(JwkFault::Private("d")));
    assert_eq!(found.kind(), FaultKind::BadPublicKey);
}

#[test]
fn j06_other_algorithms_are_refused_with_the_list() {
    for alg in ["none", "None", "HS256", "HS512", "RS1", "RS384", "RS512", "PS256", "ES512", "ES256K", "es256", ""] {
        let jwk = json!({ "kty": "oct", "k": "AA" });
        let found = header(json!({ "alg": alg, "jwk": jwk })).unwrap_err();
        assert_eq!(found, JwsFault::Algorithm { found: alg.to_owned() });
        assert_eq!(found.kind(), FaultKind::BadSignatureAlgorithm);
        assert!(ALGORITHMS.iter().all(|known| found.to_string().contains(known)), "{found}");
    }
}

#[test]
fn n03_a_nonce_that_is_not_base64url_is_malformed() {
    for nonce in ["", "a", "a+b/", "bm9uY2U=", "bm9uY2U ", "ü", "bm9uY2V"] {
        let found = header(json!({ "kid": ACCOUNT, "nonce": nonce })).unwrap_err();
        assert_eq!(found, JwsFault::NonceNotBase64url, "{nonce:?}");
        assert_eq!(found.kind(), FaultKind::Malformed);
    }
}

#[test]
fn n03_a_missing_nonce_is_a_bad_one() {
    let without = header(json!({ "kid": ACCOUNT })).unwrap();
    assert_eq!(without.header().require_nonce(), Err(JwsFault::NonceMissing));
    assert_eq!(JwsFault::NonceMissing.kind(), FaultKind::BadNonce);
    assert_eq!(without.header().forbid_nonce(), Ok(()));
    let with = parse(&good()).unwrap();
    assert_eq!(with.header().require_nonce(), Ok("bm9uY2U"));
    assert_eq!(with.header().forbid_nonce(), Err(JwsFault::NonceNotAllowed));
}

#[test]
fn j08_the_url_is_compared_character_by_character() {
    let request = parse(&good()).unwrap();
    assert_eq!(request.header().require_url(URL), Ok(()));
    for other in [
        "http://ca.test/acme/new-order",
        "https://ca.test/acme/new-order/",
        "https://ca.test:443/acme/new-order",
        "https://CA.test/acme/new-order",
        "https://ca.test/acme/new%2Dorder",
        "https://ca.test/acme/new-order?",
        "/acme/new-order",
    ] {
        let found = request.header().require_url(other).unwrap_err();
        assert_eq!(found, JwsFault::UrlMismatch { found: URL.to_owned(), wanted: other.to_owned() });
        assert_eq!(found.kind(), FaultKind::Unauthorized);
    }
    let without = header(json!({ "kid": ACCOUNT })).unwrap();
    assert_eq!(without.header().require_url(URL), Err(JwsFault::UrlMissing));
    assert_eq!(JwsFault::UrlMissing.kind(), FaultKind::Unauthorized);
}

#[test]
fn j09_post_as_get_is_the_empty_payload_and_nothing_else() {
    let get = verified(b"");
    assert!(get.is_post_as_get());
    assert_eq!(get.require_post_as_get(), Ok(()));
    assert_eq!(get.payload_json::<Value>(), Err(JwsFault::PayloadEmpty));
    for payload in ["{}", " ", "null", "\"\""] {
        let post = verified(payload.as_bytes());
        assert!(!post.is_post_as_get());
        assert_eq!(post.require_post_as_get(), Err(JwsFault::PayloadNotEmpty), "{payload}");
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
fn j10_a_failing_provider_proves_nothing_and_blames_nobody() {
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
