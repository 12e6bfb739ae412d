//! Pruning: deletion of certificates that expired long ago, here and in their accounts.
//!
//! A run takes place once a week, in steps of some hundred certificates, each within an alarm. The cursor and the count are
//! stored in the transaction that deletes. At its end the run is noted in the audit record.

use super::index::indexed_set_of;
use super::kind::Ledger;
use crate::ca::partitions::operations::audit::Note;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::pruning::{ForgetCertificates, HolderAt};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::imported::ImportedRecord;
use crate::records::ledger::inventory::LatestByNames;
use crate::records::ledger::prune::{PruneRecord, PruneRun};
use crate::records::operations::audit::{AuthMethod, Event, Outcome};
use crate::store::{Kv, Txn};
use crate::values::{Id, Time};
use core::time::Duration;
use std::collections::BTreeMap;

/// Number of certificates compared in one step. Each may be of another account, which gets a message.
pub const STEP: usize = 200;

/// Delay of a run's end after the audit record did not answer.
const RETRY: Duration = Duration::from_secs(60);

/// The name of a run in the audit record.
const ACTION: &str = "certificates.prune";

/// The actor in the audit record.
const ACTOR: &str = "selvedge";

/// Certificates that a step found.
#[derive(Default)]
struct Found {
    /// Serial numbers by account.
    by_account: BTreeMap<Id, Vec<String>>,
    /// Ids of imported certificates, which no account has.
    imported: Vec<String>,
    /// The last serial number; `None` at the end of the run.
    last: Option<String>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Sets the alarm for the next run of a newly loaded ledger. `KEEP_EXPIRED_DAYS` may have changed since.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume_pruning(&self) -> Result<(), Problem> {
        if let Some(state) = self.pruning()? {
            self.ports.wake_at(state.due);
        }
        Ok(())
    }

    /// Runs a step of the pruning if it is due. Returns the time of the next step.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) async fn prune_if_due(&self) -> Result<Option<Time>, Problem> {
        let Some(state) = self.pruning()? else { return Ok(None) };
        match &state.run {
            Some(run) if state.due <= self.ports.now() => self.prune(&state, run).await.map(Some),
            _ => Ok(Some(state.due)),
        }
    }

    /// Returns the state of the pruning, if there is anything to prune. A due run begins.
    fn pruning(&self) -> Result<Option<PruneRecord>, Problem> {
        let Some(keep) = self.ports.settings().keep_expired else { return Ok(None) };
        let now = self.ports.now();
        self.transact(|txn| {
            let stored = txn.get::<PruneRecord>("")?;
            let is_running = stored.as_ref().is_some_and(|state| state.run.is_some());
            if !is_running && txn.list::<LedgerEntry>(None, 1)?.is_empty() {
                if stored.is_some() {
                    txn.delete::<PruneRecord>("");
                }
                return Ok(None);
            }
            let state = stored.clone().map_or_else(|| PruneRecord::new(now), |state| state.at(now, keep));
            if stored.as_ref() != Some(&state) {
                txn.put("", &state)?;
            }
            Ok(Some(state))
        })
    }

    /// Runs a step. Accounts delete their certificates first, so that none is left that no ledger knows.
    async fn prune(&self, state: &PruneRecord, run: &PruneRun) -> Result<Time, Problem> {
        let found = self.transact(|txn| find(txn, run))?;
        let Some(last) = found.last else { return self.end_run(state, run).await };
        let mut forgotten = found.imported;
        for (account, serials) in found.by_account {
            let ask = ForgetCertificates { serials, before: run.before };
            match self.ports.ask(&HolderAt(account), &ask).await {
                Ok(()) => forgotten.extend(ask.serials),
                // The next run tries again.
                Err(problem) => self.log(&problem),
            }
        }
        let due = self.ports.now();
        self.transact(|txn| {
            if txn.get::<PruneRecord>("")?.as_ref() != Some(state) {
                // A concurrent step was faster.
                return Ok(());
            }
            let mut run = PruneRun { after: last, ..run.clone() };
            for serial in &forgotten {
                run.deleted = run.deleted.saturating_add(u64::from(self.delete(txn, serial)?));
            }
            Ok(txn.put("", &PruneRecord { due, run: Some(run), ..state.clone() })?)
        })?;
        Ok(due)
    }

    /// Notes a run in the audit record, and ends it.
    async fn end_run(&self, state: &PruneRecord, run: &PruneRun) -> Result<Time, Problem> {
        if run.deleted > 0
            && let Err(problem) = self.ports.ask(&OperationsAt, &Note(self.event(run))).await
        {
            self.log(&problem);
            return Ok(self.ports.now().plus(RETRY));
        }
        let ended = state.clone().ended();
        self.transact(|txn| {
            if txn.get::<PruneRecord>("")?.as_ref() == Some(state) {
                txn.put("", &ended)?;
            }
            Ok(ended.due)
        })
    }

    fn event(&self, run: &PruneRun) -> Event {
        Event {
            at: self.ports.now(),
            who: ACTOR.to_owned(),
            by: AuthMethod::None,
            role: None,
            what: ACTION.to_owned(),
            target: Some(self.issuer.clone()),
            outcome: Outcome::Done,
            of: None,
            detail: Some(format!("{} that expired before {}", run.deleted, run.before.rfc3339())),
            address: None,
        }
    }
}

/// Finds the next certificates of a run, in the order of expiry.
fn find<K: Kv>(txn: &Txn<'_, K>, run: &PruneRun) -> Result<Found, Problem> {
    let mut found = Found::default();
    for (serial, entry) in txn.list::<LedgerEntry>(Some(&run.after), STEP)? {
        if entry.not_after >= run.before {
            break;
        }
        found.last = Some(serial.clone());
        match entry.imported {
            Some(_) => found.imported.push(serial),
            None => found.by_account.entry(entry.account).or_default().push(serial),
        }
    }
    Ok(found)
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Deletes an entry with its index record, and its entry of the log. Returns whether there was one.
    fn delete(&self, txn: &mut Txn<'_, K>, serial: &str) -> Result<bool, Problem> {
        let Some(entry) = txn.get::<LedgerEntry>(serial)? else { return Ok(false) };
        txn.delete::<LedgerEntry>(serial);
        if let Some(imported) = &entry.imported {
            txn.delete::<ImportedRecord>(&ImportedRecord::id(&imported.serial, serial));
        }
        let set = indexed_set_of(&entry);
        if txn.get::<LatestByNames>(&set)?.is_some_and(|latest| latest.serial == serial) {
            txn.delete::<LatestByNames>(&set);
        }
        if let Some(place) = &entry.logged {
            self.forget_entry(txn, place)?;
        }
        Ok(true)
    }
}
