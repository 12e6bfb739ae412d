//! What logs, witnesses and readers of logs send.

use super::{done, shown};
use crate::tlog::entry::{Entry, bundle, entries};
use crate::tlog::note::Signature;
use crate::tlog::tile::Resource;
use crate::tlog::witness::{Submission, parse_size};
use crate::tlog::{Checkpoint, Note, Policy, Proof, VerifierKey};
use crate::values::native_crypto::NativeCrypto;
use core::fmt::{Debug, Display};

/// What a log, a witness or a reader sends, as each of its forms.
pub fn tlog(data: &[u8]) {
    octets(data);
    let Ok(text) = core::str::from_utf8(data) else { return };
    written_back(Note::parse(text), Note::parse);
    written_back(Checkpoint::parse(text), Checkpoint::parse);
    written_back(VerifierKey::parse(text), VerifierKey::parse);
    match Proof::parse(text) {
        Ok(proof) => {
            assert!(!proof.includes(b"an entry that no log has"), "{text:?}");
            written_back(Ok(proof), Proof::parse);
        }
        Err(fault) => drop(shown(&fault)),
    }
    if let Some(resource) = Resource::parse(text) {
        assert_eq!(resource.to_string(), text, "a file has one path");
    }
    if let Some(lines) = Signature::parse_lines(text) {
        let read = |line: &Signature| Signature::parse(&line.to_string());
        assert!(lines.iter().all(|line| read(line).as_ref() == Some(line)));
    }
    // A policy, and what it says of the note behind it.
    let (policy, note) = text.split_once("\n\n").unwrap_or((text, ""));
    match Policy::parse(policy) {
        Ok(policy) => judged(&policy, note),
        Err(fault) => drop(shown(&fault)),
    }
}

/// Checks that a value round-trips, or that its fault can be shown.
fn written_back<T: Display + Debug + PartialEq, F: Display + Debug>(
    found: Result<T, F>,
    read: impl Fn(&str) -> Result<T, F>,
) {
    match found {
        Ok(value) => assert_eq!(read(&value.to_string()).as_ref().ok(), Some(&value)),
        Err(fault) => drop(shown(&fault)),
    }
}

fn octets(data: &[u8]) {
    if let Some(found) = entries(data) {
        assert_eq!(bundle(&found).as_deref(), Some(data));
    }
    if let Some(entry) = Entry::read(data) {
        assert_eq!(entry.octets(), data);
    }
    match Submission::parse(data) {
        Ok(submission) => assert_eq!(submission.to_string().as_bytes(), data),
        Err(fault) => drop(shown(&fault)),
    }
    if let Some(size) = parse_size(data) {
        assert_eq!(format!("{size}\n").as_bytes(), data);
    }
}

/// Checks that a note has a quorum only by good signatures.
fn judged(policy: &Policy, note: &str) {
    let none = vec![false; policy.witnesses.len()];
    assert!(policy.is_quorum(&vec![true; policy.witnesses.len()]), "all witnesses are enough");
    let Ok(note) = Note::parse(note) else { return };
    let checks = match policy.checks(&note) {
        Ok(checks) => checks,
        Err(fault) => return drop(shown(&fault)),
    };
    let outcomes: Vec<Option<bool>> = checks
        .checks
        .iter()
        .map(|one| one.check.as_ref().and_then(|check| done(check.holds(&NativeCrypto)).unwrap_or(None)))
        .collect();
    match policy.judge(checks, &outcomes) {
        Ok(verdict) => assert!(verdict.quorum == policy.is_quorum(&verdict.cosigned)),
        Err(fault) => drop(shown(&fault)),
    }
    assert!(policy.needs_no_witness() == policy.is_quorum(&none), "a quorum without a witness");
}
