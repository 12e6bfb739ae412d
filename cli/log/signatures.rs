//! The signatures of a checkpoint, each with what was found of it.

use std::fmt;

use selvedge::tlog::note::{KeyKind, Signature};
use selvedge::tlog::policy::{NoteChecks, SignatureCheck, Signer};
use selvedge::tlog::{Note, Policy, VerifierKey};
use selvedge::values::{Time, hex};
use serde_json::{Value, json};

/// What was found of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is right.
    Verified,
    /// It is wrong.
    Wrong,
    /// The policy has the key, and the note no signature of it.
    Missing,
    /// The policy has no such key of this log, or of a witness.
    UnknownKey,
    /// The algorithm cannot be checked here.
    Unchecked,
}

impl Outcome {
    /// Its name in text and in JSON.
    const fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Wrong => "wrong",
            Self::Missing => "missing",
            Self::UnknownKey => "unknown key",
            Self::Unchecked => "unchecked",
        }
    }
}

/// A key of the policy: of a log, or of the witness with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    algorithm: &'static str,
    /// The witness's name in the policy.
    witness: Option<String>,
}

/// A signature, or its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    outcome: Outcome,
    /// The key's name and id.
    name: String,
    id: String,
    known: Option<Known>,
    /// The time that a right cosignature vouches for.
    time: Option<Time>,
}

impl Line {
    /// The line as JSON.
    pub fn json(&self) -> Value {
        let mut value = json!({ "outcome": self.outcome.name(), "name": self.name, "id": self.id });
        let Some(object) = value.as_object_mut() else { return value };
        if let Some(Known { algorithm, witness }) = &self.known {
            object.insert("algorithm".to_owned(), json!(algorithm));
            object.insert("by".to_owned(), json!(if witness.is_some() { "witness" } else { "log" }));
            object.extend(witness.iter().map(|name| ("witness".to_owned(), json!(name))));
        }
        object.extend(self.time.map(|time| ("time".to_owned(), json!(time.rfc3339()))));
        value
    }

    fn of(policy: &Policy, key: &VerifierKey, signer: Signer, outcome: Outcome) -> Self {
        let algorithm = match key.kind() {
            KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => "Ed25519",
            KeyKind::MlDsa44Cosignature => "ML-DSA-44",
        };
        let witness = match signer {
            Signer::Log(_) => None,
            Signer::Witness(at) => policy.witnesses.get(at).map(|witness| witness.name.clone()),
        };
        let (name, id) = (key.name().to_owned(), hex::encode(&key.id()));
        Self { outcome, name, id, known: Some(Known { algorithm, witness }), time: None }
    }

    fn unknown(signature: &Signature) -> Self {
        let (name, id) = (signature.name.clone(), hex::encode(&signature.id));
        Self { outcome: Outcome::UnknownKey, name, id, known: None, time: None }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outcome, name, id, known, time } = self;
        write!(f, "{:<11} ", outcome.name())?;
        match known {
            Some(Known { algorithm, witness: Some(witness) }) => {
                write!(f, "witness {witness}, {algorithm} key {name}+{id}")?;
            }
            Some(Known { algorithm, witness: None }) => write!(f, "log, {algorithm} key {name}+{id}")?,
            None => write!(f, "key {name}+{id}")?,
        }
        time.iter().try_for_each(|time| write!(f, ", {}", time.rfc3339()))
    }
}

/// The signatures of a note in their order, and then the keys without one.
///
/// `outcomes` are those of the checks.
pub fn lines(policy: &Policy, note: &Note, checks: &NoteChecks, outcomes: &[Option<bool>]) -> Vec<Line> {
    let mut lines: Vec<Line> = note.signatures().iter().map(Line::unknown).collect();
    for (n, SignatureCheck { place, signer, check }) in checks.checks.iter().enumerate() {
        let outcome = match (check, outcomes.get(n).copied().flatten()) {
            (None, _) | (_, Some(false)) => Outcome::Wrong,
            (Some(_), Some(true)) => Outcome::Verified,
            (Some(_), None) => Outcome::Unchecked,
        };
        let (Some(line), Some(key)) = (lines.get_mut(*place), policy.key(*signer)) else { continue };
        let time = check.as_ref().and_then(|check| check.time).filter(|_| outcome == Outcome::Verified);
        *line = Line { time, ..Line::of(policy, key, *signer, outcome) };
    }
    let logs = (0..policy.logs.len()).map(Signer::Log);
    let witnesses = (0..policy.witnesses.len()).map(Signer::Witness);
    let origin = &checks.checkpoint.origin;
    for signer in logs.chain(witnesses) {
        let of_another_log = |key: &VerifierKey| matches!(signer, Signer::Log(_)) && key.name() != origin;
        let has_signed = checks.checks.iter().any(|one| one.signer == signer);
        if let Some(key) = policy.key(signer).filter(|key| !has_signed && !of_another_log(key)) {
            lines.push(Line::of(policy, key, signer, Outcome::Missing));
        }
    }
    lines
}
