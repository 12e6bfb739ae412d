//! `log verify` on folders.

use super::Place;
use crate::transparency::{Book, ORIGIN, Signer};
use selvedge::tlog::Checkpoint;
use selvedge::tlog::note::KeyKind;
use std::fs;

#[test]
fn a_log_that_grows_is_fine_every_time() {
    let place = Place::with(&Book::numbers(5));
    let first = place.check("verify", &["--state", "state.json"]);
    assert_eq!(first.code, 0, "{}{}", first.out, first.err);
    let report = first.json();
    assert_eq!((&report["origin"], &report["size"], &report["fine"]), (&ORIGIN.into(), &5.into(), &true.into()));
    for size in [5, 6, 256, 700] {
        place.put(&Book::numbers(size));
        let next = place.check("verify", &["--state", "state.json"]);
        assert_eq!((next.code, next.json()["size"].as_u64()), (0, Some(size)), "{}{}", next.out, next.err);
    }
    // The state has the key, so that a later check needs none.
    assert_eq!(place.run(&["verify", "log", "--state", "state.json"]).code, 0);
    let without = place.run(&["verify", "log"]);
    assert_eq!(without.code, 2);
    assert!(without.err.contains("give a policy with --policy FILE, or the log's key with --key"), "{}", without.err);
}

#[test]
fn a_forked_log_is_found_out() {
    let place = Place::with(&Book::numbers(5));
    assert_eq!(place.check("verify", &["--state", "state.json"]).code, 0);
    let kept = fs::read(place.path("state.json")).unwrap();
    for size in [5, 9, 300] {
        let mut other = Book::numbers(size);
        other.entries[3] = b"another history".to_vec();
        place.put(&other);
        let forked = place.check("verify", &["--state", "state.json"]);
        assert_eq!((forked.code, forked.alarms()), (1, vec!["fork".to_owned()]), "{size}");
    }
    // What was seen first stays.
    assert_eq!(fs::read(place.path("state.json")).unwrap(), kept);
    place.put(&Book::numbers(9));
    assert_eq!(place.check("verify", &["--state", "state.json"]).code, 0);
}

#[test]
fn a_rewound_log_is_found_out() {
    let place = Place::with(&Book::numbers(9));
    assert_eq!(place.check("verify", &["--state", "state.json"]).code, 0);
    place.put(&Book::numbers(8));
    let key = Signer::log().public.to_string();
    for name in ["log", "log/", "./log", "./log/"] {
        let rewound = place.run(&["verify", name, "--key", &key, "--json", "--state", "state.json"]);
        assert_eq!((rewound.code, rewound.alarms()), (1, vec!["rewound".to_owned()]), "{name}");
    }
}

#[test]
fn missing_and_changed_tiles_are_found_out() {
    let book = Book::numbers(300);
    for (path, kind, change) in [
        ("tile/0/000", "entry", (|octets| octets[0] ^= 1) as fn(&mut Vec<u8>)),
        ("tile/0/001.p/44", "entry", |octets| octets[40] ^= 1),
        ("tile/0/001.p/44", "tree", |octets| octets.truncate(100)),
        ("tile/1/000.p/1", "tree", |octets| octets[31] ^= 1),
    ] {
        let place = Place::with(&book);
        place.change(path, change);
        let found = place.check("audit", &[]);
        assert_eq!((found.code, found.alarms()), (1, vec![kind.to_owned()]), "{path}");
    }
    let place = Place::with(&book);
    fs::remove_file(place.path("log/tile/0/001.p/44")).unwrap();
    let missing = place.check("verify", &[]);
    assert_eq!((missing.code, missing.alarms()), (1, vec!["tree".to_owned()]));
}

#[test]
fn a_changed_checkpoint_is_found_out() {
    let book = Book::numbers(9);
    let place = Place::with(&book);
    let text = fs::read_to_string(place.path("log/checkpoint")).unwrap();
    for changed in [
        text.replacen("\n9\n", "\n8\n", 1),
        text.replacen(ORIGIN, "other.test/log/1/0a1b2c3d", 1),
        text.replacen("\n\n", "\nmore\n\n", 1),
        text.split("\n\n").next().unwrap().to_owned() + "\n",
        book.note(&[&Signer::new(ORIGIN, KeyKind::Ed25519, 9)]).to_string(),
        String::new(),
    ] {
        place.write("log/checkpoint", &changed);
        let found = place.check("verify", &[]);
        assert_eq!((found.code, found.alarms()), (1, vec!["checkpoint".to_owned()]), "{changed}");
    }
    // A checkpoint of the log's key that belongs to other tiles.
    let mut note = selvedge::tlog::Note::unsigned(Checkpoint { size: 8, ..book.checkpoint() }.to_string()).unwrap();
    note.sign(Signer::log().sign(&Checkpoint { size: 8, ..book.checkpoint() }));
    place.write("log/checkpoint", note.to_string());
    assert_eq!(place.check("verify", &[]).alarms(), ["tree"]);
    fs::remove_file(place.path("log/checkpoint")).unwrap();
    assert_eq!(place.check("verify", &[]).code, 2);
}

#[test]
fn a_quorum_is_demanded() {
    let place = Place::new();
    let (log, first, second) = (Signer::log(), Signer::witness(1), Signer::witness(2));
    let lines = format!("log {}\nwitness A {}\nwitness B {}\n", log.public, first.public, second.public);
    place.write("policy", format!("{lines}group G all A B\nquorum G\n"));
    let book = Book::numbers(9);
    let verify = ["verify", "log", "--policy", "policy", "--json"];
    book.write(&place.path("log"), &[&log, &first, &second]);
    let both = place.run(&verify);
    assert_eq!((both.code, &both.json()["witnesses"]), (0, &serde_json::json!(["A", "B"])), "{}", both.out);
    book.write(&place.path("log"), &[&log, &first]);
    let one = place.run(&verify);
    assert_eq!((one.code, one.alarms()), (1, vec!["quorum".to_owned()]));
    // A witness without the log's signature is nothing.
    book.write(&place.path("log"), &[&first, &second]);
    assert_eq!(place.run(&verify).alarms(), ["checkpoint"]);
    place.write("policy", format!("{lines}quorum C\n"));
    let unknown = place.run(&verify);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("line 4: no line above defines"), "{}", unknown.err);
}

#[test]
fn a_policy_with_the_ml_dsa_key_alone_demands_its_signature() {
    let (place, book) = (Place::new(), Book::numbers(9));
    let (ed25519, ml_dsa) = (Signer::log(), Signer::post_quantum());
    place.write("policy", format!("log {}\nquorum none\n", ml_dsa.public));
    let verify = || place.run(&["verify", "log", "--policy", "policy", "--json"]);
    book.write(&place.path("log"), &[&ed25519, &ml_dsa]);
    assert_eq!((verify().code, verify().alarms()), (0, vec![]), "{}", verify().err);
    book.write(&place.path("log"), &[&ed25519]);
    assert_eq!((verify().code, verify().alarms()), (1, vec!["checkpoint".to_owned()]));
    let other = Signer::new(ORIGIN, KeyKind::MlDsa44Cosignature, 2);
    book.write(&place.path("log"), &[&ed25519, &other]);
    assert_eq!((verify().code, verify().alarms()), (1, vec!["checkpoint".to_owned()]));
    // A reader that knows the other key alone does not mind.
    assert_eq!(place.check("verify", &[]).code, 0);
}

/// The signatures of a report: what was found, and of which key.
fn found(report: &serde_json::Value) -> Vec<(String, String)> {
    let text = |one: &serde_json::Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let of = |one: &serde_json::Value| {
        (text(one, "outcome"), [text(one, "by"), text(one, "witness"), text(one, "algorithm")].join(" "))
    };
    report["signatures"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn each_signature_is_said_to_be_right_wrong_missing_or_of_an_unknown_key() {
    let (place, book) = (Place::new(), Book::numbers(9));
    let (log, ml_dsa, witness) = (Signer::log(), Signer::post_quantum(), Signer::witness(1));
    let lines: String = (1..=3).map(|n| format!("witness W{n} {}\n", Signer::witness(n).public)).collect();
    let second = Signer::second().public;
    let policy = |keys: &[&Signer]| {
        let logs: String = keys.iter().map(|key| format!("log {}\n", key.public)).collect();
        place.write("policy", format!("{logs}log {second}\n{lines}group G any W1 W2 W3\nquorum G\n"));
    };
    let verify = |more: &[&str]| place.run(&[&["verify", "log", "--policy", "policy"], more].concat());
    let wanted = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        all.iter().map(|(outcome, key)| ((*outcome).to_owned(), (*key).to_owned())).collect()
    };
    book.write(&place.path("log"), &[&log, &ml_dsa, &witness, &Signer::witness(7)]);
    policy(&[&log, &ml_dsa]);
    let both = verify(&["--json"]);
    let with = |ml_dsa: (&'static str, &'static str), w1: &'static str| {
        let mut all = vec![("verified", "log  Ed25519"), ml_dsa, (w1, "witness W1 Ed25519"), ("unknown key", "  ")];
        all.extend(["witness W2 Ed25519", "witness W3 Ed25519"].map(|key| ("missing", key)));
        wanted(&all)
    };
    assert_eq!((both.code, found(&both.json())), (0, with(("verified", "log  ML-DSA-44"), "verified")));
    let first = &both.json()["signatures"][2];
    assert_eq!((&first["name"], &first["time"]), (&"w1.example".into(), &"2026-11-24T12:00:00Z".into()));
    let text = verify(&[]).out;
    for line in [
        format!("signatures:\n  verified    log, Ed25519 key {ORIGIN}+"),
        format!("\n  verified    log, ML-DSA-44 key {ORIGIN}+"),
        "\n  verified    witness W1, Ed25519 key w1.example+".to_owned(),
        ", 2026-11-24T12:00:00Z\n  unknown key key w7.example+".to_owned(),
        "\n  missing     witness W2, Ed25519 key w2.example+".to_owned(),
    ] {
        assert!(text.contains(&line), "{line:?}: {text}");
    }
    // A policy of one key does not check the line of the other.
    policy(&[&log]);
    let one = verify(&["--json"]);
    assert_eq!((one.code, found(&one.json())), (0, with(("unknown key", "  "), "verified")));
    // The lines are there also when the checkpoint is refused.
    policy(&[&log, &ml_dsa]);
    for (spoiled, ml_dsa, w1) in [(1, "wrong", "verified"), (2, "verified", "wrong")] {
        let mut note = book.note(&[&log, &Signer::post_quantum(), &witness, &Signer::witness(7)]);
        let mut line = note.signatures()[spoiled].clone();
        *line.octets.last_mut().unwrap() ^= 1;
        let rest: Vec<_> = note.signatures()[spoiled + 1..].to_vec();
        note.sign(line);
        rest.into_iter().for_each(|line| note.sign(line));
        place.write("log/checkpoint", note.to_string());
        let ended = verify(&["--json"]);
        assert_eq!((ended.code, ended.alarms()), (1, vec!["checkpoint".to_owned()]));
        assert_eq!(found(&ended.json()), with((ml_dsa, "log  ML-DSA-44"), w1), "{spoiled}");
    }
}
