//! The jobs of an account: validations, issuances, its entry in the list of accounts.

use super::kind::Account;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::Kv;
use core::time::Duration;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Runs a job of this account.
    ///
    /// # Errors
    /// The failure of the job, which stays recorded.
    pub(in crate::ca) async fn do_job(&self, job: &JobRecord) -> Result<(), Problem> {
        match &job.work {
            Work::Validate(authorization, kind) => {
                apart(self.validate(authorization, kind, self.this_attempt(job))).await
            }
            Work::Issue(order) => apart(self.finish_issuance(order, self.this_attempt(job))).await,
            Work::List => apart(self.update_roster(job.attempts)).await,
            Work::Block(..) | Work::Notify => Err(job.work.misplaced()),
        }
    }

    /// Runs a begun job. After `patience` it gets a record and an alarm, and runs on in the background.
    pub(in crate::ca) async fn run_begun(&self, job: JobRecord, patience: Duration) {
        self.running.begin(job.work.name(), self.ports.now());
        let task = Box::pin(self.clone().run_account_job(job.clone()));
        if self.run_now(task, patience).await {
            return;
        }
        if let Err(problem) = self.transact(|txn| self.record_unfinished(txn, &job)) {
            self.log(&problem);
        }
    }

    /// Runs a job that was started by a request.
    pub(in crate::ca) async fn run_account_job(self, job: JobRecord) {
        let done = self.do_job(&job).await;
        self.running.end(&job.work.name(), done.is_err());
        if done.is_err() {
            self.resume_after_failure();
        }
        self.end_job(done);
    }
}
