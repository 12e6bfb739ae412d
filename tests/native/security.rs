//! Confusions of JWS and keys: each request is refused with its type and changes nothing.
//!
//! Single parsers have their own tables in src/jose; here the whole CA is tested.

use selvedge::ca::testing::{Client, World, check_all};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::records::Kind::{BadNonce, BadPublicKey, BadSignatureAlgorithm, Malformed, Unauthorized};
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

/// A flattened JWS of these parts.
fn jws(protected: &str, payload: &str, signature: &[u8]) -> Value {
    let encode = |text: &str| b64::encode(text.as_bytes());
    json!({ "protected": encode(protected), "payload": encode(payload), "signature": b64::encode(signature) })
}

/// An account whose deactivation every request asks for.
struct Target {
    client: Client,
    mallory: ClientKey,
}

const DEACTIVATE: &str = r#"{"status":"deactivated"}"#;

impl Target {
    fn new(alg: SigAlg) -> Self {
        let mut client = Client::with_key(&World::new(), ClientKey::generate(alg));
        client.register();
        Self { client, mallory: ClientKey::generate(alg) }
    }

    /// The protected header of a good request, with this changed.
    fn header(&self, change: impl FnOnce(&mut Value)) -> Value {
        let mut header = self.client.protected(self.client.account());
        header["alg"] = self.alg().into();
        change(&mut header);
        header
    }

    fn alg(&self) -> &'static str {
        match self.client.key.native().algorithm() {
            SigAlg::Es256 => "ES256",
            SigAlg::Es384 => "ES384",
            SigAlg::Ed25519 => "EdDSA",
            _ => "RS256",
        }
    }

    /// A request signed by `key` with the header changed so.
    fn by(&self, key: &ClientKey, change: impl FnOnce(&mut Value)) -> Value {
        let body = key.sign_raw(&self.header(change).to_string(), DEACTIVATE.as_bytes());
        serde_json::from_slice(&body).unwrap()
    }

    /// A request signed by the account's own key with the header changed so.
    fn own(&self, change: impl FnOnce(&mut Value)) -> Value {
        self.by(&self.client.key, change)
    }

    /// A good request whose signature was changed so.
    fn signed(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Value {
        let mut body = self.own(|_| {});
        let signature = b64::decode(body["signature"].as_str().unwrap()).unwrap();
        body["signature"] = b64::encode(&change(signature)).into();
        body
    }

    fn refuses(&self, what: &str, body: &str, kind: Kind) {
        let before = self.client.world.rows_but_nonces();
        let request = self.client.request(self.client.account(), body.as_bytes().to_vec());
        let refused = self.client.send(request);
        let status = if kind == Unauthorized { 403 } else { 400 };
        assert_eq!(refused.status(), status, "{what}: {}", refused.text());
        refused.refused(status, kind);
        assert_eq!(self.client.world.rows_but_nonces(), before, "{what}");
    }

    /// That the requests asked for something: the same, not spoiled, is done.
    fn works(self) {
        let body = self.own(|_| {}).to_string().into_bytes();
        let done = self.client.send(self.client.request(self.client.account(), body)).is(200);
        assert_eq!(done.json()["status"], "deactivated");
        check_all(&self.client.world, "at the end");
    }
}

#[test]
fn j04_j06_unsuitable_algorithms_are_refused() {
    let target = Target::new(SigAlg::Es256);
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        for signature in [&b""[..], &[0; 64]] {
            let header = target.header(|header| header["alg"] = alg.into());
            let body = jws(&header.to_string(), DEACTIVATE, signature);
            target.refuses(&format!("{alg:?}"), &body.to_string(), BadSignatureAlgorithm);
        }
        target.refuses(alg, &target.own(|header| header["alg"] = alg.into()).to_string(), BadSignatureAlgorithm);
    }
    // The public key, in whatever form a careless library might take it for a MAC's key.
    let key = target.client.key.jwk();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", b64::encode(key.spki_der()));
    let secrets = [key.spki_der().to_vec(), key.to_json().into_bytes(), pem.into_bytes(), Vec::new()];
    for alg in ["HS256", "HS384", "HS512"] {
        for secret in &secrets {
            let header = target.header(|header| header["alg"] = alg.into()).to_string();
            let body = selvedge::jose::testing::mac_jws(alg, secret, &header, DEACTIVATE.as_bytes());
            target.refuses(alg, &body.to_string(), BadSignatureAlgorithm);
        }
    }
    for alg in ["ES384", "RS256", "EdDSA"] {
        target.refuses(alg, &target.own(|header| header["alg"] = alg.into()).to_string(), Malformed);
    }
    for alg in ["PS256", "RS384", "ES512", "ES256K", "RSA1_5", "dir"] {
        target.refuses(alg, &target.own(|header| header["alg"] = alg.into()).to_string(), BadSignatureAlgorithm);
    }
    target.works();
}

#[test]
fn j02_j03_misplaced_keys_are_refused() {
    let target = Target::new(SigAlg::Es256);
    let (mallory, own) = (target.mallory.clone(), target.client.key.clone());
    let jwk = mallory.jwk_json();
    let rows: [(&str, Value, Kind); 8] = [
        ("by another key", target.by(&mallory, |_| {}), Malformed),
        ("jwk beside kid, by the jwk", target.by(&mallory, |h| h["jwk"] = jwk.clone()), Malformed),
        ("jwk beside kid, by the account", target.own(|h| h["jwk"] = own.jwk_json()), Malformed),
        ("jwk in place of kid", target.by(&mallory, |h| *h = without(h, "kid", "jwk", jwk.clone())), Malformed),
        ("own jwk in place of kid", target.own(|h| *h = without(h, "kid", "jwk", own.jwk_json())), Malformed),
        ("a key as kid", target.by(&mallory, |h| h["kid"] = mallory.jwk().to_json().into()), Malformed),
        (
            "jku, x5u, x5c",
            target.by(&mallory, |h| {
                h["jku"] = "https://mallory.test/keys".into();
                h["x5u"] = "https://mallory.test/cert".into();
                h["x5c"] = json!(["AA=="]);
            }),
            Malformed,
        ),
        (
            "jwk in the unprotected header",
            {
                let mut body = target.by(&mallory, |_| {});
                body["header"] = json!({ "jwk": jwk });
                body
            },
            Malformed,
        ),
    ];
    for (what, body, kind) in rows {
        target.refuses(what, &body.to_string(), kind);
    }
    target.works();
}

/// The header without one member and with another.
fn without(header: &Value, gone: &str, name: &str, value: Value) -> Value {
    let mut header = header.clone();
    header.as_object_mut().unwrap().remove(gone);
    header[name] = value;
    header
}

#[test]
fn j08_n04_spliced_requests_are_refused() {
    let target = Target::new(SigAlg::Es256);
    let order_url = target.client.url("new-order");
    let (one, two) = (target.own(|_| {}), target.own(|_| {}));
    for member in ["protected", "payload", "signature"] {
        let mut mixed = one.clone();
        let from = if member == "payload" { jws("", r#"{"status":"valid"}"#, b"") } else { two.clone() };
        mixed[member] = from[member].clone();
        target.refuses(&format!("another's {member}"), &mixed.to_string(), Malformed);
    }
    // The header says another nonce, or URL, than was signed.
    let swapped = |change: &dyn Fn(&mut Value)| {
        let good = target.own(|_| {});
        let mut header: Value =
            serde_json::from_slice(&b64::decode(good["protected"].as_str().unwrap()).unwrap()).unwrap();
        change(&mut header);
        let mut body = good;
        body["protected"] = b64::encode(header.to_string().as_bytes()).into();
        body.to_string()
    };
    let nonce = target.client.fresh_nonce();
    target.refuses("a nonce swapped in", &swapped(&|header| header["nonce"] = nonce.clone().into()), Malformed);
    target.refuses("a URL swapped in", &swapped(&|header| header["url"] = order_url.clone().into()), Malformed);
    target.refuses("signed for another URL", &target.own(|h| h["url"] = order_url.into()).to_string(), Unauthorized);
    // A request is good once, whatever it was answered.
    let read = target.client.sign(target.client.account(), None);
    target.client.send(read.clone()).is(200);
    target.refuses("again", &String::from_utf8(read.body.unwrap()).unwrap(), BadNonce);
    target.works();
}

#[test]
fn j01_j02_members_twice_and_members_that_change_the_rest() {
    let target = Target::new(SigAlg::Es256);
    let key = &target.client.key;
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    let header = || target.header(|_| {}).to_string();
    // In the payload.
    for payload in [
        r#"{"status":"valid","status":"deactivated"}"#,
        r#"{"status":"deactivated","st\u0061tus":"valid"}"#,
        r#"{"status":"deactivated","x":{"a":1,"a":2}}"#,
    ] {
        target.refuses(payload, &text(&key.sign_raw(&header(), payload.as_bytes())), Malformed);
    }
    // In the protected header.
    for (name, value) in [("alg", "ES256"), ("url", "x"), ("kid", "y"), ("nonce", "bm9uY2U"), ("k\\u0069d", "y")] {
        let doubled = header().replacen('{', &format!(r#"{{"{name}":"{value}","#), 1);
        target.refuses(name, &text(&key.sign_raw(&doubled, DEACTIVATE.as_bytes())), Malformed);
    }
    // In the body.
    for member in ["protected", "payload", "signature"] {
        let body = target.own(|_| {});
        let first = body.to_string().replacen('{', &format!(r#"{{"{member}":"","#), 1);
        let last = format!("{},\"{member}\":{}}}", body.to_string().trim_end_matches('}'), body[member]);
        target.refuses(member, &first, Malformed);
        target.refuses(member, &last, Malformed);
    }
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!("b64")] {
        target.refuses(
            "crit",
            &target
                .own(|h| {
                    h["crit"] = crit;
                    h["exp"] = 1.into();
                })
                .to_string(),
            Malformed,
        );
    }
    for b64 in [json!(false), json!("false"), json!(0)] {
        target.refuses(
            "b64",
            &target
                .own(|h| {
                    h["b64"] = b64;
                })
                .to_string(),
            Malformed,
        );
    }
    target.works();
}

/// The orders of P-256 and P-384.
const ORDERS: [(SigAlg, &str); 2] = [
    (SigAlg::Es256, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    (SigAlg::Es384, "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
];

fn hex(text: &str) -> Vec<u8> {
    selvedge::values::hex::decode(text).unwrap()
}

/// `a - b` of numbers of one width, `a` the larger.
fn minus(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let difference = i32::from(*a) - i32::from(*b) - borrow;
            borrow = i32::from(difference < 0);
            difference.rem_euclid(256) as u8
        })
        .collect();
    digits.reverse();
    digits
}

#[test]
fn j10_signatures_with_impossible_numbers() {
    for (alg, order) in ORDERS {
        let (target, n) = (Target::new(alg), hex(order));
        let width = n.len();
        let (zero, most) = (vec![0; width], vec![0xff; width]);
        let mut one = zero.clone();
        one[width - 1] = 1;
        for bad in [&zero, &n, &most] {
            target.refuses("r", &target.signed(|good| [bad, &good[width..]].concat()).to_string(), Malformed);
            target.refuses("s", &target.signed(|good| [&good[..width], bad].concat()).to_string(), Malformed);
            target.refuses("r and s", &target.signed(|_| [bad.clone(), bad.clone()].concat()).to_string(), Malformed);
            // The shape of CVE-2022-21449.
            target.refuses(
                "r 1",
                &target.signed(|_| [&one, bad].map(|part| part.clone()).concat()).to_string(),
                Malformed,
            );
        }
        let der = |good: Vec<u8>| selvedge::values::ecdsa::to_x509(alg, &good).unwrap();
        target.refuses("DER", &target.signed(der).to_string(), Malformed);
        for cut in [0, 1, width, 2 * width - 3] {
            target.refuses("short", &target.signed(|good| good[..cut].to_vec()).to_string(), Malformed);
        }
        target.refuses("long", &target.signed(|good| [good, vec![0]].concat()).to_string(), Malformed);
        target.refuses(
            "turned",
            &target.signed(|good| [&good[width..], &good[..width]].concat()).to_string(),
            Malformed,
        );
        target.works();
    }
}

/// `(r, n - s)` is as valid a signature as `(r, s)`.
///
/// RFC 7518 §3.4 and FIPS 186-5 do not require the lower half, honest clients make either, and WebCrypto accepts both.
/// Nothing depends on a unique signature: the nonce is good once.
#[test]
fn j10_high_s_signature_is_accepted_once() {
    for (alg, order) in ORDERS {
        let (target, n) = (Target::new(alg), hex(order));
        let width = n.len();
        let other = |good: Vec<u8>| [good[..width].to_vec(), minus(&n, &good[width..])].concat();
        let good = target.client.sign(target.client.account(), None);
        let mut body: Value = serde_json::from_slice(good.body.as_deref().unwrap()).unwrap();
        body["signature"] = b64::encode(&other(b64::decode(body["signature"].as_str().unwrap()).unwrap())).into();
        let turned = target.client.request(target.client.account(), body.to_string().into_bytes());
        target.client.send(turned).is(200);
        target.client.send(good).refused(400, BadNonce);
        target.works();
    }
}

/// What newAccount is answered for a key that signs with anything.
fn keys() -> Vec<(&'static str, &'static str, Value, Vec<u8>, Kind)> {
    let p = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    // With x = 0 this is on P-256; so x = p would be, for who reduces it.
    let y = "66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4";
    let p384 = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff";
    let ec = |crv: &str, x: &str, y: &str| json!({ "kty": "EC", "crv": crv, "x": b64::encode(&hex(x)), "y": b64::encode(&hex(y)) });
    let rsa =
        |bytes: usize, e: &[u8]| json!({ "kty": "RSA", "n": b64::encode(&vec![0xa5; bytes]), "e": b64::encode(e) });
    let ed = |x: Vec<u8>| json!({ "kty": "OKP", "crv": "Ed25519", "x": b64::encode(&x) });
    let (zero, zero384) = ("00".repeat(32), "00".repeat(48));
    let raw = |len: usize| vec![1; len];
    let mut identity = vec![0; 64];
    identity[0] = 1;
    let mut rows = vec![
        ("P-256 x = p", "ES256", ec("P-256", p, y), raw(64), BadPublicKey),
        ("P-256 x = 0, a point whose key nobody has", "ES256", ec("P-256", &zero, y), raw(64), Malformed),
        ("P-256 infinity", "ES256", ec("P-256", &zero, &zero), raw(64), BadPublicKey),
        ("P-256 y = p", "ES256", ec("P-256", &zero, p), raw(64), BadPublicKey),
        ("P-256 all ones", "ES256", ec("P-256", &"ff".repeat(32), &"ff".repeat(32)), raw(64), BadPublicKey),
        ("P-384 x = p", "ES384", ec("P-384", p384, &zero384), raw(96), BadPublicKey),
        ("P-384 infinity", "ES384", ec("P-384", &zero384, &zero384), raw(96), BadPublicKey),
        ("a P-384 width on P-256", "ES256", ec("P-256", &zero384, &zero384), raw(64), BadPublicKey),
        ("RSA of 1024 bits", "RS256", rsa(128, &[1, 0, 1]), raw(128), BadPublicKey),
        ("RSA of 2040 bits", "RS256", rsa(255, &[1, 0, 1]), raw(255), BadPublicKey),
        ("RSA e = 1", "RS256", rsa(256, &[1]), raw(256), BadPublicKey),
        ("RSA e = 0", "RS256", rsa(256, &[0]), raw(256), BadPublicKey),
        ("RSA e = 2", "RS256", rsa(256, &[2]), raw(256), BadPublicKey),
        ("a secret as key", "ES256", json!({ "kty": "oct", "k": "AA" }), raw(32), BadPublicKey),
        ("Ed25519 y no point has", "EdDSA", ed(hex(&format!("02{}", "00".repeat(31)))), raw(64), Malformed),
    ];
    // One signature, R the neutral point and S zero, holds for all messages with the keys of small order, for
    // verifiers that do not look.
    for x in SMALL_ORDER {
        rows.push(("Ed25519 of small order", "EdDSA", ed(hex(x)), identity.clone(), BadPublicKey));
    }
    rows
}

/// The points of order 1, 2, 4 and 8, and other ways to write them.
const SMALL_ORDER: [&str; 13] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

#[test]
fn j07_j10_invalid_keys_are_refused() {
    let world = World::new();
    let client = Client::new(&world);
    let url = client.url("new-account");
    for (what, alg, jwk, signature, kind) in keys() {
        let header = json!({ "alg": alg, "jwk": jwk, "nonce": client.nonce(), "url": url });
        let body = jws(&header.to_string(), "{}", &signature).to_string().into_bytes();
        let refused = client.send(client.request(&url, body));
        assert_eq!(refused.status(), 400, "{what}: {}", refused.text());
        assert!(refused.text().contains(kind.token()), "{what}: {}", refused.text());
    }
    assert_eq!(world.rows_but_nonces().len(), 0);
    client.new_account(json!({})).is(201);
}
