//! Dispatches each job to the kind of partition that runs it.

use super::kind::Kind;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::jobs::{JOBS, JobRecord, MAX_CONCURRENT, TAKING, TICK, Underway, Work};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Task};
use crate::records::Problem;
use crate::store::Kv;
use core::time::Duration;
use std::rc::Rc;

/// Delay of the alarm of a partition whose work waits for another release.
pub(in crate::ca) const LOOK_AGAIN: Duration = Duration::from_secs(3600);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Makes the jobs of a newly loaded partition due, before anything else runs.
    ///
    /// The previous runs ended with the previous memory, regardless of their leases. So a crash costs no more than a
    /// restart. A validation that waits for its next attempt keeps its time, so repeated restarts do not use up its
    /// attempts. A job to block a key pauses first if it was begun often.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn resume(self: &Rc<Self>) -> Result<(), Problem> {
        self.learn_schema()?;
        if self.running.newer.get().is_some() {
            return Ok(());
        }
        self.learn_restore()?;
        if self.running.restoring.get() {
            return Ok(());
        }
        let now = self.ports.now();
        self.transact(|txn| {
            let (jobs, of_others) = txn.list_readable::<JobRecord>(None, JOBS)?;
            if of_others > 0 {
                // Until the release that knows them runs again.
                txn.wake_at(now.plus(LOOK_AGAIN));
            }
            for (name, job) in jobs {
                let waits = job.waiting && matches!(job.work, Work::Validate(..));
                let due = if waits { job.due_at(now) } else { job.due.min(now.plus(job.pause())) };
                if due < job.due {
                    txn.put(&name, &JobRecord { due, ..job })?;
                }
                txn.wake_at(due);
            }
            Ok(())
        })?;
        match Kind::of(self.clone()) {
            Kind::Account(account) => account.resume_begun(now),
            Kind::Ledger(ledger) => ledger.resume(),
            Kind::Operations(operations) => operations.notices().resume(),
            _ => Ok(()),
        }
    }

    /// Runs a leased job.
    pub async fn run(self: Rc<Self>, job: JobRecord) {
        let done = match Kind::of(self.clone()) {
            Kind::Account(account) => apart(account.do_job(&job)).await,
            Kind::Ledger(ledger) => apart(ledger.do_job(&job)).await,
            Kind::Operations(operations) if job.work == Work::Notify => {
                apart(async { operations.notices().deliver_due().await }).await
            }
            _ => Err(job.work.misplaced()),
        };
        self.end_job(done);
    }

    /// Runs the jobs that are due or become due meanwhile, several of them concurrently.
    ///
    /// So a slow host does not delay other validations of its account.
    ///
    /// # Errors
    /// When the storage fails, after the running jobs have ended.
    pub(in crate::ca) async fn do_due(self: &Rc<Self>) -> Result<(), Problem> {
        self.go_on(Underway::default()).await
    }

    /// As [`Partition::do_due`], beside a task that may wait for another host. The jobs before it are done.
    ///
    /// # Errors
    /// As [`Partition::do_due`].
    pub(in crate::ca) async fn do_due_beside(self: &Rc<Self>, task: Task) -> Result<(), Problem> {
        let mut underway = Underway { running: vec![task], ..Underway::default() };
        self.advance(&mut underway.running).await;
        // Most often it has ended at once, and nothing became due.
        if underway.running.is_empty() { Ok(()) } else { self.go_on(underway).await }
    }

    /// Takes due jobs and runs them, until nothing runs.
    async fn go_on(self: &Rc<Self>, mut underway: Underway) -> Result<(), Problem> {
        let begun = self.ports.now();
        let mut taken = Ok(());
        loop {
            if taken.is_ok() && begun.until(self.ports.now()) < TAKING {
                taken = self.take_due(&mut underway);
            }
            if underway.running.is_empty() {
                return taken;
            }
            self.advance(&mut underway.running).await;
        }
    }

    /// Leases due jobs, up to the maximum of concurrent ones.
    ///
    /// A job that made itself due again at once waits for the next alarm: it consists of steps so that none takes long.
    fn take_due(self: &Rc<Self>, underway: &mut Underway) -> Result<(), Problem> {
        if underway.running.len() >= MAX_CONCURRENT {
            return Ok(());
        }
        for (name, job) in self.jobs()? {
            let now = self.ports.now();
            let before = underway.taken.get(&name).is_some_and(|taken| job.due <= taken.plus(TICK));
            if underway.running.len() < MAX_CONCURRENT
                && job.due <= now
                && !before
                && let Some(job) = self.take(&name)?
            {
                underway.taken.insert(name, now);
                underway.running.push(Box::pin(self.clone().run(job)));
            }
        }
        Ok(())
    }
}
