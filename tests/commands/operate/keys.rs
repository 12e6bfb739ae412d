//! `secret-key`, and `deploy --key-binding`: keys that Cloudflare holds and never shows.

use super::fixture::{CliFixture, TOKEN, now};
use crate::server::{Server, unused_address};
use data_encoding::BASE64;
use selvedge::pki::ceremony::{CertAndKey, cross_sign};
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;
use serde_json::{Value, json};
use std::path::PathBuf;

const DONE: &str = r#"{"success":true,"errors":[],"messages":[],"result":{"name":"ISSUER_KEY","type":"secret_key"}}"#;
const WHO: [(&str, &str); 2] = [("CLOUDFLARE_API_TOKEN", TOKEN), ("CLOUDFLARE_ACCOUNT_ID", "acc0")];

fn api(status: u16, body: impl Into<String>) -> Server {
    let body = body.into();
    Server::start(move |_| (status, body.clone().into_bytes()))
}

fn url(server: &Server) -> String {
    format!("http://{}/client/v4", server.address)
}

/// A key of this kind with an issuer's certificate for it.
fn issuer(fixture: &CliFixture, alg: SigAlg) -> CertAndKey {
    let key = NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap().to_pkcs8_pem().unwrap();
    let of = CertAndKey { certificate: String::new(), key };
    cross_sign(&fixture.root, &of, "Of its kind", now(), 5).unwrap()
}

#[test]
fn issuer_key_is_sent_in_the_form_of_the_api() {
    for (alg, algorithm) in [
        (SigAlg::Es256, json!({"name": "ECDSA", "namedCurve": "P-256"})),
        (SigAlg::Es384, json!({"name": "ECDSA", "namedCurve": "P-384"})),
        (SigAlg::Rs256, json!({"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256"})),
    ] {
        let (mut fixture, api) = (CliFixture::new(), api(200, DONE));
        let issuer = issuer(&fixture, alg);
        fixture.add(2, &issuer);
        let ended = fixture.run(&["secret-key", "--place", "2", "--account", "acc1", "--api", &url(&api)], &WHO);
        assert!(ended.code == 0 && ended.err.contains("ISSUER_KEY_2 is stored as a non-extractable key"), "{ended:?}");
        let asked = api.asked();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].line, "PUT /client/v4/accounts/acc1/workers/scripts/test-ca/secrets");
        assert_eq!(asked[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert_eq!(asked[0].header("content-type"), Some("application/json"));
        let (_, der) = der::pem::decode_vec(issuer.key.as_bytes()).unwrap();
        let wanted = json!({"type": "secret_key", "name": "ISSUER_KEY_2", "format": "pkcs8", "algorithm": algorithm,
                            "usages": ["sign"], "key_base64": BASE64.encode(&der)});
        assert_eq!(serde_json::from_str::<Value>(&asked[0].body).unwrap(), wanted);
    }
}

#[test]
fn api_refusal_is_printed_without_key_or_token() {
    let fixture = CliFixture::new();
    // The worst that could answer: it repeats all that it was sent.
    let echo = Server::start(|asked| {
        let said = format!("{} {}", asked.header("authorization").unwrap(), asked.body);
        let body = json!({"success": false, "errors": [{"code": 10001, "message": said}], "result": null});
        (403, body.to_string().into_bytes())
    });
    let ended = fixture.run(&["secret-key", "--api", &url(&echo)], &WHO);
    assert!(ended.code == 1 && ended.err.contains("Workers Scripts: Edit"), "{ended:?}");
    assert!(ended.err.contains("code 10001"), "{ended:?}");
    let (_, der) = der::pem::decode_vec(fixture.issuer.key.as_bytes()).unwrap();
    let sent = BASE64.encode(&der);
    assert!(!ended.err.contains(&sent[..40]), "{ended:?}");
    let missing =
        api(404, r#"{"success":false,"errors":[{"code":10007,"message":"workers.api.error.script_not_found"}]}"#);
    let ended = fixture.run(&["secret-key", "--api", &url(&missing)], &WHO);
    assert!(ended.err.contains("The Worker does not exist: `selvedge deploy` creates it"), "{ended:?}");
    let ended = fixture.run(&["secret-key", "--api", &format!("http://{}", unused_address())], &WHO);
    assert!(ended.code == 1 && ended.err.contains("does not answer"), "{ended:?}");
}

#[test]
fn keys_are_sent_only_with_token_account_and_safe_url() {
    let (fixture, api) = (CliFixture::new(), api(200, DONE));
    let run = |env: &[(&str, &str)], api: &str| fixture.run(&["secret-key", "--api", api], env);
    let ended = run(&WHO[1..], &url(&api));
    assert!(ended.code == 1 && ended.err.contains("CLOUDFLARE_API_TOKEN is not set"), "{ended:?}");
    let ended = run(&WHO[..1], &url(&api));
    assert!(ended.code == 1 && ended.err.contains("--account"), "{ended:?}");
    let ended = run(&WHO, "http://api.test/client/v4");
    assert!(ended.code == 1 && ended.err.contains("does not begin with https://"), "{ended:?}");
    let ended = fixture.run(&["secret-key", "--api", &url(&api), "--script", "../x"], &WHO);
    assert!(ended.code == 1 && ended.err.contains("not a valid name of a Worker"), "{ended:?}");
    assert!(api.asked().is_empty());
}

#[test]
fn mismatched_issuer_key_is_not_sent() {
    let (fixture, api) = (CliFixture::new(), api(200, DONE));
    let refused = |says: &str| {
        let ended = fixture.run(&["secret-key", "--api", &url(&api)], &WHO);
        assert!(ended.code == 1 && ended.err.contains("nothing was sent") && ended.err.contains(says), "{ended:?}");
    };
    fixture.put("issuer.key", &fixture.root.key);
    refused("is the key of the ROOT");
    fixture.put("issuer.key", &issuer(&fixture, SigAlg::Es256).key);
    refused("is not the key of the first certificate");
    fixture.put("issuer.key", &fixture.issuer.key);
    fixture.open("issuer.key", 0o640);
    refused("chmod 600");
    assert!(api.asked().is_empty());
}

#[test]
fn deployment_stores_issuer_keys_as_bindings() {
    let fixture = CliFixture::new();
    // The upload makes the Worker; without a Worker the API takes no key.
    let uploaded: PathBuf = fixture.path("calls/1.stdin");
    let api = Server::start(move |asked| match asked.line.starts_with("PUT ") {
        true if uploaded.exists() => (200, DONE.into()),
        true => (500, b"too early".to_vec()),
        false => (403, br#"{"success":false,"errors":[{"code":9109,"message":"Unauthorized"}]}"#.to_vec()),
    });
    let ended = fixture.run(&["deploy", "--key-binding", "--api", &url(&api)], &WHO);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(fixture.arguments(), ["secret list", "deploy --secrets-file /dev/stdin"]);
    let texts: Value = serde_json::from_str(fixture.calls()[1].stdin.as_deref().unwrap()).unwrap();
    assert_eq!(texts, json!({"NONCE_KEY": fixture.nonce_key}), "the issuer's key is no text");
    let sent: Value = serde_json::from_str(&api.asked().last().unwrap().body).unwrap();
    assert_eq!((&sent["name"], &sent["type"]), (&json!("ISSUER_KEY"), &json!("secret_key")));
    // It is known to be there, as what it is.
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_key")]);
    assert_eq!(fixture.run(&["deploy"], &[]).code, 0);
    assert_eq!(fixture.arguments()[2..], ["secret list", "deploy"]);
    // An existing Worker gets the key before its chain.
    fixture.listed(&[("NONCE_KEY", "secret_text")]);
    assert_eq!(fixture.run(&["deploy", "--key-binding", "--api", &url(&api)], &WHO).code, 0);
    assert_eq!(fixture.arguments()[4..], ["secret list", "deploy"]);
    let asked = api.asked().len();
    // It does not become a text.
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_key")]);
    let ended = fixture.run(&["deploy", "--emergency"], &[]);
    assert!(ended.code == 1 && ended.err.contains("ISSUER_KEY is a non-extractable key at Cloudflare"), "{ended:?}");
    // Without a token nothing is begun.
    let ended = fixture.run(&["deploy", "--key-binding", "--api", &url(&api)], &[]);
    assert!(ended.code == 1 && ended.err.contains("CLOUDFLARE_API_TOKEN is not set"), "{ended:?}");
    assert_eq!((fixture.arguments().len(), api.asked().len()), (7, asked));
}

#[test]
fn new_nonce_key_is_deployed_with_the_previous_one_until_it_is_finished() {
    let fixture = CliFixture::new();
    let (present, previous) = (fixture.path("ca/nonce.key"), fixture.path("ca/nonce-previous.key"));
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap();
    std::fs::set_permissions(fixture.path("ca"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let key = |args: &[&str]| fixture.companion(&[&["nonce-key"], args].concat());
    let there = [("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")];
    fixture.listed(&there);
    let early = key(&["finish"]);
    assert!(early.code == 1 && early.err.contains("only nonce.key counts"), "{early:?}");
    let made = key(&["new"]);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.err.contains(" deploy`, which stores both") && made.err.contains("nonce-key finish"), "{made:?}");
    let new = read(&present);
    assert_eq!((new.len(), read(&previous)), (43, fixture.nonce_key.clone()));
    let again = key(&["new"]);
    assert!(again.code == 1 && again.err.contains("nonce-key finish` first") && read(&present) == new, "{again:?}");
    // Both are stored at once, and again: Cloudflare's may be those of an earlier change.
    for at in [1, 3] {
        assert_eq!(fixture.run(&["deploy"], &[]).code, 0);
        let stored: Value = serde_json::from_str(fixture.calls()[at].stdin.as_deref().unwrap()).unwrap();
        assert_eq!(stored, json!({"NONCE_KEY": new, "NONCE_KEY_PREVIOUS": fixture.nonce_key}));
        fixture.listed(&[&there[..], &[("NONCE_KEY_PREVIOUS", "secret_text")]].concat());
    }
    assert_eq!(key(&["finish"]).code, 0);
    assert!(!previous.exists() && read(&present) == new);
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 0 && ended.err.contains("NONCE_KEY_PREVIOUS: deleting it"), "{ended:?}");
    assert_eq!(fixture.arguments()[4..], ["secret list", "deploy", "secret delete NONCE_KEY_PREVIOUS"]);
    // A stolen key does not count beside the new one, nor does one before it.
    assert_eq!(key(&["new"]).code, 0);
    let stolen = key(&["new", "--stolen"]);
    assert!(stolen.code == 0 && stolen.err.contains("deploy --emergency"), "{stolen:?}");
    assert!(!previous.exists() && read(&present) != new);
    // What cannot be used is found before anything is done.
    fixture.put("nonce-previous.key", "short");
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("nonce-previous.key is not 32 random bytes"), "{ended:?}");
    fixture.put("nonce-previous.key", &read(&present));
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("NONCE_KEY_PREVIOUS is the same key"), "{ended:?}");
}
