//! torchwood's library over whole policies, and as a client of our tiles.

use super::judged;
use crate::packages::torchwood::{verify, walk};
use crate::transparency::{Book, NOW, ORIGIN, SECOND, Signer};
use selvedge::tlog::Policy;
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::tree::leaf_hash;
use std::fs;
use std::path::Path;

/// The lines of the log and of three witnesses.
fn lines() -> String {
    let witnesses = (1..=3).map(|n| format!("witness W{n} {}\n", Signer::witness(n).public));
    format!("log {}\n{}", Signer::log().public, witnesses.collect::<String>())
}

/// Every set of witnesses under every kind of quorum: one judgement, theirs and ours.
#[test]
fn torchwood_judges_whole_policies_as_we_do() {
    let folder = tempfile::tempdir().unwrap();
    let (book, witnesses) = (Book::numbers(9), [1, 2, 3].map(Signer::witness));
    let mut accepted = Vec::new();
    for (name, quorum) in [
        ("none", "quorum none\n"),
        ("one", "quorum W2\n"),
        ("any", "group G any W1 W2\nquorum G\n"),
        ("all", "group G all W1 W2 W3\nquorum G\n"),
        ("two of three", "group G 2 W1 W2 W3\nquorum G\n"),
        ("nested", "group P any W1 W2\ngroup G all P W3\nquorum G\n"),
    ] {
        let text = lines() + quorum;
        let policy = Policy::parse(&text).unwrap();
        for set in 0..8_usize {
            let log = Signer::log();
            let mut signers = vec![&log];
            signers.extend(witnesses.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0).map(|(_, one)| one));
            let proof = book.proof(4, &signers);
            let ours = judged(&policy, &proof.note).unwrap().quorum;
            let theirs = verify(folder.path(), &text, &book.entries[4], &proof.to_string());
            assert_eq!(theirs.is_ok(), ours, "{name}, {set:03b}: {theirs:?}");
            accepted.extend(ours.then_some(name));
        }
    }
    let count = |name: &str| accepted.iter().filter(|one| **one == name).count();
    assert_eq!(["none", "one", "any", "all", "two of three", "nested"].map(count), [8, 4, 6, 1, 4, 3]);
}

/// torchwood 0.9 demands a signature of each log. The specification: "any one of the listed logs". So its users get a policy for each log; a later torchwood fails here, and the document changes.
#[test]
fn torchwood_takes_the_logs_of_two_issuers_by_a_policy_each() {
    let folder = tempfile::tempdir().unwrap();
    let (log, second, witness) = (Signer::log(), Signer::second(), Signer::witness(1));
    let quorum = format!("witness W {}\nquorum W\n", witness.public);
    let (first_line, second_line) = (format!("log {}\n", log.public), format!("log {}\n", second.public));
    let both = format!("{first_line}{second_line}{quorum}");
    for (origin, key, own, other) in
        [(ORIGIN, &log, &first_line, &second_line), (SECOND, &second, &second_line, &first_line)]
    {
        let book = Book { origin, ..Book::numbers(9) };
        let proof = book.proof(4, &[key, &witness]);
        let judge = |logs: &str| {
            let policy = format!("{logs}{quorum}");
            let ours = judged(&Policy::parse(&policy).unwrap(), &proof.note).is_ok_and(|verdict| verdict.quorum);
            (ours, verify(folder.path(), &policy, &book.entries[4], &proof.to_string()).is_ok())
        };
        assert_eq!(judge(own), (true, true), "{origin}");
        assert_eq!(judge(other), (false, false), "{origin}: the key of the other log");
        assert_eq!(judge(&both.replace(&quorum, "")), (true, false), "{origin}: both logs");
    }
}

#[test]
fn torchwood_refuses_what_is_not_proven() {
    let folder = tempfile::tempdir().unwrap();
    let (book, log, witness) = (Book::numbers(9), Signer::log(), Signer::witness(1));
    let (text, entry) = (lines() + "quorum W1\n", &book.entries[4]);
    let verify = |policy: &str, entry: &[u8], proof: &str| verify(folder.path(), policy, entry, proof);
    let proof = book.proof(4, &[&log, &witness]).to_string();
    assert_eq!(verify(&text, entry, &proof), Ok(()));
    assert!(verify(&text, &book.entries[5], &proof).is_err(), "another entry");
    assert!(verify(&text, entry, &proof.replace("index 4\n", "index 5\n")).is_err(), "another index");
    assert!(verify(&text, entry, &book.proof(4, &[&witness]).to_string()).is_err(), "the log did not sign");
    assert!(verify(&text, entry, &book.proof(4, &[&log, &Signer::witness(2)]).to_string()).is_err(), "another witness");
    let liar = Signer::new("w1.example", KeyKind::Ed25519Cosignature, 77);
    assert!(verify(&text, entry, &book.proof(4, &[&log, &liar]).to_string()).is_err(), "another key of the name");
    let other = Signer::new(ORIGIN, KeyKind::Ed25519, 78);
    let of_other = text.replacen(&log.public.to_string(), &other.public.to_string(), 1);
    assert!(verify(&of_other, entry, &proof).is_err(), "another key of the log");
    assert!(verify(&text, entry, &proof.replace(&format!("{ORIGIN}\n9\n"), &format!("{ORIGIN}\n8\n"))).is_err());
    assert!(NOW.secs() > 0);
}

/// Changes the middle of a file.
fn spoil(path: &Path) {
    let mut octets = fs::read(path).unwrap();
    let middle = octets.len() / 2;
    octets[middle] ^= 1;
    fs::write(path, octets).unwrap();
}

#[test]
fn torchwood_reads_our_tiles_to_the_end_and_finds_each_change() {
    let text = lines() + "quorum W1\n";
    for size in [1, 2, 255, 256, 257, 700] {
        let folder = tempfile::tempdir().unwrap();
        let (book, at) = (Book::numbers(size), folder.path().join("log"));
        book.write(&at, &[&Signer::log(), &Signer::witness(1)]);
        let url = format!("file://{}", at.display());
        let wanted: Vec<String> = book.entries.iter().map(|entry| leaf_hash(entry).to_string()).collect();
        assert_eq!(walk(folder.path(), &text, &url, None), Ok(wanted), "{size}");
        if size != 700 {
            continue;
        }
        for file in ["checkpoint", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"] {
            book.write(&at, &[&Signer::log(), &Signer::witness(1)]);
            spoil(&at.join(file));
            assert!(walk(folder.path(), &text, &url, None).is_err(), "{file}");
        }
        book.write(&at, &[&Signer::log()]);
        assert!(walk(folder.path(), &text, &url, None).is_err(), "the checkpoint has no quorum");
    }
}
