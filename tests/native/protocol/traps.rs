//! Interop traps: what real clients stumbled over at other servers (section 5 of the checklist). Each test fails when
//! its trap opens here. Client code in shells is played by what its regular expressions would find.

use core::time::Duration;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, challenge, new_key};
use selvedge::jose::Unverified;
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

/// Extracts like `sed`, `grep` and `cut` of shell clients, up to the next quote.
///
/// It begins behind the first `"name":"`.
fn first_text(json: &str, name: &str) -> String {
    let start = format!("\"{name}\":\"");
    let rest = json.split_once(&start).unwrap_or_else(|| panic!("no {name} in {json}")).1;
    rest.split('"').next().unwrap().to_owned()
}

#[test]
fn t01_finalize_and_orders_have_the_order_location() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    // x/crypto/acme polls the Location of the answer to finalize.
    let polled = client.finalize(&order, &csr).is(200).location();
    assert_eq!(polled, url);
    assert_eq!(client.get(&polled).is(200).location(), url);
    assert_eq!(client.new_order(&["b.test"]).is(201).headers("Location").len(), 1);
}

/// acme.sh retries when the answer contains one of these, with any error type.
#[test]
fn t02_n05_acme_sh_recognizes_a_bad_nonce() {
    let client = Client::registered(&World::new());
    let used = client.sign(client.account(), None);
    client.send(used.clone()).is(200);
    let refused = client.send(used).refused(400, Kind::BadNonce);
    let sentences = [
        "JWS has an invalid anti-replay nonce",
        "JWS has invalid anti-replay nonce",
        "The Replay Nonce is not recognized",
    ];
    assert!(sentences.iter().any(|sentence| refused.text().contains(sentence)), "{}", refused.text());
    client.get(client.account()).is(200);
}

#[test]
fn t03_certbot_finds_up_nonce_and_no_false_conflict() {
    let world = World::new();
    let client = Client::registered(&world);
    let order = client.new_order(&["a.test"]).is(201).json();
    let (url, authorization) = client.authorizations(&order).remove(0);
    let answered = client.prove(&authorization, Proof::Http);
    let answer = client.post(answered["url"].as_str().unwrap(), json!({})).is(200);
    assert_eq!(answer.link("up"), Some(url), "ClientError without it");
    assert_eq!(answer.json()["url"], answered["url"], "certbot compares them");
    // MissingNonce: the walk through the states checks all others; the certificate and the revocation are not JSON.
    let certificate = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    assert!(client.revoke(&certificate, None).is(200).header("Replay-Nonce").is_some());
}

#[test]
fn t04_o08_order_is_ready_with_its_last_authorization() {
    let client = Client::registered(&World::new());
    let placed = client.new_order(&["a.test", "b.test"]).is(201);
    let order = placed.json();
    client.authorize(&order, Proof::Http);
    // No poll of the order in between.
    let csr = CsrShape::dns(&["a.test", "b.test"]).build(&new_key(SigAlg::Es256));
    assert_eq!(client.finalize(&order, &csr).is(200).json()["status"], "valid");
}

#[test]
fn t05_t24_processing_is_short_with_retry_after() {
    let world = World::new();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    world.sign_fault().from(0);
    let answered = client.finalize(&order, &csr).is(200);
    assert_eq!(answered.json()["status"], "processing");
    let wait: u64 = answered.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "certbot and others wait that long, once or a few times");
    world.live(Duration::from_secs(20));
    world.heal();
    world.live(Duration::from_secs(10));
    assert_eq!(client.get(&url).is(200).json()["status"], "valid", "certbot gives up at 90 s");
}

/// acme.sh splits an authorization at braces and takes the piece with its type.
#[test]
fn t08_acme_sh_finds_its_challenge_by_regular_expression() {
    let client = Client::registered(&World::new());
    let placed = client.new_order(&["a.test", "*.a.test"]).is(201);
    assert!(!placed.text().contains("\\/"), "its URLs would be wrong");
    for (url, authorization) in client.authorizations(&placed.json()) {
        let answered = client.get(&url).is(200);
        assert_eq!(answered.header("Content-Type"), Some("application/json"), "compared as a whole");
        let text = answered.text().replace(['\n', ' '], "");
        let challenges = text.split_once("\"challenges\":[").unwrap().1;
        for offered in authorization["challenges"].as_array().unwrap() {
            let kind = offered["type"].as_str().unwrap();
            let pieces = challenges.split(['{', '}']);
            let piece = pieces.clone().find(|piece| piece.contains(&format!("\"type\":\"{kind}\""))).unwrap();
            for member in ["url", "token", "status"] {
                assert_eq!(first_text(piece, member), offered[member].as_str().unwrap(), "{kind} in {text}");
            }
        }
    }
}

/// After a failure `error` is nested, and acme.sh expects it after the challenge's members.
#[test]
fn t08_an_error_comes_last_in_a_challenge_and_type_first_in_a_problem() {
    let client = Client::registered(&World::new());
    let order = client.new_order(&["a.test"]).is(201).json();
    let (url, authorization) = client.authorizations(&order).remove(0);
    client.post(client.prove(&authorization, Proof::WrongHttp)["url"].as_str().unwrap(), json!({})).is(200);
    let text = client.get(&url).is(200).text().to_owned();
    let failed = text.split_once("\"type\":\"http-01\"").unwrap().1;
    let (own, error) = failed.split_once("\"error\":{").unwrap();
    assert_eq!(first_text(own, "status"), "invalid");
    assert!(own.contains("\"url\":") && own.contains("\"token\":"), "{own}");
    assert!(error.starts_with("\"type\":\"urn:ietf:params:acme:error:"), "{error}");
    assert!(first_text(error, "detail").contains("a.test"));
    let refused = client.post(&client.url("new-order"), json!({})).is(400);
    assert!(refused.text().starts_with("{\"type\":\"urn:ietf:params:acme:error:"), "{}", refused.text());
}

/// Relations that were merged into one line would be lost for clients that read lines.
#[test]
fn t10_h11_each_relation_has_its_own_header() {
    let client = Client::registered(&World::new());
    let order = client.new_order(&["a.test"]).json();
    let (_, authorization) = client.authorizations(&order).remove(0);
    let url = challenge(&authorization, "http-01")["url"].as_str().unwrap().to_owned();
    let answered = client.get(&url).is(200);
    let relations: Vec<&str> = answered.headers("Link").iter().filter_map(|l| l.split("rel=").nth(1)).collect();
    assert_eq!(relations, ["\"up\"", "\"index\""]);
}

/// Some clients omit leading zeros of `r` and `s`, in one signature of 128.
#[test]
fn t11_j10_2000_signatures_without_their_leading_zeros() {
    let key = ClientKey::generate(SigAlg::Es256);
    let mut short = 0;
    for n in 0..2_000 {
        let body =
            key.sign_jws(json!({ "jwk": key.jwk_json(), "nonce": "AAAA", "url": "https://ca.test/" }), Some(json!(n)));
        let mut object: Value = serde_json::from_slice(&body).unwrap();
        let signature = b64::decode(object["signature"].as_str().unwrap()).unwrap();
        let halves = signature.split_at(32);
        let stripped = |half: &[u8]| half.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
        let stripped = [stripped(halves.0), stripped(halves.1)].concat();
        // Of the whole ones, some are enough; three zeros come once in 2,000 runs and are not mended.
        if stripped.len() < 62 || (stripped.len() == 64 && n % 20 != 0) {
            continue;
        }
        short += usize::from(stripped.len() < 64);
        object["signature"] = b64::encode(&stripped).into();
        let parsed = Unverified::parse(object.to_string().as_bytes()).unwrap();
        let verified = selvedge::ca::testing::poll_some(parsed.verify(&key.jwk(), &NativeCrypto), 1).unwrap();
        assert!(verified.is_ok(), "{} bytes: {verified:?}", stripped.len());
    }
    assert!(short > 0, "2,000 signatures without one that is short: one run in a million");
}
