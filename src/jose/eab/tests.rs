use super::*;
use crate::jose::testing::ClientKey;
use crate::jose::{Encoding, JwkFault};
use crate::values::{SigAlg, b64};
use serde_json::json;

const URL: &str = "https://ca.test/acme/new-account";
const MAC_KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn binding(client: &ClientKey) -> Value {
    client.external_account("HS256", MAC_KEY, "kid-1", URL)
}

/// A binding with this protected header, MACed with [`MAC_KEY`] by HS256, whose payload is `payload`.
fn bind(protected: Value, payload: &str) -> Value {
    let (protected, payload) = (b64::encode(protected.to_string().as_bytes()), b64::encode(payload.as_bytes()));
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(MAC_KEY).unwrap();
    let mac = mac.chain_update(format!("{protected}.{payload}")).finalize().into_bytes();
    json!({ "protected": protected, "payload": payload, "signature": b64::encode(&mac) })
}

fn check(binding: &Value, client: &ClientKey) -> Result<ExternalAccount, EabFault> {
    EabUnverified::parse(binding)?.verify(MAC_KEY, URL, &client.jwk())
}

#[test]
fn a09_a_binding_by_each_mac_proves_its_kid() {
    let client = ClientKey::generate(SigAlg::Es256);
    for alg in ["HS256", "HS384", "HS512"] {
        let binding = EabUnverified::parse(&client.external_account(alg, MAC_KEY, "kid-1", URL)).unwrap();
        assert_eq!(binding.kid(), "kid-1");
        assert_eq!(binding.verify(MAC_KEY, URL, &client.jwk()).unwrap().kid(), "kid-1");
    }
}

/// [RFC 7515 §A.1](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.1)
#[test]
fn a09_the_mac_of_rfc_7515_holds() {
    let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let mac = b64::decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let key = b64::decode(key).unwrap();
    assert!(MacAlg::Hs256.holds(&key, input.as_bytes(), &mac));
    assert!(!MacAlg::Hs256.holds(&key, &input.as_bytes()[1..], &mac));
    assert!(!MacAlg::Hs384.holds(&key, input.as_bytes(), &mac));
}

#[test]
fn a09_the_payload_is_compared_as_a_key_not_as_text() {
    let client = ClientKey::generate(SigAlg::Es256);
    let jwk = client.jwk_json();
    let protected = json!({ "alg": "HS256", "kid": "kid-1", "url": URL });
    let text = format!(r#" {{"use":"sig", "y":{}, "x":{}, "kty":"EC", "crv":"P-256"}} "#, jwk["y"], jwk["x"]);
    assert!(check(&bind(protected, &text), &client).is_ok());
}

#[test]
fn a09_another_account_key_is_refused() {
    let (client, other) = (ClientKey::generate(SigAlg::Es256), ClientKey::generate(SigAlg::Es256));
    assert_eq!(check(&binding(&client), &other), Err(EabFault::KeyMismatch));
    let protected = json!({ "alg": "HS256", "kid": "kid-1", "url": URL });
    let found = check(&bind(protected.clone(), "{}"), &client).unwrap_err();
    assert_eq!(found, EabFault::Jws(JwsFault::Jwk(JwkFault::Missing("kty"))));
    assert!(matches!(check(&bind(protected, "x"), &client), Err(EabFault::Jws(JwsFault::NotJson { .. }))));
}

#[test]
fn a09_a_wrong_mac_is_refused_whatever_else_is_right() {
    let client = ClientKey::generate(SigAlg::Es256);
    let parsed = EabUnverified::parse(&binding(&client)).unwrap();
    for key in [&b"another key"[..], b"", &MAC_KEY[1..]] {
        assert_eq!(parsed.verify(key, URL, &client.jwk()), Err(EabFault::MacWrong));
    }
    let empty_key = EabUnverified::parse(&client.external_account("HS256", b"", "kid-1", URL)).unwrap();
    assert_eq!(empty_key.verify(b"", URL, &client.jwk()), Err(EabFault::MacWrong));
    let mac = b64::decode(binding(&client)["signature"].as_str().unwrap()).unwrap();
    for cut in [&mac[..31], &mac[1..], &mac[..16], &[]] {
        let mut short = binding(&client);
        short["signature"] = b64::encode(cut).into();
        assert_eq!(check(&short, &client), Err(EabFault::MacWrong));
    }
    let other = ClientKey::generate(SigAlg::Es256).external_account("HS256", MAC_KEY, "kid-2", URL);
    assert_eq!(EabFault::MacWrong.kind(), FaultKind::Unauthorized);
    for member in ["protected", "payload", "signature"] {
        let mut mixed = binding(&client);
        mixed[member] = other[member].clone();
        assert_eq!(check(&mixed, &client), Err(EabFault::MacWrong), "{member}");
    }
}

#[test]
fn a09_the_url_is_that_of_the_request() {
    let client = ClientKey::generate(SigAlg::Es256);
    let found = EabUnverified::parse(&binding(&client)).unwrap().verify(MAC_KEY, "https://x/", &client.jwk());
    assert_eq!(found, Err(EabFault::UrlMismatch { found: URL.to_owned(), wanted: "https://x/".to_owned() }));
}

#[test]
fn a09_the_header_has_a_mac_alg_a_kid_a_url_and_no_nonce() {
    let client = ClientKey::generate(SigAlg::Es256);
    let jwk = client.jwk_json().to_string();
    let parse = |protected: Value| EabUnverified::parse(&bind(protected, &jwk)).unwrap_err();
    for alg in ["none", "ES256", "hs256", "HS1", ""] {
        let found = parse(json!({ "alg": alg, "kid": "k", "url": URL }));
        assert_eq!(found, EabFault::Algorithm { found: alg.to_owned() });
        assert_eq!(found.kind(), FaultKind::Malformed);
    }
    let missing = |member| EabFault::Jws(JwsFault::MissingMember { part: "its protected header", member });
    assert_eq!(parse(json!({ "alg": "HS256", "url": URL })), missing("kid"));
    assert_eq!(parse(json!({ "alg": "HS256", "kid": "k" })), missing("url"));
    let nonce = parse(json!({ "alg": "HS256", "kid": "k", "url": URL, "nonce": "bm9uY2U" }));
    assert_eq!(nonce, EabFault::Jws(JwsFault::NonceNotAllowed));
    let by_jwk = parse(json!({ "alg": "HS256", "kid": "k", "url": URL, "jwk": client.jwk_json() }));
    assert_eq!(by_jwk, EabFault::JwkNotAllowed);
    let crit = parse(json!({ "alg": "HS256", "kid": "k", "url": URL, "crit": ["x"] }));
    assert!(matches!(crit, EabFault::Jws(JwsFault::Critical { .. })));
}

#[test]
fn h02_padded_fields_are_refused_by_name() {
    let client = ClientKey::generate(SigAlg::Es256);
    for field in ["protected", "payload", "signature"] {
        let mut padded = binding(&client);
        padded[field] = format!("{}=", padded[field].as_str().unwrap()).into();
        let found = EabUnverified::parse(&padded).unwrap_err();
        assert_eq!(found, EabFault::Jws(JwsFault::Base64 { field, fault: Encoding::Padded }));
    }
    assert!(matches!(EabUnverified::parse(&json!("x")), Err(EabFault::Jws(JwsFault::NotAnObject { .. }))));
    let mut general = binding(&client);
    general["signatures"] = json!([]);
    assert_eq!(EabUnverified::parse(&general).unwrap_err(), EabFault::Jws(JwsFault::General));
}
