//! The handle of a partition: its ports, its storage, transactions.

use super::message::PartitionId;
use super::ports::PartitionPorts;
use super::problems::ended;
use super::running::Running;
use crate::records::Problem;
use crate::store::{Kv, StoreFailure, Txn, Write};
use crate::values::Id;
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

/// The longest that a purge waits. A purge scans the table, and its alarm costs a request and a written row.
const SLACK: Duration = Duration::from_secs(3600);

/// The longest that the purge of an account waits.
///
/// All rows of an issuance expire within this time, and so share a purge.
const ACCOUNT_SLACK: Duration = Duration::from_secs(3 * 86_400);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Returns a new unpredictable id, with the number 0.
    ///
    /// # Errors
    /// `serverInternal` without randomness.
    pub fn fresh_id(&self) -> Result<Id, Problem> {
        Ok(Id::from_random(self.ports.random()?).numbered(0))
    }
}

/// A partition: a single owner of its storage, with serial transactions.
pub struct Partition<P, K> {
    /// Host.
    pub ports: P,
    /// Its id.
    pub id: PartitionId,
    /// The runs that requests began, shared by all handles of the partition.
    pub running: Rc<Running>,
    kv: RefCell<K>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Creates a partition over this storage. Within a test CA, its id is that within it: it is like any other.
    pub fn new(ports: P, id: PartitionId, running: Rc<Running>, kv: K) -> Self {
        Self { ports, id: id.inner(), running, kv: RefCell::new(kv) }
    }

    /// Runs `act` in a transaction: on failure nothing is stored.
    ///
    /// # Errors
    /// What `act` returns; `serverInternal` when the storage fails.
    pub fn transact<T>(&self, act: impl FnOnce(&mut Txn<'_, K>) -> Result<T, Problem>) -> Result<T, Problem> {
        if self.running.ended.get() {
            return Err(ended(None));
        }
        let mut kv = self.kv.try_borrow_mut().map_err(|_| Problem::internal("a transaction within a transaction"))?;
        let mut txn = Txn::begin(&mut *kv);
        txn.at(self.ports.now());
        txn.purge_within(self.purge_slack());
        if let Some(longest) = self.ports.settings().longest_life {
            // A record may stay readable after its expiry for as long as its lifetime.
            txn.delete_by(self.ports.now().plus(longest).plus(longest));
        }
        let value = act(&mut txn)?;
        let committed = txn.commit_noting(|writes| {
            self.running.watches.note(writes);
            // Before them, so that no crash leaves rows without it.
            if writes.iter().any(|(_, write)| matches!(write, Write::Put { .. })) {
                self.ports.wake_at_end();
            }
        })?;
        if let Some(at) = committed.wake {
            self.ports.wake_at(at);
        }
        if committed.only_deleted {
            self.clear_if_empty(&mut kv);
        }
        Ok(value)
    }

    /// Returns how long the purge of expired rows may wait. Rows that expire close together share one.
    pub(in crate::ca) fn purge_slack(&self) -> Duration {
        self.ports.settings().life(match self.id {
            PartitionId::Account(_) => ACCOUNT_SLACK,
            _ => SLACK,
        })
    }

    /// Deletes the database once its last row is deleted: an empty partition costs nothing. There is no await in
    /// between, so no message can arrive. After a failure the next alarm retries, if there is one; an empty database
    /// does no harm.
    pub(in crate::ca) fn clear_if_empty(&self, kv: &mut K) {
        let cleared = match kv.is_empty() {
            Ok(false) => return,
            Ok(true) => {
                self.ports.cancel_alarm();
                kv.clear()
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = cleared {
            self.log(&failure.into());
        }
    }

    /// Gives direct access to the storage, for the alarm's purge.
    ///
    /// # Errors
    /// When the storage fails or is in use.
    pub fn with_storage<T>(&self, act: impl FnOnce(&mut K) -> Result<T, StoreFailure>) -> Result<T, Problem> {
        let mut kv = self.kv.try_borrow_mut().map_err(|_| Problem::internal("storage used within a transaction"))?;
        Ok(act(&mut kv)?)
    }

    /// Writes the log line of a problem, if it has one.
    pub fn log(&self, problem: &Problem) {
        if let Some(line) = &problem.log {
            let ca = self.ports.hosted().and_then(|hosted| hosted.ca.as_ref());
            let id = ca.map_or_else(|| self.id.clone(), |ca| self.id.clone().within(ca));
            self.ports.log(&format!("{}: {line}", id.name()));
        }
    }
}
