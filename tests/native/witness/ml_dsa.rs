//! Logs that a witness knows by a key of ML-DSA-44.

use super::{ADD, NAME, ORIGIN, cosigned_at, text};
use crate::test_log::{Branch, TRUNK, TestLog};
use selvedge::ca::config::witness::WitnessSettings;
use selvedge::ca::http::message::Response;
use selvedge::ca::testing::{START, TestWitness};
use selvedge::tlog::note::{KeyKind, Note};
use selvedge::tlog::witness::Submission;
use selvedge::tlog::{VerifierKey, cosignature};
use selvedge::values::native_crypto::MlDsa44Key;

/// The key of a log and its public half.
fn key() -> (MlDsa44Key, VerifierKey) {
    let private = MlDsa44Key::from_seed(&[0x44; 32]);
    let public = VerifierKey::new(ORIGIN, KeyKind::MlDsa44Cosignature, &private.public()).unwrap();
    (private, public)
}

/// The checkpoint of a size, signed by ML-DSA-44 beside Ed25519 or alone.
fn note(log: &TestLog, branch: Branch, size: u64, beside: bool) -> Note {
    let checkpoint = log.checkpoint(branch, size);
    let mut note = match beside {
        true => Note::parse(&log.note(branch, size)).unwrap(),
        false => Note::unsigned(checkpoint.to_string()).unwrap(),
    };
    let (private, public) = key();
    let made = private.sign(&cosignature::message(&public, &checkpoint, START).unwrap()).unwrap();
    note.sign(cosignature::signature(&public, START, &made));
    note
}

fn add(witness: &TestWitness, old: u64, branch: Branch, note: &Note) -> Response {
    let size = selvedge::tlog::Checkpoint::parse(note.text()).unwrap().size;
    let body = Submission { old, proof: branch.proof(old, size), note: &note.to_string() };
    witness.ask("POST", ADD, &body.to_string())
}

/// The note with another last octet of its last signature.
fn spoiled(mut note: Note) -> Note {
    let mut last = note.signatures().last().unwrap().clone();
    *last.octets.last_mut().unwrap() ^= 1;
    note.sign(last);
    note
}

#[test]
fn log_known_by_ml_dsa_alone_is_cosigned_by_that_signature() {
    let (log, (_, public)) = (TestLog::new(ORIGIN), key());
    let witness = TestWitness::new(NAME, std::slice::from_ref(&public), START);
    let first = add(&witness, 0, TRUNK, &note(&log, TRUNK, 5, false));
    cosigned_at(&witness, &first, &log.checkpoint(TRUNK, 5).to_string());
    assert_eq!(add(&witness, 5, TRUNK, &note(&log, TRUNK, 9, true)).status, 200, "the Ed25519 line is ignored");
    assert_eq!(add(&witness, 9, TRUNK, &Note::parse(&log.note(TRUNK, 12)).unwrap()).status, 403, "Ed25519 alone");
    assert_eq!(add(&witness, 9, TRUNK, &spoiled(note(&log, TRUNK, 12, true))).status, 403, "a wrong signature");
    let fork = Branch { from: 3, salt: 1 };
    assert_eq!(add(&witness, 9, fork, &note(&log, fork, 12, false)).status, 422);
    let shown = witness.ask("GET", &format!("/witness/{}/checkpoint", witness_at()), "");
    let shown = Note::parse(text(&shown)).unwrap();
    assert_eq!((shown.by(&public).count(), shown.by(&log.vkey).count(), shown.signatures().len()), (1, 0, 2));
}

fn witness_at() -> String {
    selvedge::ca::witness::host::WitnessAt::of(ORIGIN).hash().to_owned()
}

#[test]
fn either_key_of_a_log_suffices_and_a_wrong_signature_of_one_is_refused() {
    let (log, (_, public)) = (TestLog::new(ORIGIN), key());
    let witness = TestWitness::new(NAME, &[log.vkey.clone(), public], START);
    assert_eq!(add(&witness, 0, TRUNK, &note(&log, TRUNK, 3, false)).status, 200);
    assert_eq!(add(&witness, 3, TRUNK, &Note::parse(&log.note(TRUNK, 4)).unwrap()).status, 200);
    assert_eq!(add(&witness, 4, TRUNK, &spoiled(note(&log, TRUNK, 5, true))).status, 403);
    assert_eq!(add(&witness, 4, TRUNK, &note(&log, TRUNK, 5, true)).status, 200);
}

/// A Worker without the compatibility flag.
#[test]
fn witness_without_the_algorithm_takes_the_ed25519_line_and_names_what_is_missing() {
    let (log, (_, public)) = (TestLog::new(ORIGIN), key());
    let both = TestWitness::new(NAME, &[log.vkey.clone(), public.clone()], START);
    let alone = TestWitness::new(NAME, &[public], START);
    both.without_ml_dsa();
    alone.without_ml_dsa();
    let signed = note(&log, TRUNK, 5, true);
    assert_eq!(add(&both, 0, TRUNK, &signed).status, 200);
    let refused = add(&alone, 0, TRUNK, &signed);
    assert_eq!(refused.status, 403);
    assert!(text(&refused).contains("cannot check ML-DSA-44"), "{}", text(&refused));
    assert!(text(&refused).contains("webcrypto_modern_algorithms"), "{}", text(&refused));
}

#[test]
fn settings_take_both_keys_of_a_log() {
    let (log, (_, public)) = (TestLog::new(ORIGIN), key());
    let vkey = TestWitness::new(NAME, &[], START).vkey().to_string();
    let lines = format!("log {}\nlog {public}\n", log.vkey);
    let settings = WitnessSettings::read(&|name| match name {
        "WITNESS_VKEY" => Some(vkey.clone()),
        "WITNESS_LOGS" => Some(lines.clone()),
        _ => None,
    });
    assert_eq!(settings.unwrap().log(ORIGIN).unwrap().keys, [log.vkey, public]);
}
