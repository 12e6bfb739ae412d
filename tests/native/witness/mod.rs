//! A witness of our own: each status on both sides of its rule.

mod ml_dsa;
mod settings;

use crate::test_log::{Branch, TRUNK, TestLog};
use core::time::Duration;
use selvedge::ca::http::message::{Body, Request, Response};
use selvedge::ca::testing::{START, TestWitness, poll_some};
use selvedge::ca::witness::host::WitnessAt;
use selvedge::tlog::note::Signature;
use selvedge::tlog::tree::leaf_hash;
use selvedge::tlog::witness::Submission;
use selvedge::tlog::{Checkpoint, Note, cosignature};
use selvedge::values::Time;
use selvedge::values::native_crypto::NativeCrypto;

const ORIGIN: &str = "ca.example.org/log/abc/0011aabb";
const NAME: &str = "witness.example/w1";
const ADD: &str = "/witness/add-checkpoint";
const FORK: Branch = Branch { from: 3, salt: 1 };

fn pair() -> (TestWitness, TestLog) {
    let log = TestLog::new(ORIGIN);
    (TestWitness::new(NAME, std::slice::from_ref(&log.vkey), START), log)
}

fn add(witness: &TestWitness, body: &str) -> Response {
    witness.ask("POST", ADD, body)
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(response.body.octets()).unwrap()
}

/// The time of the one cosignature in an answer, checked over this text.
fn cosigned_at(witness: &TestWitness, response: &Response, text_of: &str) -> u64 {
    assert_eq!((response.status, response.header("Content-Type")), (200, Some("text/plain; charset=utf-8")));
    let lines = Signature::parse_lines(text(response)).unwrap();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((line.name.as_str(), line.id), (NAME, witness.vkey().id()));
    let check = cosignature::check(witness.vkey(), &Checkpoint::parse(text_of).unwrap(), line).unwrap();
    assert_eq!(poll_some(check.holds(&NativeCrypto), 1), Some(Ok(Some(true))));
    check.time.unwrap().secs()
}

#[test]
fn a_checkpoint_that_continues_the_newest_is_cosigned_and_shown_to_monitors() {
    let (witness, log) = pair();
    let monitored = format!("/witness/{}/checkpoint", WitnessAt::of(ORIGIN).hash());
    assert_eq!(witness.ask("GET", &monitored, "").status, 404);
    for (old, new) in [(0, 3), (3, 4), (4, 4), (4, 300)] {
        witness.pass(Duration::from_secs(100));
        let answer = add(&witness, &log.body(TRUNK, old, new));
        let checkpoint = log.checkpoint(TRUNK, new).to_string();
        assert!(cosigned_at(&witness, &answer, &checkpoint) > START.secs());
        let shown = witness.ask("GET", &monitored, "");
        assert_eq!(text(&shown), format!("{}{}", log.note(TRUNK, new), text(&answer)));
        assert_eq!(shown.header("Cache-Control"), Some("public, max-age=5"));
        assert_eq!(Note::parse(text(&shown)).unwrap().signatures().len(), 2);
    }
}

#[test]
fn the_empty_tree_is_cosigned_and_continued() {
    let (witness, log) = pair();
    assert_eq!(add(&witness, &log.body(TRUNK, 0, 0)).status, 200);
    assert_eq!(add(&witness, &log.body(TRUNK, 0, 5)).status, 200);
    let other = log.signed(&Checkpoint::new(ORIGIN, 0, leaf_hash(b"")).to_string());
    assert_eq!(add(&witness, &Submission { old: 0, proof: vec![], note: &other }.to_string()).status, 422);
}

#[test]
fn another_old_size_gets_409_with_the_size_of_the_newest() {
    let (witness, log) = pair();
    let conflict = |answer: &Response, size: &str| {
        let found = (answer.status, answer.header("Content-Type"), text(answer));
        assert_eq!(found, (409, Some("text/x.tlog.size"), size));
    };
    conflict(&add(&witness, &log.body(TRUNK, 2, 5)), "0\n");
    assert_eq!(add(&witness, &log.body(TRUNK, 0, 5)).status, 200);
    for old in [0, 4] {
        conflict(&add(&witness, &log.body(TRUNK, old, 9)), "5\n");
    }
    // Going back is no exception.
    conflict(&add(&witness, &log.body(TRUNK, 3, 4)), "5\n");
    conflict(&add(&witness, &log.body(TRUNK, 0, 3)), "5\n");
    assert_eq!(add(&witness, &log.body(TRUNK, 5, 9)).status, 200);
}

#[test]
fn a_fork_gets_422_at_the_same_size_and_at_any_later_one() {
    let (witness, log) = pair();
    assert_eq!(add(&witness, &log.body(TRUNK, 0, 5)).status, 200);
    for size in [5, 6, 9, 64] {
        let refused = add(&witness, &log.body(FORK, 5, size));
        assert_eq!(refused.status, 422, "{size}: {}", text(&refused));
    }
    assert!(text(&add(&witness, &log.body(FORK, 5, 5))).contains("has forked"));
    assert_eq!(add(&witness, &log.body(TRUNK, 5, 6)).status, 200, "the log itself goes on");
}

#[test]
fn a_wrong_proof_gets_422() {
    let (witness, log) = pair();
    let body =
        |old, size, proof: &[_]| Submission { old, proof: proof.to_vec(), note: &log.note(TRUNK, size) }.to_string();
    let (hash, good) = (leaf_hash(b""), TRUNK.proof(5, 9));
    assert_eq!(add(&witness, &body(0, 5, &[hash])).status, 422, "from size 0 the proof is empty");
    assert_eq!(add(&witness, &body(0, 5, &[])).status, 200);
    assert_eq!(add(&witness, &body(5, 5, &[hash])).status, 422, "from the same size the proof is empty");
    for bad in [&good[1..], &good[..good.len() - 1], &[], &[&good[..], &[hash]].concat()] {
        assert_eq!(add(&witness, &body(5, 9, bad)).status, 422, "{bad:?}");
    }
    assert_eq!(add(&witness, &body(5, 9, &good)).status, 200);
}

#[test]
fn an_unknown_origin_gets_404_and_an_untrusted_signature_403() {
    let (witness, log) = pair();
    assert_eq!(add(&witness, &TestLog::new("other.example/log").body(TRUNK, 0, 5)).status, 404);
    // Another key under the log's own name.
    assert_eq!(add(&witness, &TestLog::with_key(ORIGIN, 8).body(TRUNK, 0, 5)).status, 403);
    let signed = log.note(TRUNK, 5);
    let mut spoiled = Note::parse(&signed).unwrap();
    let mut signature = spoiled.signatures()[0].clone();
    signature.octets[0] ^= 1;
    spoiled.sign(signature);
    let body = |note: &str| Submission { old: 0, proof: vec![], note }.to_string();
    assert_eq!(add(&witness, &body(&spoiled.to_string())).status, 403, "a wrong signature");
    let other_tree = signed.replace(&log.checkpoint(TRUNK, 5).root.to_string(), &leaf_hash(b"x").to_string());
    assert_eq!(add(&witness, &body(&other_tree)).status, 403, "a signature over another tree");
    // Signatures of unknown keys are ignored beside the log's.
    let strange = format!("{signed}\u{2014} else.example AAAAAAAA\n");
    assert_eq!(add(&witness, &body(&strange)).status, 200);
    let shown = witness.ask("GET", &format!("/witness/{}/checkpoint", WitnessAt::of(ORIGIN).hash()), "");
    assert!(!text(&shown).contains("else.example"), "{}", text(&shown));
}

#[test]
fn what_is_malformed_gets_400_and_changes_nothing() {
    let (witness, log) = pair();
    let note = log.note(TRUNK, 5);
    let bodies = [
        String::new(),
        "old 0\n\n".to_owned(),
        note.clone(),
        format!("old x\n\n{note}"),
        format!("old 0\nnot a hash\n\n{note}"),
        format!("old 0\n\n{}", log.checkpoint(TRUNK, 5)),
        format!("old 0\n\n{}", log.signed("one line\n")),
        // Larger than the checkpoint.
        log.body(TRUNK, 6, 5),
    ];
    for body in bodies {
        let answer = add(&witness, &body);
        assert_eq!(answer.status, 400, "{body:?}: {}", text(&answer));
    }
    assert_eq!(witness.storage(ORIGIN).borrow().count(), 0);
    let request = |method: &str, body: Option<Vec<u8>>| Request {
        method: method.to_owned(),
        path: ADD.to_owned(),
        body,
        ..Request::default()
    };
    let answer = |request: Request| poll_some(witness.answer(&request), 100).unwrap();
    assert_eq!(answer(request("POST", None)).status, 413);
    let refused = answer(request("GET", Some(Vec::new())));
    assert_eq!((refused.status, refused.header("Allow")), (405, Some("POST")));
    assert_eq!(witness.ask("PUT", "/witness", "").status, 405);
}

#[test]
fn readers_get_the_verifier_key_and_nothing_else() {
    let (witness, _) = pair();
    assert_eq!(text(&witness.ask("GET", "/witness", "")), format!("{}\n", witness.vkey()));
    assert_eq!(witness.ask("HEAD", "/witness", "").body, Body::Text(String::new()));
    let unknown = WitnessAt::of("other.example/log");
    for path in [
        "/",
        "/directory",
        "/acme/new-account",
        "/admin/v1/health",
        "/witness/",
        "/witness/x/checkpoint",
        "/witnesses",
        &format!("/witness/{}/checkpoint", unknown.hash()),
        &format!("/witness/{}", WitnessAt::of(ORIGIN).hash()),
        &format!("/witness/{}/checkpoint", WitnessAt::of(ORIGIN).hash().to_uppercase()),
    ] {
        assert_eq!(witness.ask("GET", path, "").status, 404, "{path}");
    }
    assert_eq!(witness.ask("POST", "/acme/new-account", "{}").status, 404);
}

#[test]
fn the_same_checkpoint_again_stores_a_row_a_minute_at_most() {
    let (witness, log) = pair();
    let first = add(&witness, &log.body(TRUNK, 0, 5));
    let written = witness.storage(ORIGIN).borrow().rows_written();
    witness.pass(Duration::from_secs(59));
    assert_eq!(add(&witness, &log.body(TRUNK, 5, 5)), first);
    assert_eq!(witness.storage(ORIGIN).borrow().rows_written(), written);
    witness.pass(Duration::from_secs(2));
    let checkpoint = log.checkpoint(TRUNK, 5).to_string();
    let later = cosigned_at(&witness, &add(&witness, &log.body(TRUNK, 5, 5)), &checkpoint);
    assert_eq!(later, START.secs() + 61);
    // Another text of the same tree is another checkpoint.
    let extended = log.signed(&format!("{checkpoint}an extension\n"));
    let answer = add(&witness, &Submission { old: 5, proof: vec![], note: &extended }.to_string());
    cosigned_at(&witness, &answer, &format!("{checkpoint}an extension\n"));
}

#[test]
fn time_in_cosignatures_never_goes_back() {
    let (witness, log) = pair();
    add(&witness, &log.body(TRUNK, 0, 5));
    witness.set_clock(Time::from_secs(START.secs() - 1_000));
    let answer = add(&witness, &log.body(TRUNK, 5, 6));
    assert_eq!(cosigned_at(&witness, &answer, &log.checkpoint(TRUNK, 6).to_string()), START.secs());
}

#[test]
fn logs_of_one_witness_are_apart() {
    let logs = ["a.example/log", "b.example/log"].map(TestLog::new);
    let witness = TestWitness::new(NAME, &[logs[0].vkey.clone(), logs[1].vkey.clone()], START);
    assert_eq!(add(&witness, &logs[0].body(TRUNK, 0, 5)).status, 200);
    assert_eq!(add(&witness, &logs[1].body(FORK, 0, 5)).status, 200);
    assert_eq!(add(&witness, &logs[0].body(TRUNK, 5, 6)).status, 200);
    assert_eq!(add(&witness, &logs[1].body(FORK, 5, 6)).status, 200);
}

#[test]
fn a_failure_is_said_as_one_and_repeated_with_success() {
    let (witness, log) = pair();
    assert_eq!(add(&witness, &log.body(TRUNK, 0, 5)).status, 200);
    witness.fail_at(None);
    witness.pass(Duration::from_secs(100));
    assert_eq!(add(&witness, &log.body(TRUNK, 5, 6)).status, 200);
    let steps = witness.steps();
    for n in 0..steps {
        let (witness, log) = pair();
        add(&witness, &log.body(TRUNK, 0, 5));
        witness.fail_at(Some(n));
        let failed = add(&witness, &log.body(TRUNK, 5, 6));
        assert_eq!((failed.status, failed.header("Retry-After").is_some()), (503, true), "step {n}");
        assert!(!witness.log().is_empty(), "step {n}");
        witness.fail_at(None);
        let again = add(&witness, &log.body(TRUNK, 5, 6)).status;
        assert!(again == 200 || again == 409, "step {n}: {again}");
        witness.pass(Duration::from_secs(100));
        assert_eq!(add(&witness, &log.body(TRUNK, 6, 6)).status, 200, "step {n}");
        assert_eq!(add(&witness, &log.body(FORK, 6, 7)).status, 422, "step {n}");
    }
}
