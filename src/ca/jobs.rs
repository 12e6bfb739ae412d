//! Work that outlives a request: a job is a record, so a crash anywhere resumes it. The partition's alarm runs what is
//! due; a request may run its own job at once.

use super::cell::Cell;
use super::ports::{PartitionPorts, Task};
use crate::acme::Problem;
use crate::store::{Kv, Record, Txn};
use crate::values::{Id, Time};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// For how long a job that was taken is nobody else's. Longer than any job takes: a validation is bounded at 20
/// seconds or so.
const LEASE: Duration = Duration::from_secs(45);

/// How many jobs are looked at in one go. A partition has a handful.
pub const JOBS: usize = 200;

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
    /// How often it was begun.
    pub attempts: u32,
}

impl Record for JobRecord {
    const PREFIX: &'static str = "job";

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

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Records a job that is due at `due`, or moves it there, and has the alarm set.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn schedule(&self, txn: &mut Txn<'_, K>, work: Work, due: Time) -> Result<(), Problem> {
        let name = work.name();
        let attempts = txn.get::<JobRecord>(&name)?.map_or(0, |job| job.attempts);
        txn.put(&name, &JobRecord { work, due, attempts })?;
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
        self.hold(txn, &name, JobRecord { work, due: self.ports.now(), attempts })
    }

    /// Gives the job to the caller for as long as the lease.
    fn hold(&self, txn: &mut Txn<'_, K>, name: &str, job: JobRecord) -> Result<JobRecord, Problem> {
        let due = self.ports.now().plus(LEASE);
        let job = JobRecord { due, attempts: job.attempts.saturating_add(1), ..job };
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

    /// For a partition that has just come into memory, before anything else: whoever had a job went down with the
    /// memory from before, whatever the lease says, so all are due now. A crash costs no more than a restart then.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn resume(&self) -> Result<(), Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            for (name, job) in txn.list::<JobRecord>(None, JOBS)? {
                if job.due > now {
                    txn.put(&name, &JobRecord { due: now, ..job })?;
                }
                txn.wake_at(now);
            }
            Ok(())
        })?;
        self.expect_inventory()?;
        self.resume_deliveries()?;
        self.resume_looking()?;
        self.expect_lists()
    }

    /// Does a job that was taken.
    pub async fn run(self: Rc<Self>, job: JobRecord) {
        let done = match &job.work {
            Work::Validate(authorization, kind) => self.validate(authorization, kind, job.attempts).await,
            Work::Issue(order) => self.finish_issuance(order, job.attempts).await,
            Work::Condemn(key, serial) => self.have_condemned(key, serial, job.attempts).await,
            Work::Index => self.index(),
            Work::Notify => self.deliver_due().await,
            Work::List => self.tell_list(job.attempts).await,
        };
        if let Err(problem) = done {
            // The job stays recorded; the alarm takes it up again when its lease is over.
            self.log(&problem);
        }
        self.flush_if_due();
    }

    /// Runs a job that was begun, for up to `patience`; what takes longer goes on by itself.
    pub async fn run_now(self: &Rc<Self>, job: JobRecord, patience: Duration) {
        let mut task: Task = Box::pin(self.clone().run(job));
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
