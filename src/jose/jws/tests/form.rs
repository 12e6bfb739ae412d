use super::*;
use crate::jose::{ALGORITHMS, Encoding, JwkFault, KeyRef};

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
    for header in [json!({}), json!({ "kid": "x" })] {
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
        request[member] = Value::Null;
        assert_eq!(fault(&request), JwsFault::MissingMember { part: "the request body", member });
        for (value, found) in [(json!({}), "an object"), (json!(["x"]), "an array")] {
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
