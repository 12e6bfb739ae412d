//! Cosigning of the newest checkpoint by witnesses, apart from any issuance.
//!
//! The alarm chooses a checkpoint once in an interval and submits it to each witness. What a witness answers is stored
//! with the checkpoint; one with a quorum stays, until a newer one has one.

use super::kind::Ledger;
use super::witness_request::Target as Asking;
use crate::ca::config::log_policy::LogPolicy;
use crate::ca::notices::delivery::NewNotice;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::cosigning::{Asked, CosigningRecord, FaultKind, Target, WitnessState};
use crate::records::ledger::log::{CheckpointRecord, LogsRecord};
use crate::records::operations::notice::NoticeKind;
use crate::store::{Kv, Txn};
use crate::tlog::policy::Witness;
use crate::values::Time;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Number of intervals after which a missing quorum counts as lasting.
const LASTING: u32 = 2;

/// Time after which a refused client tries again, in seconds. Silent witnesses are asked within it.
const RETRY_SECONDS: u32 = 300;

/// Asks whether a certificate may be issued, where that needs a quorum of witnesses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckQuorum;

/// The state of the cosigning of the open log, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CosigningState {
    /// The name of the policy's quorum.
    pub quorum: String,
    /// The size of the checkpoint that witnesses are to cosign, and when it was chosen.
    pub target: Option<(u64, Time)>,
    /// The size of the newest checkpoint with a quorum, and when it was chosen.
    pub witnessed: Option<(u64, Time)>,
    /// Since when a quorum is missing, if it is for long.
    pub missing: Option<Time>,
    /// The witnesses, in the order of the policy.
    pub witnesses: Vec<WitnessStanding>,
}

/// The state of a witness, for operators.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessStanding {
    /// Its name in the policy.
    pub name: String,
    /// The size of its newest checkpoint, as far as known.
    pub size: u64,
    /// Whether it has cosigned the checkpoint that it is asked for.
    pub cosigned: bool,
    /// When it cosigned last.
    pub last: Option<Time>,
    /// What is wrong: the kind, the fact, and since when.
    pub fault: Option<(FaultKind, String, Time)>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the policy of the logs, if witnesses are to be asked.
    fn cosigning_policy(&self) -> Option<&LogPolicy> {
        let settings = self.ports.settings();
        settings.log_policy.as_ref().filter(|_| settings.log.is_some())
    }

    /// Sets the alarm for the witnesses.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn expect_cosigning(&self) -> Result<(), Problem> {
        let Some(policy) = self.cosigning_policy() else { return Ok(()) };
        let now = self.ports.now();
        self.transact(|txn| {
            if let Some(log) = open_log(txn)? {
                let record = txn.get::<CosigningRecord>(&log)?;
                txn.wake_at(record.map_or(now, |record| record.next(policy.interval)));
            }
            Ok(())
        })
    }

    /// Has the witnesses that are due cosign a checkpoint. Returns when the next ones are.
    ///
    /// # Errors
    /// When the storage fails, or the checkpoint cannot be signed.
    pub(in crate::ca) async fn cosign_if_due(&self) -> Result<Option<Time>, Problem> {
        let Some(policy) = self.cosigning_policy().cloned() else { return Ok(None) };
        let Some(log) = self.transact(|txn| open_log(txn))? else { return Ok(None) };
        let retry = self.ports.now().plus(policy.interval);
        let Some(record) = apart(self.aimed(&log, &policy)).await? else { return Ok(Some(retry)) };
        let now = self.ports.now();
        let due = policy.asked().filter(|(witness, _)| record.is_due(&witness.key.to_string(), now));
        let asked = due.map(async |(witness, url)| {
            let key = witness.key.to_string();
            let known = record.witnesses.get(&key).map_or(0, |state| state.size);
            let asking = Asking { log: &log, target: &record.target, known };
            (key, apart(self.ask_witness(&asking, &witness.key, url)).await)
        });
        let asked = join_all(asked).await;
        self.store_asked(&log, &record, asked, &policy)
    }

    /// Returns the state with the checkpoint that is to be cosigned.
    ///
    /// `None` for an empty log.
    async fn aimed(&self, log: &str, policy: &LogPolicy) -> Result<Option<CosigningRecord>, Problem> {
        let now = self.ports.now();
        let stored = self.transact(|txn| Ok(txn.get::<CosigningRecord>(log)?))?;
        // Another checkpoint is signed only where one is due.
        if let Some(record) = stored.as_ref().filter(|record| !record.wants(u64::MAX, policy.interval, now)) {
            return Ok(Some(record.clone()));
        }
        let Some(CheckpointRecord { size, root, note, .. }) = self.checkpoint(log, u64::MAX).await? else {
            return Ok(None);
        };
        self.transact(|txn| {
            let mut record = match txn.get::<CosigningRecord>(log)? {
                Some(record) if !record.wants(size, policy.interval, now) => return Ok(Some(record)),
                Some(record) => record,
                None => CosigningRecord::new(Target { size, root, note: note.clone(), chosen: now }),
            };
            record.aim(Target { size, root, note, chosen: now }, policy.asked().map(|(one, _)| one.key.to_string()));
            txn.put(log, &record)?;
            Ok(Some(record))
        })
    }

    /// Stores what witnesses answered about a checkpoint, unless another one was chosen since.
    fn store_asked(
        &self,
        log: &str,
        before: &CosigningRecord,
        asked: Vec<(String, Result<Asked, Problem>)>,
        policy: &LogPolicy,
    ) -> Result<Option<Time>, Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            let Some(mut record) = txn.get::<CosigningRecord>(log)? else { return Ok(None) };
            if record.target != before.target || asked.is_empty() {
                return Ok(Some(record.next(policy.interval).max(now)));
            }
            for (key, outcome) in asked {
                let outcome = outcome?;
                let what = outcome.fault.as_ref().map(|(_, what)| what.clone());
                if record.asked(&key, outcome, now) {
                    let data = json!({
                        "issuer": self.issuer, "log": log, "size": record.target.size, "witness": key, "what": what,
                    });
                    let new = NewNotice { kind: NoticeKind::LogForked, what: &format!("forked-{log}"), data };
                    self.notices().enqueue(txn, new)?;
                }
            }
            record.settle(&policy.policy, now);
            txn.put(log, &record)?;
            Ok(Some(record.next(policy.interval)))
        })
    }

    /// Returns the newest checkpoint of a log, with the cosignatures that it has.
    ///
    /// # Errors
    /// When the storage fails, or the checkpoint cannot be signed.
    pub(in crate::ca) async fn shown_checkpoint(&self, log: &str) -> Result<Option<CheckpointRecord>, Problem> {
        let Some(mut checkpoint) = self.checkpoint(log, 0).await? else { return Ok(None) };
        let record = self.transact(|txn| Ok(txn.get::<CosigningRecord>(log)?))?;
        if let Some(record) = record.filter(|record| record.target.note == checkpoint.note) {
            checkpoint.note = record.note();
        }
        Ok(Some(checkpoint))
    }

    /// Returns the state of the cosigning of the open log; `None` without a policy.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn cosigning(&self) -> Result<Option<CosigningState>, Problem> {
        let Some(policy) = self.cosigning_policy() else { return Ok(None) };
        let now = self.ports.now();
        self.transact(|txn| {
            let Some(log) = open_log(txn)? else { return Ok(None) };
            let record = txn.get::<CosigningRecord>(&log)?;
            let witnesses = policy.asked().map(|(one, _)| {
                let key = one.key.to_string();
                standing(one, record.as_ref().and_then(|record| record.witnesses.get(&key)))
            });
            let lasting = policy.interval.saturating_mul(LASTING);
            let missing = record.as_ref().and_then(|record| record.missing);
            let witnessed = record.as_ref().and_then(|record| record.witnessed.as_ref());
            Ok(Some(CosigningState {
                quorum: policy.policy.quorum().to_owned(),
                target: record.as_ref().map(|record| (record.target.size, record.target.chosen)),
                witnessed: witnessed.map(|witnessed| (witnessed.size, witnessed.at)),
                missing: missing.filter(|since| since.plus(lasting) <= now),
                witnesses: witnesses.collect(),
            }))
        })
    }

    /// Refuses an issuance while a quorum is missing for long, where the settings say so.
    ///
    /// # Errors
    /// 503 with `Retry-After` then; when the storage fails.
    pub(in crate::ca) fn check_quorum(&self) -> Result<(), Problem> {
        if !self.cosigning_policy().is_some_and(|policy| policy.required) {
            return Ok(());
        }
        match self.cosigning()?.and_then(|state| state.missing) {
            None => Ok(()),
            Some(since) => Err(without_quorum(since)),
        }
    }
}

/// The state of a witness of the policy, as far as the log knows it.
fn standing(witness: &Witness, known: Option<&WitnessState>) -> WitnessStanding {
    let WitnessState { size, line, last, fault, .. } = known.cloned().unwrap_or_default();
    let fault = fault.map(|fault| (fault.kind, fault.what, fault.since));
    WitnessStanding { name: witness.name.clone(), size, cosigned: line.is_some(), last, fault }
}

/// The refusal of an issuance without witnesses.
fn without_quorum(since: Time) -> Problem {
    let since = since.rfc3339();
    let detail = format!(
        "Nothing is issued while the transparency log is not witnessed: since {since} too few witnesses have cosigned it. \
         Try again later."
    );
    let log = format!("LOG_REQUIRE_QUORUM: a quorum is missing since {since}, nothing is issued");
    Problem { detail, retry_after: Some(RETRY_SECONDS), ..Problem::internal(log) }.with_status(503)
}

/// Returns the id of the open log.
fn open_log<K: Kv>(txn: &Txn<'_, K>) -> Result<Option<String>, Problem> {
    let logs = LogsRecord::of(txn)?;
    Ok(logs.open().map(|log| log.id.clone()))
}
