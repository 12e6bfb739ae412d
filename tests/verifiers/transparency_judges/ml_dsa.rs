//! ML-DSA-44 lines of checkpoints, and signatures of WebCrypto, before OpenSSL. The test makes messages by the
//! specification's words.

use super::judged;
use crate::transparency::{Book, NOW, ORIGIN, Signer};
use crate::verifiers::python;
use data_encoding::BASE64;
use selvedge::tlog::cosignature::{message, signature};
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::{Checkpoint, Policy, VerifierKey};
use selvedge::values::Verify;
use selvedge::values::native_crypto::{MlDsa44Key, NativeCrypto};
use serde_json::{Value, json};

const SCRIPT: &str = include_str!("ml_dsa.py");

fn octets(value: &Value) -> Vec<u8> {
    BASE64.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn check(key: &[u8], message: &[u8], signature: &[u8]) -> Value {
    json!({ "key": BASE64.encode(key), "message": BASE64.encode(message), "signature": BASE64.encode(signature) })
}

/// The signed message, by the text of the specification.
fn subtree(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(ORIGIN.len() as u8);
    message.extend(ORIGIN.as_bytes());
    message.extend(NOW.secs().to_be_bytes());
    message.push(ORIGIN.len() as u8);
    message.extend(ORIGIN.as_bytes());
    message.extend(0_u64.to_be_bytes());
    message.extend(checkpoint.size.to_be_bytes());
    message.extend(checkpoint.root.as_bytes());
    message
}

#[test]
fn openssl_verifies_the_line_of_a_checkpoint_and_no_changed_one() {
    let (book, signer) = (Book::numbers(9), Signer::post_quantum());
    let note = book.note(&[&Signer::log(), &signer]);
    let line = note.by(&signer.public).next().unwrap();
    let (time, made) = line.octets.split_at(8);
    assert_eq!(time, NOW.secs().to_be_bytes());
    let message = subtree(&book.checkpoint());
    let (mut later, mut changed, other) = (message.clone(), made.to_vec(), Book::numbers(10));
    later[13 + ORIGIN.len() + 7] ^= 1;
    changed[1000] ^= 1;
    let key = signer.public.key();
    let asked = json!([
        check(key, &message, made),
        check(key, &later, made),
        check(key, &message, &changed),
        check(key, &subtree(&other.checkpoint()), made),
    ]);
    assert_eq!(python(SCRIPT, &asked), json!([true, false, false, false]));
}

#[test]
fn openssl_makes_the_same_key_of_a_seed_and_we_verify_its_line() {
    let (book, seed) = (Book::numbers(9), [0x35; 32]);
    let key = MlDsa44Key::from_seed(&seed);
    let public = VerifierKey::new(ORIGIN, KeyKind::MlDsa44Cosignature, &key.public()).unwrap();
    let signed = message(&public, &book.checkpoint(), NOW).unwrap();
    assert_eq!(signed, subtree(&book.checkpoint()));
    let asked = json!([{ "seed": BASE64.encode(&seed), "message": BASE64.encode(&signed) }]);
    let made = python(SCRIPT, &asked);
    assert_eq!(octets(&made[0]["key"]), key.public());
    let mut note = book.note(&[&Signer::log()]);
    let policy = Policy::parse(&format!("log {public}\nquorum none\n")).unwrap();
    assert!(judged(&policy, &note).is_err(), "the policy demands ML-DSA-44");
    let mut changed = octets(&made[0]["signature"]);
    note.sign(signature(&public, NOW, &changed));
    assert_eq!(judged(&policy, &note).unwrap().checkpoint, book.checkpoint());
    changed[7] ^= 1;
    note.sign(signature(&public, NOW, &changed));
    assert!(judged(&policy, &note).is_err());
}

/// tests/fixtures/ml-dsa-44.json is a signature of workerd's WebCrypto.
#[test]
fn signature_of_webcrypto_is_right_for_openssl_and_for_us() {
    let made: Value = serde_json::from_str(include_str!("../../fixtures/ml-dsa-44.json")).unwrap();
    let [seed, message, key, signature] = ["seed", "message", "key", "signature"].map(|name| octets(&made[name]));
    let asked = json!([
        { "seed": made["seed"], "message": made["message"] },
        check(&key, &message, &signature),
        check(&key, b"other", &signature),
    ]);
    let answers = python(SCRIPT, &asked);
    assert_eq!((octets(&answers[0]["key"]), &answers[1], &answers[2]), (key.clone(), &json!(true), &json!(false)));
    assert_eq!(MlDsa44Key::from_seed(seed.as_slice().try_into().unwrap()).public(), key);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let holds = |message: &[u8]| runtime.block_on(NativeCrypto.verify_ml_dsa_44(&key, message, &signature));
    assert_eq!((holds(&message), holds(b"other")), (Ok(Some(true)), Ok(Some(false))));
}
