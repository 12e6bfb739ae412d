//! Rate limits in the partitions. Each is counted in the transaction of the limited action, so it needs no lock and no
//! further call, and adds no race. docs/LIMITS.md lists them.

use super::partition::Partition;
use super::ports::{PartitionPorts, Ports};
use crate::ca::config::rate_limits;
use crate::ca::config::rate_limits::LimitName;
use crate::ca::http::address::ClientAddress;
use crate::records::Problem;
use crate::records::operations::limit::LimitRecord;
use crate::store::{Kv, Txn};
use crate::values::Time;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Counts one under this limit, if the limit allows it.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn use_up(&self, txn: &mut Txn<'_, K>, name: LimitName, id: &str) -> Result<(), Problem> {
        if let Some(tat) = self.look(txn, name, id)? {
            txn.put(id, &LimitRecord { tat })?;
        }
        Ok(())
    }

    /// Returns the theoretical arrival time (TAT) after one more; `None` without a limit.
    pub(in crate::ca) fn look(&self, txn: &Txn<'_, K>, name: LimitName, id: &str) -> Result<Option<Time>, Problem> {
        self.count_one(name, txn.get::<LimitRecord>(id)?.map(|record| record.tat))
    }

    /// Returns the TAT after one more than `tat`; `None` without a limit.
    ///
    /// # Errors
    /// `rateLimited`.
    pub(in crate::ca) fn count_one(&self, name: LimitName, tat: Option<Time>) -> Result<Option<Time>, Problem> {
        let Some(limit) = self.ports.settings().limits.get(name) else { return Ok(None) };
        let now = self.ports.now();
        limit.take(tat, now).map(Some).map_err(|at| rate_limits::exceeded(name, limit, at, now))
    }

    /// Counts a request of an account with a valid signature. In memory only: a row for each request would cost more
    /// than it saves.
    pub(in crate::ca) fn count_request(&self) -> Result<(), Problem> {
        let Some(limit) = self.ports.settings().limits.get(LimitName::Requests) else { return Ok(()) };
        let now = self.ports.now();
        let counted = self.ports.memory().take(limit, &self.id.name(), now);
        counted.map_err(|at| rate_limits::exceeded(LimitName::Requests, limit, at, now))
    }
}

/// Counts an unauthenticated request from this address in memory, if the limit allows it. GETs and failed POSTs have
/// separate counters.
///
/// # Errors
/// `rateLimited`.
pub fn count_unauthenticated<P: Ports>(ports: &P, address: Option<ClientAddress>, when: When) -> Result<(), Problem> {
    let limit = ports.settings().limits.get(LimitName::Unauthenticated);
    let (Some(address), Some(limit)) = (address, limit) else { return Ok(()) };
    // Separate counters: many reads from an address do not block signed requests from it.
    let who = match when {
        When::Now => format!("address/{address}/reads"),
        When::Later | When::Happened => format!("address/{address}/posts"),
    };
    let (now, memory) = (ports.now(), ports.memory());
    let counted = match when {
        When::Now => memory.take(limit, &who, now),
        When::Later => memory.look(limit, &who, now),
        When::Happened => {
            memory.count(limit, &who, now);
            Ok(())
        }
    };
    counted.map_err(|at| rate_limits::exceeded(LimitName::Unauthenticated, limit, at, now))
}

/// When an unauthenticated request is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Now: a GET.
    Now,
    /// Later: a POST is checked first, and counted if it fails.
    Later,
    /// Afterwards: a POST that failed.
    Happened,
}
