//! One witness asked to cosign one checkpoint (<https://c2sp.org/tlog-witness>).

use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::cosigning;
use crate::records::ledger::cosigning::{Asked, FaultKind};
use crate::store::Kv;
use crate::tlog::note::{Note, Signature};
use crate::tlog::tree::consistency;
use crate::tlog::witness::{Submission, parse_size};
use crate::tlog::{Checkpoint, Hash, VerifierKey, cosignature};
use crate::validation::outbound::Limits;
use core::time::Duration;

/// Limits of an exchange. An answer is some signature lines, or a sentence.
const LIMITS: Limits = Limits { max_bytes: 64 * 1024, timeout: Duration::from_secs(10) };

/// How far in the future the time of a cosignature may be.
const AHEAD: Duration = Duration::from_secs(600);

/// Number of submissions: the first, and one from the size of a 409.
const SUBMISSIONS: usize = 2;

/// A checkpoint that a witness is to cosign.
pub(super) struct Target<'a> {
    /// The id of the log.
    pub log: &'a str,
    /// The checkpoint.
    pub target: &'a cosigning::Target,
    /// The size of the witness's newest checkpoint, as far as known.
    pub known: u64,
}

/// Makes an outcome with a fault.
fn fault(size: Option<u64>, kind: FaultKind, what: impl Into<String>) -> Asked {
    Asked { size, line: None, fault: Some((kind, what.into())) }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Submits a checkpoint to a witness, and verifies its cosignature. After a 409 it submits once more.
    ///
    /// # Errors
    /// When the storage or the crypto provider fails.
    pub(super) async fn ask_witness(
        &self,
        asking: &Target<'_>,
        key: &VerifierKey,
        url: &str,
    ) -> Result<Asked, Problem> {
        let target = asking.target;
        let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let (mut old, mut told) = (asking.known.min(target.size), None);
        for _ in 0..SUBMISSIONS {
            let proof = self.consistency(asking.log, old, target.size)?;
            let body = Submission { old, proof, note: &target.note }.to_string();
            let answer = match self.ports.submit(&url, &body, LIMITS).await {
                Ok(answer) => answer,
                Err(why) => return Ok(fault(told, FaultKind::Silent, format!("it does not answer: {why}"))),
            };
            let size = match answer.status {
                200 => return self.judged(target, asking.known, told, (key, &answer.body)).await,
                409 => parse_size(&answer.body),
                status => return Ok(fault(told, kind_of(status), said(status))),
            };
            let Some(size) = size else {
                return Ok(fault(told, FaultKind::Wrong, "it answered 409 without the size of its checkpoint"));
            };
            if size > target.size {
                return self.ahead(asking.log, size).await;
            }
            if size == old {
                // Before version 1.0 this was the answer to another root of the same size.
                return Ok(match size == target.size {
                    true => fault(Some(size), FaultKind::Forked, "it has another root of the same size"),
                    false => fault(Some(size), FaultKind::Wrong, "it answered 409 with the size that was sent"),
                });
            }
            (old, told) = (size, Some(size));
        }
        Ok(fault(told, FaultKind::Silent, "its checkpoint changed twice while it was asked"))
    }

    /// Judges a witness with a larger tree than the checkpoint's.
    ///
    /// It has cosigned a later checkpoint, or another tree.
    async fn ahead(&self, log: &str, size: u64) -> Result<Asked, Problem> {
        let present = self.checkpoint(log, u64::MAX).await?.map_or(0, |checkpoint| checkpoint.size);
        if size > present {
            let what = format!("it has a tree of {size} leaves, and the log has {present}");
            return Ok(fault(Some(size), FaultKind::Forked, what));
        }
        // The next checkpoint continues it.
        Ok(Asked { size: Some(size), line: None, fault: None })
    }

    /// Judges the body of a 200.
    async fn judged(
        &self,
        target: &cosigning::Target,
        known: u64,
        told: Option<u64>,
        (key, body): (&VerifierKey, &[u8]),
    ) -> Result<Asked, Problem> {
        let wrong = |what: &str| Ok(fault(told, FaultKind::Wrong, what));
        let note = Note::parse(&target.note).map_err(|fault| Problem::internal(fault.to_string()))?;
        let checkpoint = Checkpoint::parse(note.text()).map_err(|fault| Problem::internal(fault.to_string()))?;
        let Some(lines) = core::str::from_utf8(body).ok().and_then(Signature::parse_lines) else {
            return wrong("it answered 200 without signature lines");
        };
        // Those of other keys are ignored.
        let Some(line) = lines.iter().find(|line| line.id == key.id() && line.name == key.name()) else {
            return wrong("it answered without a cosignature by its key");
        };
        let Some(check) = cosignature::check(key, &checkpoint, line) else {
            return wrong("its cosignature is malformed");
        };
        match check.holds(&self.ports).await? {
            Some(true) => {}
            Some(false) => return wrong("its cosignature is wrong"),
            None => {
                return wrong(
                    "its cosignature is of ML-DSA-44, which cannot be checked without the compatibility flag \
                     webcrypto_modern_algorithms",
                );
            }
        }
        if check.time.is_some_and(|time| time > self.ports.now().plus(AHEAD)) {
            return wrong("its cosignature is of the future");
        }
        let back = told.filter(|told| *told < known).map(|told| {
            (FaultKind::Wrong, format!("it went back: it had cosigned {known} leaves, and then knew {told} of them"))
        });
        Ok(Asked { size: None, line: Some(format!("{line}\n")), fault: back })
    }

    /// Computes the proof that the tree of `new` leaves continues that of `old` leaves.
    fn consistency(&self, log: &str, old: u64, new: u64) -> Result<Vec<Hash>, Problem> {
        let subtrees = consistency(old, new).unwrap_or_default();
        Ok(self.read_log(log, |log| log.hashes(&subtrees, new).map(Some))?.unwrap_or_default())
    }
}

/// The kind of fault that a refusal with this status is.
fn kind_of(status: u16) -> FaultKind {
    match status {
        422 => FaultKind::Forked,
        403 | 404 => FaultKind::Refused,
        _ => FaultKind::Silent,
    }
}

/// What a refusal with this status means.
fn said(status: u16) -> String {
    match status {
        422 => "it answered 422: the log's tree does not continue the one that it has cosigned".to_owned(),
        404 => "it answered 404: it does not know the log".to_owned(),
        403 => "it answered 403: it does not know the log's key".to_owned(),
        status => format!("it answered {status}"),
    }
}
