//! Jobs that requests begin, and run at once.
//!
//! Such a job needs no row and no alarm of its own until its request has waited long enough: see `run_begun` in
//! [`super::jobs`]. After a crash, the next message to the account finds it in its
//! [activity](super::activity::ActivityRecord).

use super::activity::BegunJob;
use super::kind::Account;
use crate::ca::runtime::jobs::{JOBS, JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::running::LEASE;
use crate::records::Problem;
use crate::records::acme::authorization::ChallengeStatus;
use crate::store::{Kv, Txn};
use crate::values::Time;
use core::time::Duration;

/// The delay before a failed run is repeated.
const RETRY: Duration = Duration::from_secs(5);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Begins a job that the caller runs with [`Account::run_begun`]. It has no row of its own.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn begin_unrecorded(&self, txn: &mut Txn<'_, K>, job: BegunJob) -> Result<JobRecord, Problem> {
        let mut activity = self.activity(txn)?;
        let work = job.work.clone();
        let mut begun = Vec::with_capacity(activity.begun.len().saturating_add(1));
        for other in activity.begun {
            if other.work != work && self.is_unfinished(txn, &other.work)? {
                begun.push(other);
            }
        }
        begun.push(job);
        activity.begun = begun;
        if let Work::Issue(id) = &work {
            // It is not open any more.
            activity.placed.retain(|placed| placed.order != *id);
        }
        txn.put("", &activity)?;
        Ok(JobRecord::begun(work, self.ports.now().plus(LEASE)))
    }

    /// Records begun jobs whose run failed or was cut off, due at `due`. A run that goes on is left alone.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume_begun(&self, due: Time) -> Result<(), Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            let mut begun = self.activity(txn)?.begun;
            begun.retain(|job| !self.running.has(&job.work.name(), now));
            // The run that was cut off counts, as for recorded jobs.
            begun.into_iter().try_for_each(|job| self.record_unfinished(txn, &JobRecord::begun(job.work, due)))
        })?;
        self.running.settle(now);
        Ok(())
    }

    /// Records a begun job and sets its alarm, unless it is finished or recorded already.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn record_unfinished(&self, txn: &mut Txn<'_, K>, job: &JobRecord) -> Result<(), Problem> {
        if self.is_unfinished(txn, &job.work)? && !txn.has::<JobRecord>(&job.work.name())? {
            self.record(txn, job)?;
        }
        Ok(())
    }

    /// Resumes begun jobs after a failed run. If the storage still fails, the alarm resumes them.
    pub(in crate::ca) fn resume_after_failure(&self) {
        let due = self.ports.now().plus(RETRY);
        if let Err(problem) = self.resume_begun(due) {
            self.log(&problem);
            self.ports.wake_at(due);
        }
    }

    /// The jobs that are recorded, or that requests began and that are unfinished.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn works(&self, txn: &Txn<'_, K>) -> Result<Vec<Work>, Problem> {
        let (jobs, _) = txn.list_readable::<JobRecord>(None, JOBS)?;
        let mut works: Vec<Work> = jobs.into_iter().map(|(_, job)| job.work).collect();
        for BegunJob { work, .. } in self.activity(txn)?.begun {
            if !works.contains(&work) && self.is_unfinished(txn, &work)? {
                works.push(work);
            }
        }
        Ok(works)
    }

    /// Whether what a job is about is underway.
    fn is_unfinished(&self, txn: &Txn<'_, K>, work: &Work) -> Result<bool, Problem> {
        Ok(match work {
            Work::Validate(id, kind) => self.find_authorization(txn, id)?.is_some_and(|authorization| {
                authorization.challenge(kind).is_some_and(|found| found.status == ChallengeStatus::Processing)
            }),
            Work::Issue(id) => self.find_order(txn, id)?.is_some_and(|order| order.is_being_issued()),
            Work::Block(..) | Work::Notify | Work::List => false,
        })
    }
}
