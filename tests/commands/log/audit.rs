//! `log audit` on folders.

use super::{Ended, Place};
use crate::transparency::{Book, Ca, Leaf, NOW};
use selvedge::tlog::entry::{Kind, LoggedCrl, LoggedPolicy, LoggedPredecessor, LoggedRevocation};
use selvedge::tlog::tree::empty_root;
use selvedge::values::hex;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// A log as a CA writes it: issuer, policy, certificates, a revocation and CRLs.
struct Story {
    ca: Ca,
    book: Book,
    leaves: Vec<Leaf>,
    crl: Vec<u8>,
}

impl Story {
    fn new() -> Self {
        let ca = Ca::new();
        let leaves = vec![ca.leaf(1, "one.example.org"), ca.leaf(2, "two.example.org")];
        let crl = ca.crl(2, &[&leaves[0]]);
        let mut book = Book::default();
        book.add(Kind::Issuer, &ca.der());
        book.add_policy(1, r#"{"allow": ["*.example.org"], "deny": ["bad.example.org"]}"#);
        book.add(Kind::Certificate, &leaves[0].tbs);
        book.add_crl(1, &ca.crl(1, &[]));
        book.add(Kind::Certificate, &leaves[1].tbs);
        book.add_revocation(&leaves[0], Some(1));
        book.add_crl(2, &crl);
        Self { ca, book, leaves, crl }
    }

    fn audit(&self, more: &[&str]) -> Ended {
        let place = Place::with(&self.book);
        place.write("ca.pem", &self.ca.intermediate.certificate);
        place.write("0.crl", &self.crl);
        place.check("audit", more)
    }

    /// Holds that the audit finds this, and nothing else.
    fn finds(&self, more: &[&str], wanted: &str) {
        let found = self.audit(more);
        let alarms = found.json()["alarms"].clone();
        let text = alarms[0]["text"].as_str().unwrap_or_default().to_owned();
        let kind = alarms[0]["kind"].as_str().unwrap_or_default().to_owned();
        assert_eq!((found.code, alarms.as_array().unwrap().len(), kind.as_str()), (1, 1, "rule"), "{alarms:#}");
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn a_whole_log_is_fine() {
    let story = Story::new();
    let found = story.audit(&["--allow", "*.example.org", "--issuer", "ca.pem", "--crl", "0.crl"]);
    assert_eq!(found.code, 0, "{}{}", found.out, found.err);
    let report = found.json();
    assert_eq!((&report["certificates"], &report["revocations"], &report["crls"]), (&2.into(), &1.into(), &2.into()));
    assert_eq!((&report["size"], &report["policy"]), (&7.into(), &1.into()));
    assert!(NOW.secs() > 0 && report["notes"].as_array().unwrap().is_empty(), "{report:#}");
}

#[test]
fn revision_without_a_text_is_no_policy() {
    let mut story = Story::new();
    story
        .book
        .add_json(Kind::Policy, &LoggedPolicy { revision: 2, sha256: "00".repeat(32), policy: None, prepared: None });
    story.book.add(Kind::Certificate, &story.ca.leaf(3, "bad.example.org").tbs);
    let found = story.audit(&[]);
    let report = found.json();
    assert_eq!((found.code, &report["policy"]), (0, &serde_json::Value::Null), "{report:#}");
    let note = "1 certificates are of no policy whose text is in the log";
    assert_eq!(report["notes"], serde_json::json!([note]));
    let place = Place::with(&story.book);
    let said = place.run(&["audit", "log", "--key", &crate::transparency::Signer::log().public.to_string()]);
    assert!(said.out.contains("policy: none\n"), "{}", said.out);
}

#[test]
fn names_beyond_the_list_and_the_policy_are_found() {
    let mut story = Story::new();
    story.finds(&["--allow", "one.example.org"], "no --allow covers its name two.example.org");
    story.book.add(Kind::Certificate, &story.ca.leaf(3, "bad.example.org").tbs);
    story.finds(&[], "the policy in force refuses its name bad.example.org: \"deny\" has");
    // A new policy is in force from its entry on.
    story.book.entries.pop();
    story.book.add_policy(2, r#"{"deny": ["*.example.org"]}"#);
    story.book.add(Kind::Certificate, &story.ca.leaf(3, "three.example.org").tbs);
    story.finds(&[], "entry 8 (certificate");
}

/// The setting `POLICY` has revision 0 whatever it says, and may change as it likes.
#[test]
fn policies_may_be_of_the_setting_and_have_to_rise() {
    let mut story = Story::new();
    story.book.entries.truncate(1);
    for text in [r#"{"deny":["a.test"]}"#, r#"{"deny":["b.test"]}"#, r#"{"deny":["a.test"]}"#] {
        story.book.add_policy(0, text);
        story.book.add(Kind::Certificate, &story.ca.leaf(story.book.size() as u8, "c.test").tbs);
    }
    assert_eq!(story.audit(&[]).code, 0);
    let mut story = Story::new();
    story.book.add_policy(1, "{}");
    story.finds(&[], "revision 1 was another policy before");
    story.book.entries.pop();
    // Written in another way, as by another release.
    story.book.add_policy(1, r#"{"deny":["bad.example.org"],"allow":["*.example.org"]}"#);
    assert_eq!(story.audit(&[]).code, 0);
    story.book.add_policy(0, "{}");
    story.finds(&[], "revision 0 follows 1: revisions have to rise");
}

#[test]
fn earlier_policy_is_for_one_order_that_was_prepared_before() {
    let mut story = Story::new();
    let add = |story: &mut Story, revision: u64, minutes: u64| {
        let (text, prepared) =
            (format!(r#"{{"deny":["n{revision}.test"]}}"#), NOW.plus(Duration::from_secs(minutes * 60)));
        let (sha256, policy) = (hex::encode(&Sha256::digest(&text)), Some(text));
        story.book.add_json(Kind::Policy, &LoggedPolicy { revision, sha256, policy, prepared: Some(prepared) });
        let n = story.book.size() as u8;
        story.book.add(Kind::Certificate, &story.ca.leaf(n, "three.example.org").tbs);
    };
    story.book.entries.truncate(1);
    for (revision, minutes) in [(2, 10), (3, 60), (2, 40), (2, 64), (3, 70)] {
        add(&mut story, revision, minutes);
    }
    assert_eq!(story.audit(&[]).code, 0);
    let mut second = Story { book: story.book.clone(), ..Story::new() };
    second.book.entries.truncate(7);
    second.book.add(Kind::Certificate, &story.ca.leaf(99, "three.example.org").tbs);
    second.book.entries[0] = story.book.entries[0].clone();
    second.finds(&[], "the earlier revision 2 is in force for a second certificate");
    add(&mut story, 2, 66);
    story.finds(&[], "and a later one since");
}

#[test]
fn what_is_signed_twice_is_found() {
    let mut story = Story::new();
    story.book.add(Kind::Certificate, &story.leaves[1].tbs);
    story.finds(&[], "is in the log already");
    story.book.entries.pop();
    story.book.add(Kind::Certificate, &story.ca.leaf(2, "other.example.org").tbs);
    story.finds(&[], "another certificate, entry 4, has the serial number");
}

#[test]
fn an_entry_out_of_order_is_found() {
    let mut story = Story::new();
    // Of a certificate from before the log: worth a note.
    story.book.add_revocation(&story.ca.leaf(9, "nine.example.org"), None);
    let noted = story.audit(&[]);
    assert_eq!(noted.code, 0, "{}", noted.out);
    assert!(noted.json()["notes"][0].as_str().unwrap().starts_with("1 revoked certificates are not in this log"));
    story.book.entries.pop();
    story.book.add_revocation(&story.leaves[0], Some(1));
    story.finds(&[], "was revoked for the same reason before");
    story.book.entries.pop();
    story.book.add_crl(2, b"another");
    story.finds(&[], "numbers have to rise");
    story.book.entries.pop();
    let predecessor = LoggedPredecessor { origin: "ca.test/log/1/00000000".to_owned(), size: 0, root: empty_root() };
    story.book.add_json(Kind::Predecessor, &predecessor);
    story.finds(&[], "it is not the first entry");
    story.book.entries.pop();
    story.book.entries.push(b"selvedge/v9 unknown\n".to_vec());
    story.finds(&[], "entry 7 is of no kind that is known");
    story.book.entries.pop();
    story.book.add(Kind::Crl, b"{}");
    story.finds(&[], "its body cannot be read");
}

#[test]
fn certificates_of_another_issuer_are_found() {
    let mut story = Story::new();
    let other = Ca::new();
    story.book.add(Kind::Issuer, &other.der());
    story.finds(&["--issuer", "ca.pem"], "another certificate than that of --issuer");
    let mut story = Story::new();
    story.book.entries.remove(0);
    let found = story.audit(&[]);
    assert!(found.json()["alarms"][0]["text"].as_str().unwrap().contains("no entry before it names the issuer"));
}

#[test]
fn crls_that_do_not_fit_the_log_are_found() {
    let mut story = Story::new();
    story.crl = story.ca.crl(3, &[&story.leaves[0], &story.leaves[1]]);
    story.finds(&["--crl", "0.crl"], "signed without being logged");
    // Logged, and of certificates that no entry revokes.
    story.book.add_crl(3, &story.crl);
    story.finds(&["--crl", "0.crl"], &format!("it revokes {}, and no entry does", story.leaves[1].serial.hex()));
    story.crl = story.ca.crl(4, &[]);
    story.book.add_crl(4, &story.crl);
    story.finds(&["--crl", "0.crl"], &format!("it does not revoke {}", story.leaves[0].serial.hex()));
    let mut story = Story::new();
    let right = story.crl.clone();
    story.crl = Ca::new().crl(5, &[&story.leaves[0]]);
    story.book.add_crl(5, &story.crl);
    // Two issuers of one name: the key decides.
    story.finds(&["--crl", "0.crl"], "not signed by the issuer");
    story.crl = right;
    assert_eq!(story.audit(&["--crl", "0.crl"]).code, 0);
}

/// A revocation while a CRL is signed is in the next one. One from before has to be in it.
#[test]
fn crl_has_the_revocations_that_it_counts() {
    let mut story = Story::new();
    story.book.entries.truncate(5);
    story.crl = story.ca.crl(3, &[]);
    let list = |covers: u64| LoggedCrl {
        shard: 0,
        number: 3,
        sha256: hex::encode(&Sha256::digest(&story.crl)),
        covers: Some(covers),
    };
    let revoked = |seconds: u64| LoggedRevocation {
        serial: story.leaves[0].serial.hex(),
        reason: None,
        time: NOW.plus(Duration::from_secs(seconds)),
    };
    let with = |seconds: u64, covers: u64| {
        let mut told = Story { book: story.book.clone(), crl: story.crl.clone(), ..Story::new() };
        told.book.add_json(Kind::Revocation, &revoked(seconds));
        told.book.add_json(Kind::Crl, &list(covers));
        told
    };
    let missing = format!("it does not revoke {}", story.leaves[0].serial.hex());
    assert_eq!(with(1, 5).audit(&["--crl", "0.crl"]).code, 0);
    with(1, 6).finds(&["--crl", "0.crl"], &missing);
    // What a CRL says of itself does not excuse a revocation from before its time.
    with(0, 5).finds(&["--crl", "0.crl"], &missing);
    with(1, 7).finds(&[], "it counts 7 entries, and the log had 6");
    let mut early = Story { book: story.book.clone(), crl: story.ca.crl(3, &[&story.leaves[0]]), ..Story::new() };
    early.book.add_crl(3, &early.crl);
    early.book.add_json(Kind::Revocation, &revoked(1));
    early.finds(&["--crl", "0.crl"], "which entry 6 does later");
}

#[test]
fn changed_entries_are_found() {
    let story = Story::new();
    let place = Place::with(&story.book);
    place.change("tile/entries/000.p/7", |octets| *octets.last_mut().unwrap() ^= 1);
    assert_eq!(place.check("audit", &[]).alarms(), ["entry"]);
    let place = Place::with(&story.book);
    place.change("tile/entries/000.p/7", |octets| octets.truncate(50));
    assert_eq!(place.check("audit", &[]).alarms(), ["entry"]);
    std::fs::remove_file(place.path("log/tile/entries/000.p/7")).unwrap();
    assert_eq!(place.check("audit", &[]).alarms(), ["entry"]);
}
