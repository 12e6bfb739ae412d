//! Work that outlives a request: a job is a record, so a crash anywhere resumes it. The partition's alarm runs what is
//! due; a request may run its own job at once.

use super::jobs;
use super::partition::Partition;
use super::ports::{PartitionPorts, Task};
use crate::records::Problem;
use crate::store::{Kv, Record, Table, Txn};
use crate::values::{Id, Time};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often an issuance is tried before its order is given up.
pub(in crate::ca) const ATTEMPTS: u32 = 12;

/// Lease of a claimed job. Longer than any job takes: a validation has 20 seconds, and the
/// look for CAA records after it as many.
const LEASE: Duration = Duration::from_secs(45);

/// How many jobs are looked at in one go. A partition has a handful.
pub const JOBS: usize = 200;

/// How many times more a job may be begun than it is tried. A try that ended with its machine has no outcome: a restart or
/// a deployment costs an order nothing, and a job that ends its machine itself does not come back for ever.
const SPARE: u32 = 3;

/// The most jobs that the alarm runs side by side: Workers opens six connections at a time.
pub(in crate::ca) const SIDE_BY_SIDE: usize = 6;

/// How soon a job that becomes due is seen while others run.
pub(in crate::ca) const TICK: Duration = Duration::from_secs(1);

/// For how long one alarm takes up jobs. Workers ends an alarm after 15 minutes.
pub(in crate::ca) const TAKING: Duration = Duration::from_secs(600);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Validate the challenge of this type of this authorization.
    Validate(Id, String),
    /// Finish the issuance of this order.
    Issue(Id),
    /// Have the key of this SHA-256 refused everywhere, since the certificate of this serial number was revoked for that.
    Condemn(String, String),
    /// Put certificates into the inventory that were entered before there was one.
    Index,
    /// Send notices to the webhook.
    Notify,
    /// Have the list of accounts show this account as it is.
    List,
}

/// A job, stored as `job/{name}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobRecord {
    /// What is to be done.
    pub work: Work,
    /// When it is to be done, or, while it is being done, when its doer is given up.
    pub due: Time,
    /// How often it was begun, counted before it runs.
    pub attempts: u32,
    /// How often it came to an end that was none of the job: the others ended with their machine.
    pub ended: u32,
    /// Whether it waits for its time, and is nobody's until then.
    pub waiting: bool,
}

/// The jobs of an alarm.
#[derive(Default)]
pub(in crate::ca) struct Underway {
    pub(in crate::ca) running: Vec<Task>,
    /// When which were taken.
    pub(in crate::ca) taken: BTreeMap<String, Time>,
}

/// A try of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// Which one it is, from 1.
    pub number: u32,
    /// Whether a failure that may pass is followed by another try.
    pub again: bool,
    /// Whether so many tries were begun and came to no end that this one is not made.
    pub exhausted: bool,
}

impl Record for JobRecord {
    const PREFIX: &'static str = "job";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Work {
    /// The name under which the job is stored: one per thing to do.
    pub fn name(&self) -> String {
        match self {
            Self::Validate(authorization, kind) => format!("validate-{authorization}-{kind}"),
            Self::Issue(order) => format!("issue-{order}"),
            Self::Condemn(key, _) => format!("condemn-{key}"),
            Self::Index => "index".to_owned(),
            Self::Notify => "notify".to_owned(),
            Self::List => "list".to_owned(),
        }
    }
}

impl Work {
    /// The failure of a job that stands in a partition of another kind.
    pub(in crate::ca) fn misplaced(&self) -> Problem {
        Problem::internal(format!("{} is not a job of this partition", self.name()))
    }
}

impl JobRecord {
    /// How long it waits after a restart: not at all, but for one that is never given up and was begun often already.
    pub(in crate::ca) fn pause(&self) -> Duration {
        match &self.work {
            Work::Condemn(..) => jobs::pause(self.attempts.saturating_sub(SPARE)),
            // Notices have counts and pauses of their own.
            Work::Validate(..) | Work::Issue(_) | Work::Index | Work::Notify | Work::List => Duration::ZERO,
        }
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// How often such a thing is tried; `None` for what is never given up.
    fn tries(&self, work: &Work) -> Option<u32> {
        match work {
            Work::Validate(..) => Some(self.ports.settings().validation.tries),
            Work::Issue(_) => Some(jobs::ATTEMPTS),
            Work::Condemn(..) | Work::Index | Work::Notify | Work::List => None,
        }
    }

    /// The try that a job was taken for.
    pub(in crate::ca) fn this_try(&self, job: &JobRecord) -> Try {
        let (number, tries) = (job.attempts, self.tries(&job.work));
        let exhausted = tries.is_some_and(|tries| number > tries.saturating_add(SPARE));
        let again = !exhausted && tries.is_none_or(|tries| job.ended.saturating_add(1) < tries);
        Try { number, again, exhausted }
    }

    /// Records a job that is due at `due`, or moves it there, and has the alarm set.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn schedule(&self, txn: &mut Txn<'_, K>, work: Work, due: Time) -> Result<(), Problem> {
        let name = work.name();
        let (attempts, ended) =
            txn.get::<JobRecord>(&name)?.map_or((0, 0), |job| (job.attempts, job.ended.saturating_add(1)));
        txn.put(&name, &JobRecord { work, due, attempts, ended, waiting: true })?;
        txn.wake_at(due);
        Ok(())
    }

    /// Records a job whose doer is the caller, from now on and for as long as the lease: no alarm is set for what is done
    /// at once, and there is no second transaction to take it. `attempts` is how often it was begun before.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn begin(&self, txn: &mut Txn<'_, K>, work: Work, attempts: u32) -> Result<JobRecord, Problem> {
        let name = work.name();
        self.hold(txn, &name, JobRecord { work, due: self.ports.now(), attempts, ended: 0, waiting: false })
    }

    /// Gives the job to the caller for as long as the lease.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn hold(&self, txn: &mut Txn<'_, K>, name: &str, job: JobRecord) -> Result<JobRecord, Problem> {
        let due = self.ports.now().plus(LEASE);
        let job = JobRecord { due, attempts: job.attempts.saturating_add(1), waiting: false, ..job };
        txn.put(name, &job)?;
        txn.wake_at(due);
        Ok(job)
    }

    /// Takes a job that is due: from now on it is the caller's for as long as the lease. `None` when there is none of
    /// this name, or it is somebody's, or not due.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn take(&self, name: &str) -> Result<Option<JobRecord>, Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            let job = txn.get::<JobRecord>(name)?.filter(|job| job.due <= now);
            job.map(|job| self.hold(txn, name, job)).transpose()
        })
    }

    /// Runs tasks until one has ended, or for a while.
    pub(in crate::ca) async fn advance(&self, running: &mut Vec<Task>) {
        let mut timer = pin!(self.ports.sleep(TICK));
        let count = running.len();
        poll_fn(|context| {
            running.retain_mut(|task| task.as_mut().poll(context).is_pending());
            if running.len() < count { Poll::Ready(()) } else { timer.as_mut().poll(context) }
        })
        .await;
    }

    /// The jobs that are recorded.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn jobs(&self) -> Result<Vec<(String, JobRecord)>, Problem> {
        self.transact(|txn| Ok(txn.list::<JobRecord>(None, JOBS)?))
    }

    /// Waits for the work of a job that was begun, up to `patience`; the host finishes what takes longer.
    pub async fn run_now(&self, mut task: Task, patience: Duration) {
        let mut timer = pin!(self.ports.sleep(patience));
        let finished = poll_fn(|context| {
            if task.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            timer.as_mut().poll(context).map(|()| false)
        });
        if !finished.await {
            self.ports.spawn(task);
        }
    }
}

/// How long until it is tried again to have a key refused, after the first try; longer with each.
const RETRY: Duration = Duration::from_secs(5);

/// The longest wait, in that many of the first.
const SLOWEST: u32 = 60;

/// How long after so many tries in vain the next one comes.
pub(in crate::ca) fn pause(tries: u32) -> Duration {
    RETRY * tries.min(SLOWEST)
}
