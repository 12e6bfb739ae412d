//! The jobs of a ledger: blocking keys, notices.

use super::kind::Ledger;
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::Kv;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Runs a job of this ledger.
    ///
    /// # Errors
    /// The failure of the job, which stays recorded.
    pub(in crate::ca) async fn do_job(&self, job: &JobRecord) -> Result<(), Problem> {
        match &job.work {
            Work::Block(key, serial) => self.block_key(key, serial, job.attempts).await,
            Work::Notify => self.notices().deliver_due().await,
            Work::Validate(..) | Work::Issue(_) | Work::List => Err(job.work.misplaced()),
        }
    }

    /// Prepares a newly loaded ledger: sets the alarm for all pending work.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume(&self) -> Result<(), Problem> {
        self.notices().resume()?;
        self.resume_scan()?;
        self.resume_pruning()?;
        self.expect_tiles()?;
        self.expect_cosigning()?;
        self.expect_lists()
    }
}
