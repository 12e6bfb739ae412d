//! The entry of an account in the list of accounts.

use super::kind::Account;
use crate::ca::partitions::roster::{Enrol, RosterAt};
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::ledger::inventory::RosterEntry;
use crate::records::{AccountRecord, Problem};
use crate::store::{Kv, Txn};
use core::time::Duration;

/// How long a request waits for lists of accounts to show what it changed.
pub(in crate::ca) const PATIENCE: Duration = Duration::from_secs(3);

/// How long until a list of accounts is told again that did not answer, after the first time; longer with each.
const RETRY: Duration = Duration::from_secs(5);

/// The longest wait, in that many of the first.
const SLOWEST: u32 = 60;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Stores this account, of which something changes that a list shows. Gives the job that has the list show it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn put_listed(
        &self,
        txn: &mut Txn<'_, K>,
        account: &mut AccountRecord,
    ) -> Result<JobRecord, Problem> {
        account.revision = account.revision.saturating_add(1);
        txn.put("", account)?;
        self.begin(txn, Work::List, 0)
    }

    /// Has the list of accounts show this one as it is. May be done twice; it is never given up.
    ///
    /// # Errors
    /// When the list does not answer; the job is scheduled again then.
    pub(in crate::ca) async fn tell_list(&self, attempt: u32) -> Result<(), Problem> {
        let told = self.tell_list_now().await;
        self.transact(|txn| {
            let Some(job) = txn.get::<JobRecord>(&Work::List.name())? else { return Ok(()) };
            let now = txn.get::<AccountRecord>("")?.map(|account| account.revision);
            match &told {
                // Of a later change another tells, whose job it is.
                Ok(revision) if *revision == now => txn.delete::<JobRecord>(&Work::List.name()),
                Err(_) if job.attempts == attempt => {
                    self.schedule(txn, Work::List, self.ports.now().plus(RETRY * attempt.clamp(1, SLOWEST)))?;
                }
                Ok(_) | Err(_) => {}
            }
            Ok(())
        })?;
        told.map(drop)
    }

    /// Tells the list of accounts of this one. Gives the revision that it told.
    async fn tell_list_now(&self) -> Result<Option<u64>, Problem> {
        let Some(account) = self.transact(|txn| Ok(txn.get::<AccountRecord>("")?))? else { return Ok(None) };
        let member = RosterEntry::of(&account);
        self.ports.ask(&RosterAt::of(&account.id), &Enrol(member)).await?;
        Ok(Some(account.revision))
    }

    /// Has the list of accounts told beside what else is done. When that fails, whoever looks at the list asks the account.
    pub(in crate::ca) fn tell_list_soon(&self) {
        let cell = self.clone();
        self.ports.spawn(Box::pin(async move {
            if let Err(problem) = cell.tell_list_now().await {
                cell.log(&problem);
            }
        }));
    }

    /// What a list has of this account; `null` when there is none.
    pub(in crate::ca) fn listed_account(&self) -> Result<Option<RosterEntry>, Problem> {
        self.transact(|txn| Ok(txn.get::<AccountRecord>("")?.as_ref().map(RosterEntry::of)))
    }
}
