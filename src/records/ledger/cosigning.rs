//! Cosigning of a log's checkpoints by witnesses.

use crate::store::{Record, Table};
use crate::tlog::{Hash, Policy};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// First pause after a witness did not answer; it doubles with each failure.
const PAUSE: Duration = Duration::from_secs(60);

/// Number of doublings of [`PAUSE`], after which it is longer than any interval.
const MAX_DOUBLINGS: u32 = 12;

/// Time after which an unchanged checkpoint is cosigned again.
pub const REPEATED: Duration = Duration::from_secs(24 * 3600);

/// State of the cosigning of a log, stored as `cosigning/{log}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CosigningRecord {
    /// The checkpoint that witnesses are asked to cosign.
    pub target: Target,
    /// The witnesses, by their verifier keys.
    pub witnesses: BTreeMap<String, WitnessState>,
    /// The newest checkpoint with a quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<WitnessedCheckpoint>,
    /// Since when checkpoints have no quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Time>,
}

/// A checkpoint that is to be cosigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Number of leaves.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The checkpoint, signed by the log.
    pub note: String,
    /// When it was chosen.
    pub chosen: Time,
}

/// A checkpoint with a quorum of cosignatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessedCheckpoint {
    /// Number of leaves.
    pub size: u64,
    /// The checkpoint with all its signatures.
    pub note: String,
    /// When it was chosen for cosigning.
    pub at: Time,
}

/// The state of a witness, as far as the log knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessState {
    /// The size of its newest checkpoint.
    pub size: u64,
    /// Its signature line for the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Time of its last good cosignature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// When it is asked next; `None` until the next target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// Number of failures since the target was chosen.
    #[serde(default)]
    pub failures: u32,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<WitnessFault>,
}

/// What is wrong with a witness, or with the log in its eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessFault {
    /// The kind.
    pub kind: FaultKind,
    /// The fact, as a clause about the witness.
    pub what: String,
    /// Since when.
    pub since: Time,
}

/// Kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultKind {
    /// The witness has another tree than the log.
    Forked,
    /// The witness does not know the log, or not its key.
    Refused,
    /// The witness answered something wrong, or has gone back.
    Wrong,
    /// The witness does not answer.
    Silent,
}

/// The outcome of asking a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The size of its newest checkpoint, where it said it.
    pub size: Option<u64>,
    /// Its signature line for the target, if it gave a good one.
    pub line: Option<String>,
    /// What is wrong.
    pub fault: Option<(FaultKind, String)>,
}

impl Record for CosigningRecord {
    const PREFIX: &'static str = "cosigning";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl CosigningRecord {
    /// The first state of a log.
    pub fn new(target: Target) -> Self {
        Self { target, witnesses: BTreeMap::new(), witnessed: None, missing: None }
    }

    /// Whether another checkpoint, of `size` leaves, is to be cosigned.
    pub fn wants(&self, size: u64, interval: Duration, now: Time) -> bool {
        let (grown, since) = (size > self.target.size, self.target.chosen);
        let waited = if grown { interval } else { interval.max(REPEATED) };
        // A time in the future is of a clock that went back.
        since > now || since.plus(waited) <= now
    }

    /// Chooses a checkpoint that these witnesses are to cosign. Others are forgotten.
    pub fn aim(&mut self, target: Target, keys: impl Iterator<Item = String>) {
        let now = target.chosen;
        let mut before = core::mem::take(&mut self.witnesses);
        self.witnesses = keys
            .map(|key| {
                let known = before.remove(&key).unwrap_or_default();
                (key, WitnessState { line: None, due: Some(now), failures: 0, ..known })
            })
            .collect();
        self.target = target;
    }

    /// Whether a witness is to be asked now.
    pub fn is_due(&self, key: &str, now: Time) -> bool {
        self.witnesses.get(key).and_then(|state| state.due).is_some_and(|due| due <= now)
    }

    /// Records the outcome of asking a witness. Returns whether it has just found a fork.
    pub fn asked(&mut self, key: &str, asked: Asked, now: Time) -> bool {
        let target = self.target.size;
        let Some(state) = self.witnesses.get_mut(key) else { return false };
        if let Some(size) = asked.size {
            state.size = size;
        }
        state.due = None;
        if let Some(line) = asked.line {
            *state = WitnessState { size: target, line: Some(line), last: Some(now), failures: 0, ..state.clone() };
        }
        let before = state.fault.take();
        let Some((kind, what)) = asked.fault else { return false };
        let since = before.as_ref().filter(|fault| fault.kind == kind).map_or(now, |fault| fault.since);
        if kind == FaultKind::Silent {
            let pause = PAUSE.saturating_mul(1 << state.failures.min(MAX_DOUBLINGS));
            state.failures = state.failures.saturating_add(1);
            state.due = Some(now.plus(pause));
        }
        state.fault = Some(WitnessFault { kind, what, since });
        kind == FaultKind::Forked && before.is_none_or(|fault| fault.kind != kind)
    }

    /// Returns the target with the cosignatures that it has.
    pub fn note(&self) -> String {
        let lines = self.witnesses.values().filter_map(|state| state.line.as_deref());
        format!("{}{}", self.target.note, lines.collect::<String>())
    }

    /// Number of witnesses that have cosigned the target.
    pub fn count(&self) -> usize {
        self.witnesses.values().filter(|state| state.line.is_some()).count()
    }

    /// Decides whether the target has a quorum.
    pub fn settle(&mut self, policy: &Policy, now: Time) {
        let cosigned: Vec<bool> = policy
            .witnesses
            .iter()
            .map(|witness| self.witnesses.get(&witness.key.to_string()).is_some_and(|state| state.line.is_some()))
            .collect();
        if policy.is_quorum(&cosigned) {
            let Target { size, chosen, .. } = self.target;
            self.witnessed = Some(WitnessedCheckpoint { size, note: self.note(), at: chosen });
            self.missing = None;
        } else {
            self.missing.get_or_insert(now);
        }
    }

    /// When witnesses are asked again, or another checkpoint is chosen.
    pub fn next(&self, interval: Duration) -> Time {
        let due = self.witnesses.values().filter_map(|state| state.due);
        due.chain([self.target.chosen.plus(interval)]).min().unwrap_or(self.target.chosen)
    }
}

#[cfg(test)]
mod tests;
