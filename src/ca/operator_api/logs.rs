//! The transparency logs in the health, with their witnesses.

use crate::ca::config::settings::Settings;
use crate::ca::health::witnesses::{CosigningFacts, LogFacts, WitnessFacts, WitnessTrouble};
use crate::ca::ledger::cosigning::{CosigningState, WitnessStanding};
use crate::ca::ledger::log_summary::LogSummary;
use crate::records::ledger::cosigning::FaultKind;
use crate::values::Time;
use serde_json::{Value, json};

/// The facts about the log of this issuer.
pub(super) fn facts(settings: &Settings, issuer: u8, log: &LogSummary) -> LogFacts {
    let LogSummary { origin, size, checkpoint, cosigning } = log.clone();
    let required = settings.log_policy.as_ref().is_some_and(|policy| policy.required);
    let of_witnesses = |CosigningState { quorum, target, witnessed, missing, witnesses }| CosigningFacts {
        quorum,
        target,
        witnessed,
        missing,
        required,
        witnesses: witnesses.into_iter().map(of_witness).collect(),
    };
    LogFacts { issuer, origin, size, checkpoint, cosigning: cosigning.map(of_witnesses) }
}

fn of_witness(WitnessStanding { name, size, cosigned, last, fault }: WitnessStanding) -> WitnessFacts {
    let trouble = |kind| match kind {
        FaultKind::Forked => WitnessTrouble::Forked,
        FaultKind::Refused => WitnessTrouble::Refused,
        FaultKind::Wrong => WitnessTrouble::Wrong,
        FaultKind::Silent => WitnessTrouble::Silent,
    };
    let fault = fault.map(|(kind, what, since)| (trouble(kind), what, since));
    WitnessFacts { name, size, cosigned, last, fault }
}

/// A log as JSON.
pub(super) fn shown(log: &LogFacts) -> Value {
    json!({
        "issuer": log.issuer, "origin": log.origin, "size": log.size, "checkpoint": point(log.checkpoint),
        "cosigning": log.cosigning.as_ref().map(|cosigning| cosigning_shown(cosigning, log.size)),
    })
}

/// A checkpoint: its size, and a time.
fn point(of: Option<(u64, Time)>) -> Value {
    of.map_or(Value::Null, |(size, at)| json!({ "size": size, "at": at.rfc3339() }))
}

fn cosigning_shown(cosigning: &CosigningFacts, size: u64) -> Value {
    let witness = |witness: &WitnessFacts| {
        let fault = witness
            .fault
            .as_ref()
            .map(|(trouble, what, since)| json!({ "kind": trouble.name(), "what": what, "since": since.rfc3339() }));
        json!({
            "name": witness.name, "size": witness.size, "behind": size.saturating_sub(witness.size),
            "cosigned": witness.cosigned, "last": witness.last.map(Time::rfc3339), "fault": fault,
        })
    };
    json!({
        "quorum": cosigning.quorum, "met": cosigning.is_met(), "target": point(cosigning.target),
        "witnessed": point(cosigning.witnessed), "missing": cosigning.missing.map(Time::rfc3339),
        "witnesses": cosigning.witnesses.iter().map(witness).collect::<Vec<_>>(),
    })
}
