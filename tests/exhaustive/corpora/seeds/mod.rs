//! Seeds for fuzzing: valid examples of each kind, and their classic corruptions.

mod pki;
mod texts;
mod tlog;
mod tls;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use selvedge::ca::testing::{BASE, Client, CsrShape, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::str::FromStr;
use texts::{CAA, HTTP, IDENTIFIERS, OPERATIONS, PAYLOADS, REQUESTS, ROUTES, TIMES};

/// Target, name, input.
pub type Seed = (&'static str, String, Vec<u8>);

/// All seeds.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target: &'static str, inputs: Vec<(&str, Vec<u8>)>| {
        seeds.extend(inputs.into_iter().map(|(name, input)| (target, name.to_owned(), input)));
    };
    add("jws", jws());
    add("jwk", jwk());
    add("eab", eab());
    add("key_change", key_change());
    add("csr", csr());
    add("revocation", revocation());
    add("pem", pki::pems());
    add("crl", pki::crls());
    add("chain", pki::chains());
    add("dns", dns());
    add("http", texts(HTTP));
    add("caa", texts(CAA));
    add("tls_certificate", tls::certificates());
    add("tls_server", tls::servers());
    add("identifiers", texts(IDENTIFIERS));
    add("times", texts(TIMES));
    add("tlog", tlog::seeds());
    add("nonces", nonces());
    add("routes", texts(ROUTES));
    add("requests", texts(REQUESTS));
    add("operations", texts(OPERATIONS));
    add("payloads", payloads());
    seeds
}

fn texts(list: &[(&'static str, &'static str)]) -> Vec<(&'static str, Vec<u8>)> {
    list.iter().map(|(name, text)| (*name, text.as_bytes().to_vec())).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn jws() -> Vec<(&'static str, Vec<u8>)> {
    let (ec, ed, rsa) = [SigAlg::Es256, SigAlg::Ed25519, SigAlg::Rs256].map(ClientKey::generate).into();
    let url = format!("{BASE}/acme/new-account");
    let by = |key: &ClientKey| json!({ "jwk": key.jwk_json(), "nonce": "AAAA", "url": url });
    let signed = ec.sign_jws(by(&ec), Some(json!({ "contact": [] })));
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut object: Value = serde_json::from_slice(&signed).unwrap();
        change(&mut object);
        bytes(&object)
    };
    let text = String::from_utf8(signed.clone()).unwrap();
    vec![
        ("es256", signed.clone()),
        ("eddsa", ed.sign_jws(by(&ed), None)),
        ("rs256", rsa.sign_jws(by(&rsa), None)),
        ("kid", ec.sign_jws(json!({ "kid": format!("{BASE}/acme/account/x"), "nonce": "AA", "url": url }), None)),
        ("none", ec.sign_jws(json!({ "alg": "none", "jwk": ec.jwk_json(), "nonce": "AA", "url": url }), None)),
        ("mismatch", ec.sign_jws(json!({ "alg": "RS256", "jwk": ec.jwk_json(), "nonce": "AA", "url": url }), None)),
        ("crit", ec.sign_jws(json!({ "crit": ["b64"], "b64": false, "jwk": ec.jwk_json() }), None)),
        ("duplicate", ec.sign_raw(r#"{"alg":"ES256","alg":"ES256","kid":"a"}"#, b"")),
        ("general", edit(&|o| o["signatures"] = json!([]))),
        ("unprotected", edit(&|o| o["header"] = json!({}))),
        ("padded", edit(&|o| o["payload"] = json!("e30="))),
        ("short-signature", edit(&|o| o["signature"] = json!("AAAA"))),
        ("no-payload", edit(&|o| drop(o.as_object_mut().unwrap().remove("payload")))),
        ("compact", b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA".to_vec()),
        ("escapes", text.replace("protected", "p\\u0072otected").into_bytes()),
        ("deep", "[".repeat(5_000).into_bytes()),
        ("deep-objects", r#"{"a":"#.repeat(5_000).into_bytes()),
        ("numbers", br#"{"protected":1e999,"payload":-0,"signature":184467440737095516160}"#.to_vec()),
        ("empty", Vec::new()),
    ]
}

fn jwk() -> Vec<(&'static str, Vec<u8>)> {
    let key = |alg| ClientKey::generate(alg).jwk_json();
    let edit = |alg, member: &str, value: &str| {
        let mut jwk = key(alg);
        jwk[member] = json!(value);
        bytes(&jwk)
    };
    vec![
        ("p256", bytes(&key(SigAlg::Es256))),
        ("p384", bytes(&key(SigAlg::Es384))),
        ("ed25519", bytes(&key(SigAlg::Ed25519))),
        ("rsa", bytes(&key(SigAlg::Rs256))),
        ("rsa-e-1", edit(SigAlg::Rs256, "e", "AQ")),
        ("rsa-e-even", edit(SigAlg::Rs256, "e", "AQAA")),
        ("rsa-n-leading-zero", edit(SigAlg::Rs256, "n", "AAEB")),
        ("rsa-n-empty", edit(SigAlg::Rs256, "n", "")),
        ("rsa-n-huge", edit(SigAlg::Rs256, "n", &"_".repeat(20_000))),
        ("off-curve", edit(SigAlg::Es256, "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("stripped", edit(SigAlg::Es256, "x", "AAAA")),
        ("infinity", edit(SigAlg::Es384, "y", "")),
        ("wrong-curve", edit(SigAlg::Es256, "crv", "P-384")),
        ("private", edit(SigAlg::Es256, "d", "AAAA")),
        ("ed448", edit(SigAlg::Ed25519, "crv", "Ed448")),
        ("symmetric", br#"{"kty":"oct","k":"AAAA"}"#.to_vec()),
        ("null", b"null".to_vec()),
    ]
}

fn eab() -> Vec<(&'static str, Vec<u8>)> {
    let key = ClientKey::generate(SigAlg::Es256);
    let url = format!("{BASE}/acme/new-account");
    let bound = |alg: &str| key.external_account(alg, &[1; 32], "kid-1", &url);
    let signed = |protected: Value| key.sign_jws(protected, Some(key.jwk_json()));
    let mut padded = bound("HS256");
    padded["signature"] = json!("AAAA==");
    vec![
        ("hs256", bytes(&bound("HS256"))),
        ("hs384", bytes(&bound("HS384"))),
        ("hs512", bytes(&bound("HS512"))),
        ("padded", bytes(&padded)),
        ("es256", signed(json!({ "alg": "ES256", "kid": "a", "url": url }))),
        ("jwk", signed(json!({ "alg": "HS256", "jwk": key.jwk_json(), "url": url }))),
        ("nonce", signed(json!({ "alg": "HS256", "kid": "a", "nonce": "AA", "url": url }))),
        ("no-kid", signed(json!({ "alg": "HS256", "url": url }))),
        ("long-kid", signed(json!({ "alg": "HS256", "kid": "k".repeat(9_000), "url": "u".repeat(9_000) }))),
        ("text", b"\"eyJ\"".to_vec()),
    ]
}

fn key_change() -> Vec<(&'static str, Vec<u8>)> {
    let (old, new) = (ClientKey::generate(SigAlg::Es256), ClientKey::generate(SigAlg::Es384));
    let (url, account) = (format!("{BASE}/acme/key-change"), format!("{BASE}/acme/account/x"));
    let payload = json!({ "account": account, "oldKey": old.jwk_json() });
    let inner = |protected: Value, payload: &Value| new.sign_jws(protected, Some(payload.clone()));
    let good = json!({ "jwk": new.jwk_json(), "url": url });
    vec![
        ("valid", bytes(&new.key_change(&url, &account, &old))),
        ("nonce", inner(json!({ "jwk": new.jwk_json(), "url": url, "nonce": "AA" }), &payload)),
        ("kid", inner(json!({ "kid": account, "url": url }), &payload)),
        ("other-url", inner(json!({ "jwk": new.jwk_json(), "url": account }), &payload)),
        ("other-account", inner(good.clone(), &json!({ "account": "a".repeat(9_000), "oldKey": old.jwk_json() }))),
        ("old-key-text", inner(good.clone(), &json!({ "account": account, "oldKey": "x".repeat(9_000) }))),
        ("old-key-nested", inner(good, &json!({ "account": account, "oldKey": { "kty": { "kty": [] } } }))),
        ("empty", Vec::new()),
    ]
}

fn csr() -> Vec<(&'static str, Vec<u8>)> {
    let key = new_key(SigAlg::Es256);
    let good = CsrShape::dns(&["a.test", "*.b.test"]).build(&key);
    let named = |subject: &str| CsrShape { subject: subject.to_owned(), ..CsrShape::default() }.build(&key);
    let fixtures = ["wants-ca", "rsa-sha256", "email", "rsa-pss", "rsa-sha1", "rsa-md5", "ec-sha1"].map(|name| {
        let file = format!("{}/tests/fixtures/csr/{name}.der", env!("CARGO_MANIFEST_DIR"));
        (name, std::fs::read(file).unwrap())
    });
    let mut all: Vec<(&'static str, Vec<u8>)> = fixtures.into();
    all.extend([
        ("valid", good.clone()),
        ("truncated", good[..good.len() - 9].to_vec()),
        ("trailing", [good.as_slice(), &[0]].concat()),
        ("common-name", named("CN=a.test")),
        ("address-as-common-name", named("CN=192.0.2.1,O=x")),
        ("huge-length", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30]),
        ("indefinite-length", [[0x30, 0x80].as_slice(), &good[4..], &[0, 0]].concat()),
        ("nested", [0x30, 0x80].repeat(4_000)),
    ]);
    all
}

fn revocation() -> Vec<(&'static str, Vec<u8>)> {
    let world = World::new();
    let leaf = Client::registered(&world).issue(&["a.test", "b.test"], &new_key(SigAlg::Es384));
    let issuer = world.issuer().certificate_der().to_vec();
    let mut odd_version = leaf.clone();
    odd_version[12] = 9;
    vec![
        ("leaf", leaf.clone()),
        ("issuer", issuer),
        ("truncated", leaf[..leaf.len() / 2].to_vec()),
        ("trailing", [leaf.as_slice(), b"x"].concat()),
        ("odd-version", odd_version),
        ("huge-length", vec![0x30, 0x82, 0xff, 0xff, 0x30, 0x82, 0xff, 0xfb]),
        ("pem", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n".to_vec()),
    ]
}

fn dns() -> Vec<(&'static str, Vec<u8>)> {
    let name = |text: &str| Name::from_str(text).unwrap();
    let answer = |kind: RecordType, records: &[(&str, RData)]| {
        let mut message = Message::new(0x4142, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name("a.test."), kind));
        for (owner, data) in records {
            message.add_answer(Record::from_rdata(name(owner), 60, data.clone()));
        }
        message.to_vec().unwrap()
    };
    let alias = |to: &str| RData::CNAME(CNAME(name(to)));
    let text = answer(RecordType::TXT, &[("a.test.", RData::TXT(TXT::new(vec!["x".to_owned(), "y".to_owned()])))]);
    let address = answer(RecordType::A, &[("a.test.", RData::A(A::new(192, 0, 2, 1)))]);
    let mut counts = address.clone();
    counts[6..12].fill(0xff);
    // A name that points at itself: 0xc00c is where the question begins.
    let mut pointer = address.clone();
    pointer[12..14].copy_from_slice(&[0xc0, 0x0c]);
    let mut caa = answer(RecordType::CAA, &[]);
    caa[7] = 1;
    caa.extend(b"\xc0\x0c\x01\x01\0\x01\0\0\0\x3c\0\x0e\x80\x05issueca.test");
    vec![
        ("a", address.clone()),
        ("txt", text.clone()),
        ("caa", caa),
        ("nodata", answer(RecordType::AAAA, &[])),
        ("alias", answer(RecordType::A, &[("a.test.", alias("b.test.")), ("b.test.", RData::A(A::new(1, 2, 3, 4)))])),
        ("alias-loop", answer(RecordType::A, &[("a.test.", alias("b.test.")), ("b.test.", alias("a.test."))])),
        ("counts", counts),
        ("pointer-loop", pointer),
        ("truncated", text[..text.len() - 2].to_vec()),
        ("header", address[..12].to_vec()),
    ]
}

fn nonces() -> Vec<(&'static str, Vec<u8>)> {
    let other = World::new().reconfigured(|settings| settings.nonce_key = [8; 32].into());
    let foreign = Client::new(&other).fresh_nonce().into_bytes();
    let mut list =
        texts(&[("zeros", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), ("short", "AA"), ("padded", "AA==")]);
    list.extend([("foreign", foreign.clone()), ("cut", foreign[..20].to_vec()), ("long", foreign.repeat(200))]);
    list
}

fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let mut list = texts(PAYLOADS);
    let csr = CsrShape::dns(&["a.test", "*.a.test"]).build(&new_key(SigAlg::Es256));
    let finalize = json!({ "csr": selvedge::values::b64::encode(&csr) });
    list.push(("finalize", format!("/acme/order/{{order}}/finalize\n{finalize}").into_bytes()));
    let long = "x".repeat(20_000);
    list.push(("long-text", format!("/acme/new-order\n{{\"identifiers\":\"{long}\"}}").into_bytes()));
    list.push(("long-member", format!("/acme/account/{{account}}\n{{\"contact\":[{{\"{long}\":1}}]}}").into_bytes()));
    let many: Vec<Value> = (0..900).map(|n| json!({ "type": "dns", "value": format!("a{n}..b") })).collect();
    list.push(("many", format!("/acme/new-order\n{}", json!({ "identifiers": many })).into_bytes()));
    let hundred: Vec<Value> =
        (0..100).map(|n| json!({ "type": "x".repeat(60), "value": format!("{n}{}", "y".repeat(200)) })).collect();
    list.push(("hundred", format!("/acme/new-order\n{}", json!({ "identifiers": hundred })).into_bytes()));
    list
}
