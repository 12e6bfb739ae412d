//! `spicy`, which verifies that a file is in a log. It does ours, and we do its.
//!
//! Its files are proofs without their first line.

use super::{judged, policy_of, run, torchwood};
use crate::transparency::{Book, Ca, SECOND, Signer};
use selvedge::tlog::entry::Kind;
use selvedge::tlog::note::VerifierKey;
use selvedge::tlog::{Note, Proof};
use selvedge::values::hex;
use std::fs;
use std::path::Path;
use std::process::Command;

const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// Whether `spicy` finds a file in a log by a proof.
fn verifies(folder: &Path, key: &VerifierKey, entry: &[u8], proof: &str) -> bool {
    fs::write(folder.join("entry"), entry).unwrap();
    fs::write(folder.join("entry.spicy"), proof.strip_prefix(HEADER).unwrap()).unwrap();
    let spicy = Command::new(torchwood("spicy-torchwood"))
        .args(["-verify", &key.to_string(), "entry"])
        .current_dir(folder)
        .output()
        .unwrap();
    spicy.status.success()
}

#[test]
fn spicy_finds_each_entry_of_our_logs_and_no_other() {
    let (folder, key) = (tempfile::tempdir().unwrap(), Signer::log().public);
    for (size, indexes) in [(1, vec![0]), (2, vec![0, 1]), (7, (0..7).collect()), (300, vec![0, 255, 256, 299])] {
        let book = Book::numbers(size);
        for index in indexes {
            let entry = &book.entries[index as usize];
            let proof = book.proof(index, &[&Signer::log(), &Signer::witness(1)]).to_string();
            assert!(verifies(folder.path(), &key, entry, &proof), "{index} of {size}");
            assert!(!verifies(folder.path(), &key, b"another entry", &proof));
            assert!(!verifies(folder.path(), &Signer::witness(1).public, entry, &proof));
            let moved = proof.replacen(&format!("index {index}\n"), &format!("index {}\n", index + 1), 1);
            assert!(!verifies(folder.path(), &key, entry, &moved));
        }
    }
}

/// spicy takes the key of one log: that of the issuer.
#[test]
fn spicy_takes_the_log_of_each_issuer_by_its_own_key() {
    let folder = tempfile::tempdir().unwrap();
    let (log, second) = (Signer::log(), Signer::second());
    for (book, key, other) in
        [(Book::numbers(9), &log, &second), (Book { origin: SECOND, ..Book::numbers(9) }, &second, &log)]
    {
        let proof = book.proof(4, &[key]).to_string();
        assert!(verifies(folder.path(), &key.public, &book.entries[4], &proof), "{}", book.origin);
        assert!(!verifies(folder.path(), &other.public, &book.entries[4], &proof), "{}", book.origin);
    }
}

/// A stranger has a certificate, its proof and the log's key. OpenSSL takes the entry out of the certificate, and
/// spicy checks it. Nothing of ours takes part.
#[test]
fn a_stranger_verifies_a_certificate_offline() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new());
    let leaves = [ca.leaf(1, "one.example.org"), ca.leaf(2, "two.example.org")];
    let mut book = Book::default();
    book.add(Kind::Issuer, &ca.der());
    leaves.iter().for_each(|leaf| book.add(Kind::Certificate, &leaf.tbs));
    for leaf in &leaves {
        fs::write(folder.path().join("certificate.der"), &leaf.der).unwrap();
        let script = "openssl asn1parse -inform DER -in certificate.der -strparse 4 -noout -out tbs.der && \
                      { printf 'selvedge/v1 certificate\\n'; cat tbs.der; } > made";
        run(Path::new("/bin/sh"), &["-c", script], folder.path());
        let entry = fs::read(folder.path().join("made")).unwrap();
        for (index, other) in leaves.iter().enumerate() {
            let proof = book.proof(1 + index as u64, &[&Signer::log()]).to_string();
            let same = other.serial.hex() == leaf.serial.hex();
            assert_eq!(verifies(folder.path(), &Signer::log().public, &entry, &proof), same);
        }
    }
}

#[test]
fn logs_of_spicy_are_verified_by_us() {
    let folder = tempfile::tempdir().unwrap();
    let spicy = torchwood("spicy-torchwood");
    let begun = run(&spicy, &["-init", "example.com/spicy", "-key", "key", "-assets", "."], folder.path());
    let said = String::from_utf8(begun.stderr).unwrap();
    let key = said.lines().find_map(|line| line.split_once("Public key: ")).unwrap().1;
    let key = VerifierKey::parse(key.trim()).unwrap();
    let names: Vec<String> = (0..5).map(|n| format!("file{n}")).collect();
    for name in &names {
        fs::write(folder.path().join(name), format!("content of {name}")).unwrap();
        run(&spicy, &["-key", "key", "-assets", ".", name], folder.path());
    }
    for name in &names {
        let proof = fs::read_to_string(folder.path().join(format!("{name}.spicy"))).unwrap();
        let proof = Proof::parse(&format!("{HEADER}{proof}")).unwrap();
        let verdict = judged(&policy_of(&key), &proof.note).unwrap();
        assert_eq!(verdict.checkpoint.origin, "example.com/spicy");
        assert!(proof.includes(format!("content of {name}").as_bytes()), "{name}");
        assert!(!proof.includes(b"other"));
    }
    // Its newest checkpoint, and a changed one.
    let latest = fs::read_to_string(folder.path().join("latest")).unwrap();
    assert_eq!(judged(&policy_of(&key), &Note::parse(&latest).unwrap()).unwrap().checkpoint.size, 5);
    let changed = latest.replacen("\n5\n", "\n6\n", 1);
    assert!(judged(&policy_of(&key), &Note::parse(&changed).unwrap()).is_err());
    assert_eq!(hex::encode(&key.id()).len(), 8);
}
