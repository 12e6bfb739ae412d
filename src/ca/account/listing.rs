//! The entry of an account in the list of accounts.

use super::kind::Account;
use crate::ca::partitions::roster::{Enrol, RosterAt};
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::ledger::inventory::RosterEntry;
use crate::records::{AccountRecord, Problem};
use crate::store::{Kv, Txn};
use core::time::Duration;

/// How long a request waits until the list of accounts shows its change.
pub(in crate::ca) const ROSTER_WAIT: Duration = Duration::from_secs(3);

/// The delay before the first repeated update of a list that did not answer. It grows with each attempt.
const RETRY: Duration = Duration::from_secs(5);

/// The longest delay, as a multiple of [`RETRY`].
const MAX_RETRY_FACTOR: u32 = 60;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Stores a change of this account that its list shows. Returns the job that updates the list.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn put_and_list(
        &self,
        txn: &mut Txn<'_, K>,
        account: &mut AccountRecord,
    ) -> Result<JobRecord, Problem> {
        account.revision = account.revision.saturating_add(1);
        txn.put("", account)?;
        self.begin(txn, Work::List, 0)
    }

    /// Updates this account's entry in the list of accounts. Idempotent, and retried without limit.
    ///
    /// # Errors
    /// When the list does not answer; the job is then rescheduled.
    pub(in crate::ca) async fn update_roster(&self, attempt: u32) -> Result<(), Problem> {
        let sent = self.send_to_roster().await;
        self.transact(|txn| {
            let Some(job) = txn.get::<JobRecord>(&Work::List.name())? else { return Ok(()) };
            let now = txn.get::<AccountRecord>("")?.map(|account| account.revision);
            match &sent {
                // A later change is reported by its own job.
                Ok(revision) if *revision == now => txn.delete::<JobRecord>(&Work::List.name()),
                Err(_) if job.attempts == attempt => {
                    self.schedule(txn, Work::List, self.ports.now().plus(RETRY * attempt.clamp(1, MAX_RETRY_FACTOR)))?;
                }
                Ok(_) | Err(_) => {}
            }
            Ok(())
        })?;
        sent.map(drop)
    }

    /// Sends this account's entry to the list of accounts. Returns the revision sent.
    pub(in crate::ca) async fn send_to_roster(&self) -> Result<Option<u64>, Problem> {
        let Some(account) = self.transact(|txn| Ok(txn.get::<AccountRecord>("")?))? else { return Ok(None) };
        let member = RosterEntry::of(&account);
        self.ports.ask(&RosterAt::of(&account.id), &Enrol(member)).await?;
        Ok(Some(account.revision))
    }

    /// Updates the list of accounts in the background. After a failure, readers of the list ask the account.
    pub(in crate::ca) fn update_roster_soon(&self) {
        let account = self.clone();
        self.ports.spawn(Box::pin(async move {
            if let Err(problem) = account.send_to_roster().await {
                account.log(&problem);
            }
        }));
    }

    /// Returns this account's list entry; `None` if the account does not exist.
    pub(in crate::ca) fn listed_account(&self) -> Result<Option<RosterEntry>, Problem> {
        self.transact(|txn| Ok(txn.get::<AccountRecord>("")?.as_ref().map(RosterEntry::of)))
    }
}
