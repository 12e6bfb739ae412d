//! Judgement of a signed checkpoint by a policy.

use super::Policy;
use crate::tlog::checkpoint::{Checkpoint, CheckpointFault};
use crate::tlog::cosignature::{self, Check};
use crate::tlog::note::{Note, VerifierKey};
use crate::values::quote::quote;

/// Key of a policy that a signature claims to be by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The log at this place.
    Log(usize),
    /// The witness at this place.
    Witness(usize),
}

/// Checks of signatures that are left to do before a [`Verdict`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteChecks {
    /// The checkpoint, not to be believed yet.
    pub checkpoint: Checkpoint,
    /// Those of the signatures by keys of the policy.
    pub checks: Vec<SignatureCheck>,
}

/// Check of a signature that claims to be by a key of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// The place of the signature in the note.
    pub place: usize,
    /// The key.
    pub signer: Signer,
    /// What is left to check; `None` where the form is wrong.
    pub check: Option<Check>,
}

/// Judgement of a checkpoint whose log has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Which witnesses have cosigned, in the order of the policy.
    pub cosigned: Vec<bool>,
    /// Whether these are enough.
    pub quorum: bool,
}

/// Reason to refuse a note as a checkpoint of the policy's logs; a clause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerdictFault {
    /// It is not a checkpoint.
    #[error("the note is not a checkpoint: {0}")]
    Checkpoint(#[from] CheckpointFault),
    /// No log of the policy has this origin.
    #[error("its origin is {0}, of which the policy has no log")]
    Origin(String),
    /// The log did not sign.
    #[error("it has no signature by the log {0}")]
    Unsigned(String),
    /// A signature is wrong.
    #[error("the signature of {0} is wrong: the checkpoint was changed, or was not made by this key")]
    Signature(String),
}

impl Policy {
    /// Lists the signatures of a note that have to be checked.
    ///
    /// Those of unknown keys are ignored, also those of logs with another origin.
    ///
    /// # Errors
    /// When it is not a checkpoint, or one of no log of this policy.
    pub fn checks(&self, note: &Note) -> Result<NoteChecks, VerdictFault> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let origin = &checkpoint.origin;
        if self.log_keys(origin).next().is_none() {
            return Err(VerdictFault::Origin(quote(origin)));
        }
        let logs = self.logs.iter().enumerate().filter(|(_, log)| log.key.name() == origin);
        let logs = logs.map(|(at, log)| (Signer::Log(at), &log.key));
        let witnesses = self.witnesses.iter().enumerate().map(|(at, witness)| (Signer::Witness(at), &witness.key));
        let of_key = |(signer, key): (Signer, &VerifierKey)| {
            let made = note.signatures().iter().enumerate().filter(|(_, made)| made.is_by(key));
            let check = |made| cosignature::check(key, &checkpoint, made);
            made.map(|(place, made)| SignatureCheck { place, signer, check: check(made) }).collect::<Vec<_>>()
        };
        let checks = logs.chain(witnesses).flat_map(of_key).collect();
        Ok(NoteChecks { checkpoint, checks })
    }

    /// Judges by the outcomes of the checks, in their order. One without an outcome counts for nothing.
    ///
    /// One key of one log suffices, however many logs the policy has: "signed by any one of the listed logs"
    /// ([tlog-policy](https://c2sp.org/tlog-policy), "What is a policy?").
    ///
    /// # Errors
    /// When a signature of a known key is wrong, or the log did not sign.
    pub fn judge(&self, checks: NoteChecks, outcomes: &[Option<bool>]) -> Result<Verdict, VerdictFault> {
        let mut cosigned = vec![false; self.witnesses.len()];
        let mut logged = false;
        for (n, SignatureCheck { signer, check, .. }) in checks.checks.iter().enumerate() {
            match outcomes.get(n).copied().flatten().filter(|_| check.is_some()) {
                Some(true) => {}
                // The algorithm is not one that can be checked here.
                None if check.is_some() => continue,
                _ => return Err(VerdictFault::Signature(quote(self.name(*signer)))),
            }
            match *signer {
                Signer::Log(_) => logged = true,
                Signer::Witness(at) => cosigned.get_mut(at).into_iter().for_each(|cosigned| *cosigned = true),
            }
        }
        if !logged {
            return Err(VerdictFault::Unsigned(quote(&checks.checkpoint.origin)));
        }
        let quorum = self.is_quorum(&cosigned);
        Ok(Verdict { checkpoint: checks.checkpoint, cosigned, quorum })
    }

    fn name(&self, signer: Signer) -> &str {
        self.key(signer).map(VerifierKey::name).unwrap_or_default()
    }

    /// The key of a signer.
    pub fn key(&self, signer: Signer) -> Option<&VerifierKey> {
        match signer {
            Signer::Log(at) => self.logs.get(at).map(|log| &log.key),
            Signer::Witness(at) => self.witnesses.get(at).map(|witness| &witness.key),
        }
    }
}
