//! Jobs outlive requests: each is a record, so work resumes after a crash. The partition's alarm runs jobs that are
//! due; a request may run its own job at once.

use super::jobs;
use super::partition::Partition;
use super::ports::{PartitionPorts, Task};
use super::running::LEASE;
use crate::records::Problem;
use crate::store::{Kv, Record, Table, Txn};
use crate::values::time::LEAP;
use crate::values::{Id, Time};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum number of attempts of an issuance; then its order becomes invalid.
pub(in crate::ca) const ATTEMPTS: u32 = 12;

/// Maximum number of jobs listed at once. A partition has a handful.
pub const JOBS: usize = 200;

/// How many more times a job may be begun than tried. A try cut off by a crash has no outcome: a restart or a
/// deployment costs an order nothing, but a job that crashes its machine is not repeated without end.
const MAX_CRASHES: u32 = 3;

/// Maximum number of jobs that an alarm runs concurrently. Workers allows six simultaneous connections.
pub(in crate::ca) const MAX_CONCURRENT: usize = 6;

/// Interval at which newly due jobs are noticed while others run.
pub(in crate::ca) const TICK: Duration = Duration::from_secs(1);

/// Time during which one alarm takes jobs. Workers ends an alarm after 15 minutes.
pub(in crate::ca) const TAKING: Duration = Duration::from_secs(600);

/// Longest time for which notices wait for their next delivery.
const LONGEST_NOTIFY: Duration = Duration::from_secs(24 * 3600);

/// The work of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Validates the challenge of this type of this authorization.
    Validate(Id, String),
    /// Completes the issuance of this order.
    Issue(Id),
    /// Blocks the key with this SHA-256 everywhere. The second value is the serial number of the certificate revoked
    /// for it.
    Block(String, String),
    /// Sends notices to the webhook.
    Notify,
    /// Updates the account's entry in the list of accounts.
    List,
}

/// A job, stored as `job/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobRecord {
    /// Work to do.
    pub work: Work,
    /// When it is due; while it runs, when its lease expires.
    pub due: Time,
    /// How often it was begun, counted before it runs.
    pub attempts: u32,
    /// How many attempts ended without completing the job. The other attempts were cut off by a crash.
    pub ended: u32,
    /// Whether it waits for its due time, without a lease.
    pub waiting: bool,
}

/// The running jobs of an alarm.
#[derive(Default)]
pub(in crate::ca) struct Underway {
    pub(in crate::ca) running: Vec<Task>,
    /// When each job was taken, by name.
    pub(in crate::ca) taken: BTreeMap<String, Time>,
}

/// A try of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Number of the try, from 1.
    pub number: u32,
    /// Whether a temporary failure leads to another try.
    pub again: bool,
    /// Whether too many attempts were cut off by a crash. Then this one is not made.
    pub exhausted: bool,
    /// How many attempts before it ended without completing the job.
    pub ended: u32,
}

impl Record for JobRecord {
    const PREFIX: &'static str = "job";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Work {
    /// Returns the name under which the job is stored, unique to its work.
    pub fn name(&self) -> String {
        match self {
            Self::Validate(authorization, kind) => format!("validate-{authorization}-{kind}"),
            Self::Issue(order) => format!("issue-{order}"),
            Self::Block(key, _) => format!("block-{key}"),
            Self::Notify => "notify".to_owned(),
            Self::List => "list".to_owned(),
        }
    }
}

impl Work {
    /// Returns the problem for a job in a partition of the wrong kind.
    pub(in crate::ca) fn misplaced(&self) -> Problem {
        Problem::internal(format!("{} is not a job of this partition", self.name()))
    }
}

impl JobRecord {
    /// A job whose first run has begun. `due` is the end of its lease, or its next start.
    pub(in crate::ca) fn begun(work: Work, due: Time) -> Self {
        Self { work, due, attempts: 1, ended: 0, waiting: false }
    }

    /// Returns when it is due, seen at `now`. If that is later than any job waits, the clock went back: then it is now.
    pub fn due_at(&self, now: Time) -> Time {
        let longest = if self.work == Work::Notify { LONGEST_NOTIFY } else { LEAP };
        if self.due > now.plus(longest) { now } else { self.due }
    }

    /// Returns the delay after a restart. Zero, except for a key to block that was begun often: it is retried without
    /// end.
    pub(in crate::ca) fn pause(&self) -> Duration {
        match &self.work {
            Work::Block(..) => jobs::pause(self.attempts.saturating_sub(MAX_CRASHES)),
            // Notices have their own counters and delays.
            Work::Validate(..) | Work::Issue(_) | Work::Notify | Work::List => Duration::ZERO,
        }
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Returns the maximum number of attempts; `None` for work that is retried without end.
    fn max_attempts(&self, work: &Work) -> Option<u32> {
        match work {
            Work::Validate(..) => Some(self.ports.settings().validation.tries),
            Work::Issue(_) => Some(jobs::ATTEMPTS),
            Work::Block(..) | Work::Notify | Work::List => None,
        }
    }

    /// Returns the current try of a taken job.
    pub(in crate::ca) fn this_attempt(&self, job: &JobRecord) -> Attempt {
        let (number, most) = (job.attempts, self.max_attempts(&job.work));
        let exhausted = most.is_some_and(|most| number > most.saturating_add(MAX_CRASHES));
        let again = !exhausted && most.is_none_or(|most| job.ended.saturating_add(1) < most);
        Attempt { number, again, exhausted, ended: job.ended }
    }

    /// Records a job due at `due`, or reschedules it, and sets the alarm.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn schedule(&self, txn: &mut Txn<'_, K>, work: Work, due: Time) -> Result<(), Problem> {
        let name = work.name();
        let (attempts, ended) =
            txn.get::<JobRecord>(&name)?.map_or((0, 0), |job| (job.attempts, job.ended.saturating_add(1)));
        self.record(txn, &JobRecord { work, due, attempts, ended, waiting: true })
    }

    /// Stores a job, and sets the alarm for its due time.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn record(&self, txn: &mut Txn<'_, K>, job: &JobRecord) -> Result<(), Problem> {
        txn.put(&job.work.name(), job)?;
        txn.wake_at(job.due);
        Ok(())
    }

    /// Records a job for another try at `due`, after `attempt`. It need not be recorded yet.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn retry(&self, txn: &mut Txn<'_, K>, work: Work, attempt: Attempt, due: Time) -> Result<(), Problem> {
        // If a run outlasted its lease, another one may have counted further.
        let (attempts, ended) = txn.get::<JobRecord>(&work.name())?.map_or((0, 0), |job| (job.attempts, job.ended));
        let (attempts, ended) = (attempts.max(attempt.number), ended.max(attempt.ended).saturating_add(1));
        self.record(txn, &JobRecord { work, due, attempts, ended, waiting: true })
    }

    /// Removes the record of a completed job, if it has one.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn end(&self, txn: &mut Txn<'_, K>, work: &Work) -> Result<(), Problem> {
        let name = work.name();
        if txn.get::<JobRecord>(&name)?.is_some() {
            txn.delete::<JobRecord>(&name);
        }
        Ok(())
    }

    /// Records a job that the caller runs at once, under a lease. This saves a second transaction, and an alarm for the
    /// start; the alarm is set for the end of the lease. `attempts` is how often it was begun before.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn begin(&self, txn: &mut Txn<'_, K>, work: Work, attempts: u32) -> Result<JobRecord, Problem> {
        self.hold(txn, JobRecord { work, due: self.ports.now(), attempts, ended: 0, waiting: false })
    }

    /// Gives the caller the lease of a job, and sets the alarm for its end.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn hold(&self, txn: &mut Txn<'_, K>, job: JobRecord) -> Result<JobRecord, Problem> {
        let due = self.ports.now().plus(LEASE);
        let job = JobRecord { due, attempts: job.attempts.saturating_add(1), waiting: false, ..job };
        self.record(txn, &job)?;
        Ok(job)
    }

    /// Takes the lease of a job that is due. `None` if there is no job of this name, it is leased, or it is not due.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn take(&self, name: &str) -> Result<Option<JobRecord>, Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            let job = txn.get::<JobRecord>(name)?.filter(|job| job.due_at(now) <= now);
            job.map(|job| self.hold(txn, job)).transpose()
        })
    }

    /// Runs tasks until one has completed, at most for a second.
    pub(in crate::ca) async fn advance(&self, running: &mut Vec<Task>) {
        let mut timer = pin!(self.ports.sleep(TICK));
        let count = running.len();
        poll_fn(|context| {
            running.retain_mut(|task| task.as_mut().poll(context).is_pending());
            if running.len() < count { Poll::Ready(()) } else { timer.as_mut().poll(context) }
        })
        .await;
    }

    /// Returns the recorded jobs, each with the time when it is due as seen now.
    ///
    /// Those of another release wait for it.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn jobs(&self) -> Result<Vec<(String, JobRecord)>, Problem> {
        Ok(self.jobs_and_others()?.0)
    }

    /// As [`Partition::jobs`], with the number of jobs of another release.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn jobs_and_others(&self) -> Result<(Vec<(String, JobRecord)>, usize), Problem> {
        let now = self.ports.now();
        let (mut jobs, others) = self.transact(|txn| Ok(txn.list_readable::<JobRecord>(None, JOBS)?))?;
        jobs.iter_mut().for_each(|(_, job)| job.due = job.due_at(now));
        Ok((jobs, others))
    }

    /// Runs the task of a begun job for at most `patience`. Returns whether it ended; the host completes a longer one in
    /// the background.
    pub async fn run_now(&self, mut task: Task, patience: Duration) -> bool {
        let mut timer = pin!(self.ports.sleep(patience));
        let finished = poll_fn(|context| {
            if task.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            timer.as_mut().poll(context).map(|()| false)
        });
        let finished = finished.await;
        if !finished {
            self.ports.spawn(task);
        }
        finished
    }
}

/// Delay after the first failed try to block a key; it grows with each try.
const RETRY: Duration = Duration::from_secs(5);

/// Maximum delay, as a multiple of the first.
const MAX_RETRY_FACTOR: u32 = 60;

/// Returns the delay after this number of failed attempts.
pub(in crate::ca) fn pause(attempts: u32) -> Duration {
    RETRY * attempts.min(MAX_RETRY_FACTOR)
}
