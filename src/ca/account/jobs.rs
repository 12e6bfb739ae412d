//! The jobs of an account: validations, issuances, its entry in the list of accounts.

use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::Kv;
use std::rc::Rc;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Does a job of this account that was taken or begun.
    pub(in crate::ca) async fn run_account_job(self: Rc<Self>, job: JobRecord) {
        let done = match &job.work {
            Work::Validate(authorization, kind) => self.validate(authorization, kind, self.this_try(&job)).await,
            Work::Issue(order) => self.finish_issuance(order, self.this_try(&job)).await,
            Work::List => self.tell_list(job.attempts).await,
            other => Err(Problem::internal(format!("{} is not a job of an account", other.name()))),
        };
        self.end_job(done);
    }
}
