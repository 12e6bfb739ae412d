//! The steps of a backup, each within an alarm of its own.

use super::bucket::{manifest, name, object, unreachable};
use super::copying::Copied;
use super::kind::Backups;
use super::sealing::{Bytes, count_object, file_digest};
use crate::ca::config::backups::{Backups as Wanted, Schedule};
use crate::ca::partitions::operations::audit::Note;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::archive::{Tally, state_of};
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::operations::audit::{AuthMethod, Event, Outcome};
use crate::records::operations::backup::{BackupKids, BackupRun, BackupsRecord, FailedBackup, Stage, WholeBackup};
use crate::store::{Kv, Txn};
use crate::values::time::LEAP;
use crate::values::{Time, age, b64, hex};
use core::time::Duration;
use sha2::Sha256;

/// Delay of a step after its first failure; it doubles with each.
const RETRY: Duration = Duration::from_secs(30);

/// Longest such delay.
const MAX_RETRY: Duration = Duration::from_secs(900);

/// Failures of one step after which a backup is given up: about an hour.
const MAX_FAILURES: u32 = 8;

/// Delay of the next backup after one was given up.
const AGAIN: Duration = Duration::from_secs(3_600);

/// Delay of all work while the CA is closed.
const CLOSED: Duration = Duration::from_secs(900);

/// Rows with found kids that are deleted at once.
const DELETED: usize = 500;

/// The actor in the audit record.
const ACTOR: &str = "selvedge";

/// Returns the end of the names of backups of a new storage.
///
/// # Errors
/// Without randomness.
pub(super) fn new_store<P: Ports>(ports: &P) -> Result<String, Problem> {
    Ok(hex::encode(&ports.random::<4>()?))
}

/// Returns when the next backup is due.
pub(super) fn next_due(record: &BackupsRecord, schedule: Schedule, now: Time) -> Time {
    let last = record.last.as_ref().map(|last| last.begun);
    // One that was given up before it was whole.
    let failed = record.failed.as_ref().filter(|failed| last.is_none_or(|last| last < failed.begun));
    match (failed, last) {
        (Some(failed), _) => failed.at.plus(AGAIN).min(now.plus(AGAIN)),
        // The first one is made at once: it shows whether all is set up.
        (None, None) => now,
        (None, Some(last)) if last < schedule.last(now) => now,
        (None, Some(_)) => schedule.next(now),
    }
}

/// Reads the record of the backups. The first time it is stored, for this storage.
///
/// # Errors
/// When the storage fails.
pub(super) fn record_of<K: Kv>(txn: &mut Txn<'_, K>, store: String, now: Time) -> Result<BackupsRecord, Problem> {
    if let Some(record) = txn.get("")? {
        return Ok(record);
    }
    let record = BackupsRecord { store, since: now, last: None, failed: None };
    txn.put("", &record)?;
    Ok(record)
}

/// Where a step leads.
struct Step {
    run: BackupRun,
    bytes: Bytes,
    /// Kids that were found.
    kids: Vec<String>,
    /// The whole backup.
    whole: Option<WholeBackup>,
    /// Whether the run has ended.
    ended: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Backups<P, K> {
    /// Does the next step of a backup if it is due. Returns when the next one is.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) async fn work_if_due(&self) -> Result<Option<Time>, Problem> {
        let Some(wanted) = self.ports.settings().backups.clone() else {
            self.transact(|txn| clear(txn, None))?;
            return Ok(None);
        };
        let now = self.ports.now();
        if self.ports.settings().closed {
            return Ok(Some(now.plus(CLOSED)));
        }
        let (record, run, bytes) =
            self.transact(|txn| Ok((txn.get::<BackupsRecord>("")?, txn.get::<BackupRun>("")?, Bytes::load(txn)?)))?;
        let Some(run) = run else {
            let due = record.as_ref().map_or(now, |record| next_due(record, wanted.schedule, now));
            return if due > now { Ok(Some(due)) } else { self.begin(&wanted).map(Some) };
        };
        if run.due > now && run.due <= now.plus(LEAP) {
            return Ok(Some(run.due));
        }
        let store = record.map(|record| record.store).unwrap_or_default();
        let done = match apart(self.step(&wanted, &store, &run, &bytes)).await {
            Ok(step) => self.commit(&run, &bytes, step)?,
            Err(problem) => apart(self.fail(&run, &problem)).await?,
        };
        Ok(Some(done))
    }

    /// Begins a backup.
    fn begin(&self, wanted: &Wanted) -> Result<Time, Problem> {
        let (now, store) = (self.ports.now(), new_store(&self.ports)?);
        let id = b64::encode(&self.ports.random::<16>()?);
        let (sealed, key) = age::begin(&wanted.recipients, |bytes| self.ports.fill_random(bytes))?;
        self.transact(|txn| {
            if txn.get::<BackupRun>("")?.is_some() {
                return Ok(now);
            }
            let record = record_of(txn, store, now)?;
            clear(txn, None)?;
            let tally = Tally::default();
            let run = BackupRun {
                id,
                name: name(now, &record.store),
                begun: now,
                due: now,
                failures: 0,
                stage: Stage::Rosters,
                cursor: None,
                queue: Vec::new(),
                ledgers: Vec::new(),
                found: 0,
                partitions: 0,
                lines: 0,
                digest: tally.state(),
                key: hex::encode(key.bytes()),
                chunk: 0,
                object: 0,
                octets: 0,
                file: state_of(&Sha256::default()),
                counted: (0, 0),
            };
            txn.put("", &run)?;
            Bytes { plain: Vec::new(), sealed }.store(txn, &Bytes::default())?;
            Ok(now)
        })
    }

    /// Does a step, without storing it.
    async fn step(&self, wanted: &Wanted, store: &str, run: &BackupRun, bytes: &Bytes) -> Result<Step, Problem> {
        let mut step = Step { run: run.clone(), bytes: bytes.clone(), kids: Vec::new(), whole: None, ended: false };
        step.run.failures = 0;
        let settings = self.ports.settings();
        if let Some(sealed) = bytes.object(run.stage >= Stage::Sealed) {
            let key = object(settings, &run.name, run.object);
            self.ports.put_object(&key, sealed.to_vec()).await.map_err(unreachable)?;
            count_object(&mut step.run, sealed)?;
            step.bytes.sealed.clear();
            return Ok(step);
        }
        match run.stage {
            Stage::Sealed => step.run.stage = Stage::Checked,
            Stage::Checked => {
                step.run = self.counted(step.run).await?;
                if step.run.cursor.is_none() {
                    step.run.stage = Stage::Manifest;
                }
            }
            Stage::Manifest => {
                let written = self.manifest_of(run, &file_digest(run)?);
                let json = serde_json::to_vec(&written).map_err(|error| Problem::internal(error.to_string()))?;
                self.ports.put_object(&manifest(settings, &run.name), json).await.map_err(unreachable)?;
                step.run.stage = Stage::Noted;
                let (name, ended, octets) = (written.name, written.ended, written.octets);
                step.whole = Some(WholeBackup { name, begun: run.begun, ended, octets });
            }
            Stage::Noted => {
                let detail = format!("{} partitions, {} octets", run.partitions, run.octets);
                self.note("backup.store", &run.name, Outcome::Done, detail).await?;
                step.run.stage = Stage::Removing;
            }
            Stage::Removing => {
                let (more, removed) = self.remove_one(store, wanted.keep).await?;
                if let Some(name) = removed {
                    let detail = format!("more than the {} that are kept", wanted.keep);
                    self.note("backup.remove", &name, Outcome::Done, detail).await?;
                }
                step.ended = !more;
            }
            _ => {
                let Copied { run, lines, kids, .. } = apart(self.copied(&step.run)).await?;
                (step.run, step.kids) = (run, kids.into_iter().collect());
                let last = step.run.stage == Stage::Sealed;
                step.bytes.add(&mut step.run, &lines, last)?;
            }
        }
        Ok(step)
    }

    /// Stores a step, unless another run of the alarm was faster. Returns when the next one is due.
    fn commit(&self, before: &BackupRun, had: &Bytes, step: Step) -> Result<Time, Problem> {
        let now = self.ports.now();
        let Step { mut run, bytes, kids, whole, ended } = step;
        self.transact(|txn| {
            if txn.get::<BackupRun>("")?.as_ref() != Some(before) {
                return Ok(now);
            }
            if let Some(mut record) = txn.get::<BackupsRecord>("")?.filter(|_| whole.is_some()) {
                (record.last, record.failed) = (whole, None);
                txn.put("", &record)?;
            }
            if ended {
                return clear(txn, Some(before)).map(|()| now);
            }
            if !kids.is_empty() {
                txn.put(&format!("{:08}", run.found), &BackupKids { kids })?;
                run.found = run.found.saturating_add(1);
            }
            run.due = now;
            txn.put("", &run)?;
            bytes.store(txn, had)?;
            Ok(now)
        })
    }

    /// Has a step repeated, or gives the backup up. Returns when the next step is due.
    async fn fail(&self, run: &BackupRun, problem: &Problem) -> Result<Time, Problem> {
        self.log(problem);
        let now = self.ports.now();
        let failures = run.failures.saturating_add(1);
        if failures < MAX_FAILURES {
            let pause = RETRY.saturating_mul(1 << run.failures.min(10)).min(MAX_RETRY);
            let due = now.plus(pause);
            return self.transact(|txn| {
                if txn.get::<BackupRun>("")?.as_ref() == Some(run) {
                    txn.put("", &BackupRun { due, failures, ..run.clone() })?;
                }
                Ok(due)
            });
        }
        let why = problem.log.clone().unwrap_or_else(|| problem.detail.clone());
        if let Err(problem) = self.note("backup.store", &run.name, Outcome::Failed, why.clone()).await {
            self.log(&problem);
        }
        self.transact(|txn| {
            if txn.get::<BackupRun>("")?.as_ref() != Some(run) {
                return Ok(now);
            }
            if let Some(record) = txn.get::<BackupsRecord>("")? {
                let failed = Some(FailedBackup { begun: run.begun, at: now, why });
                txn.put("", &BackupsRecord { failed, ..record })?;
            }
            clear(txn, Some(run)).map(|()| now)
        })
    }

    async fn note(&self, what: &str, name: &str, outcome: Outcome, detail: String) -> Result<(), Problem> {
        let event = Event {
            at: self.ports.now(),
            who: ACTOR.to_owned(),
            by: AuthMethod::None,
            role: None,
            what: what.to_owned(),
            target: Some(name.to_owned()),
            outcome,
            of: None,
            detail: Some(detail),
            address: None,
        };
        self.ports.ask(&OperationsAt, &Note(event)).await.map(drop)
    }
}

/// Deletes a run, and what another has left.
fn clear<K: Kv>(txn: &mut Txn<'_, K>, run: Option<&BackupRun>) -> Result<(), Problem> {
    if run.is_some() || txn.get::<BackupRun>("")?.is_some() {
        txn.delete::<BackupRun>("");
        Bytes::clear(txn);
    }
    for (id, _) in txn.list::<BackupKids>(None, DELETED)? {
        txn.delete::<BackupKids>(&id);
    }
    Ok(())
}
