//! Sigsum's tools on keys, and OpenSSL on signatures and cosignatures.

use super::{program, run};
use crate::transparency::{Book, NOW, ORIGIN, Signer};
use selvedge::tlog::VerifierKey;
use std::fs;
use std::path::Path;

#[test]
fn sigsum_writes_and_reads_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let tool = program("sigsum-go", "0.1", "sigsum-key");
    run(&tool, &["generate", "-o", "key"], at);
    for (kind, number) in [("ed25519", 1), ("cosignature/v1", 4)] {
        let name = "example.org/w1";
        let written = run(&tool, &["to-vkey", "-k", "key.pub", "-n", name, "-t", kind], at).stdout;
        let text = String::from_utf8(written).unwrap();
        let key = VerifierKey::parse(text.trim()).unwrap();
        assert_eq!((key.name(), key.kind().number(), key.to_string().as_str()), (name, number, text.trim()));
        // Read back from what we write, it is the same key of OpenSSH.
        fs::write(at.join("ours"), format!("{key}\n")).unwrap();
        let back = String::from_utf8(run(&tool, &["from-vkey", "-k", "ours"], at).stdout).unwrap();
        let there = fs::read_to_string(at.join("key.pub")).unwrap();
        assert_eq!(back.split(' ').nth(1).map(str::trim), there.split(' ').nth(1).map(str::trim));
    }
}

/// Checks a signature with OpenSSL. The test makes the message by the specification's words.
fn openssl_verifies(at: &Path, key: &VerifierKey, message: &[u8], signature: &[u8]) -> bool {
    let spki = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], key.key()].concat();
    for (name, content) in [("key.der", &spki[..]), ("message", message), ("signature", signature)] {
        fs::write(at.join(name), content).unwrap();
    }
    let mut command = std::process::Command::new("openssl");
    command.args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin"]);
    command.args(["-in", "message", "-sigfile", "signature"]).current_dir(at).output().unwrap().status.success()
}

#[test]
fn openssl_verifies_our_signatures_and_cosignatures() {
    let folder = tempfile::tempdir().unwrap();
    let (log, witness) = (Signer::log(), Signer::witness(1));
    let note = Book::numbers(9).note(&[&log, &witness]);
    let text = note.to_string();
    let (body, lines) = text.split_once("\n\n").unwrap();
    let body = format!("{body}\n");
    assert!(body.starts_with(&format!("{ORIGIN}\n9\n")) && lines.lines().count() == 2);
    let octets = |line: &str| data_encoding::BASE64.decode(line.split(' ').nth(2).unwrap().as_bytes()).unwrap();
    let (first, second) = (octets(lines.lines().next().unwrap()), octets(lines.lines().nth(1).unwrap()));
    assert!(openssl_verifies(folder.path(), &log.public, body.as_bytes(), &first[4..]));
    let (time, signature) = second[4..].split_at(8);
    assert_eq!(u64::from_be_bytes(time.try_into().unwrap()), NOW.secs());
    let message = format!("cosignature/v1\ntime {}\n{body}", NOW.secs());
    assert!(openssl_verifies(folder.path(), &witness.public, message.as_bytes(), signature));
    assert!(!openssl_verifies(folder.path(), &witness.public, body.as_bytes(), signature));
}
