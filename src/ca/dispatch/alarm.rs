//! The alarm of a partition: purges expired rows and runs due work.

use super::jobs::LOOK_AGAIN;
use super::kind::Kind;
use crate::ca::ledger::kind::Ledger;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::Kv;
use crate::values::Time;
use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

/// Delay before a failed alarm goes off again.
pub const RETRY: Duration = Duration::from_secs(5);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Runs when the alarm goes off. May run twice for one alarm, and at any time.
    ///
    /// # Errors
    /// When the storage fails; the host then retries.
    pub async fn alarm(self: Rc<Self>) -> Result<(), Problem> {
        let alarm = self.running.alarm(self.ports.now());
        let done = self.clone().run_due().await;
        drop(alarm);
        if done.is_err() && !self.running.ended.get() {
            // Otherwise the expiry of a lease taken before the failure would replace the host's own retry, and other
            // due work would wait for it.
            self.ports.wake_at(self.ports.now().plus(RETRY));
        }
        done
    }

    async fn run_due(self: Rc<Self>) -> Result<(), Problem> {
        if self.running.newer.get().is_some() {
            self.look_again();
            return Ok(());
        }
        if self.running.restoring.get() {
            // The end of the restore sets the next one.
            return Ok(());
        }
        self.resume_interrupted()?;
        let slack = self.purge_slack();
        let next_purge = self.with_storage(|kv| kv.purge(self.ports.now(), slack))?;
        apart(self.do_due()).await?;
        let of_kind = match Kind::of(self.clone()) {
            // Witnesses last: one that hangs delays nothing.
            Kind::Ledger(ledger) => [
                apart(ledger.renew_lists()).await?,
                apart(ledger.scan_if_due()).await?,
                apart(ledger.prune_if_due()).await?,
                ledger.tile_if_due(),
                apart(self.cosign_beside_jobs(ledger)).await?,
            ],
            Kind::Backups(backups) => [apart(backups.work_if_due()).await?, None, None, None, None],
            Kind::TestCa(ca) => [apart(ca.do_due_of_ca()).await?, None, None, None, None],
            _ => [None; 5],
        };
        let next_step = apart(self.migrate()).await?;
        let (jobs, of_others) = self.jobs_and_others()?;
        let next_job = jobs.into_iter().map(|(_, job)| job.due).min();
        let next_look = (of_others > 0).then(|| self.ports.now().plus(LOOK_AGAIN));
        let others = [next_purge, next_job, next_look, next_step];
        let next = of_kind.into_iter().chain(others).flatten().min();
        match next {
            Some(at) => self.ports.wake_at(at),
            None => self.with_storage(|kv| {
                self.clear_if_empty(kv);
                if !kv.is_empty()? {
                    self.ports.wake_at_end();
                }
                Ok(())
            })?,
        }
        Ok(())
    }

    /// Has witnesses cosign, and meanwhile runs the jobs that become due.
    async fn cosign_beside_jobs(self: &Rc<Self>, ledger: Ledger<P, K>) -> Result<Option<Time>, Problem> {
        let outcome = Rc::new(Cell::new(Ok(None)));
        let ended = outcome.clone();
        let jobs = self.do_due_beside(Box::pin(async move { ended.set(ledger.cosign_if_due().await) })).await;
        let next = outcome.replace(Ok(None));
        jobs.and(next)
    }
}
