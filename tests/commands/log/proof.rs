//! `log proof`.

use super::Place;
use crate::transparency::{Book, Ca, Signer};
use selvedge::pki::pem;
use selvedge::tlog::entry::{Entry, Kind};
use std::fs;

/// A place with two certificates of a log, and the proof of the first.
fn place(signers: &[&Signer]) -> Place {
    let (place, ca) = (Place::new(), Ca::new());
    let mut book = Book::default();
    book.add(Kind::Issuer, &ca.der());
    for (n, name) in [(1, "one.example.org"), (2, "two.example.org")] {
        let leaf = ca.leaf(n, name);
        book.add(Kind::Certificate, &leaf.tbs);
        place.write(&format!("{n}.pem"), pem::write_certificate(&leaf.der).unwrap() + &ca.intermediate.certificate);
        place.write(&format!("{n}.der"), &leaf.der);
        place.write(&format!("{n}.entry"), Entry { kind: Kind::Certificate, body: &leaf.tbs }.octets());
    }
    let proof = book.proof(1, signers);
    place.write("1.tlog-proof", proof.to_string());
    let (log, first) = (Signer::log().public, Signer::witness(1).public);
    place.write("policy", format!("log {log}\nwitness W {first}\nquorum W\n"));
    place
}

#[test]
fn a_certificate_is_checked_offline() {
    let place = place(&[&Signer::log(), &Signer::witness(1)]);
    let with = |certificate: &str| {
        place.run(&["proof", certificate, "--proof", "1.tlog-proof", "--policy", "policy", "--json"])
    };
    for certificate in ["1.pem", "1.der"] {
        let fine = with(certificate);
        assert_eq!((fine.code, fine.json()["index"].as_u64()), (0, Some(1)), "{}{}", fine.out, fine.err);
    }
    let other = with("2.pem");
    assert_eq!((other.code, other.alarms()), (1, vec!["proof".to_owned()]));
    let text = fs::read_to_string(place.path("1.tlog-proof")).unwrap();
    for (changed, kind) in [
        (text.replacen("index 1", "index 2", 1), "proof"),
        (text.replacen("@v1", "@v2", 1), "proof"),
        (text.replacen("\n3\n", "\n4\n", 1), "checkpoint"),
        ("c2sp.org/tlog-proof@v1\n".to_owned(), "proof"),
    ] {
        place.write("1.tlog-proof", changed);
        assert_eq!(with("1.pem").alarms(), [kind]);
    }
    assert_eq!(place.run(&["proof", "none.pem", "--proof", "1.tlog-proof", "--policy", "policy"]).code, 2);
    assert_eq!(place.run(&["proof", "1.pem", "--proof", "none", "--policy", "policy"]).code, 2);
}

#[test]
fn a_proof_without_its_quorum_is_an_alarm() {
    let place = place(&[&Signer::log()]);
    let found = place.run(&["proof", "1.pem", "--proof", "1.tlog-proof", "--policy", "policy", "--json"]);
    assert_eq!((found.code, found.alarms()), (1, vec!["quorum".to_owned()]));
    let key = Signer::log().public.to_string();
    assert_eq!(place.run(&["proof", "1.pem", "--proof", "1.tlog-proof", "--key", &key]).code, 0);
}

#[test]
fn the_entry_is_written_for_others() {
    let place = place(&[&Signer::log()]);
    let made = place.run(&["proof", "1.pem", "--entry", "made.entry"]);
    assert_eq!(made.code, 0);
    assert!(made.out.contains("note: no proof was checked"), "{}", made.out);
    assert_eq!(fs::read(place.path("made.entry")).unwrap(), fs::read(place.path("1.entry")).unwrap());
    let missing = place.run(&["proof", "1.pem"]);
    assert!(missing.code == 2 && missing.err.contains("--proof"), "{}", missing.err);
}
