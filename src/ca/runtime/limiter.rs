//! Rate limits at work in the partitions: each is counted where what it limits happens anyway, within the same
//! transaction, so that there is no lock, no call and no race more. docs/LIMITS.md tells them apart.

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
    /// Counts one more under this limit, if it allows.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn use_up(&self, txn: &mut Txn<'_, K>, name: LimitName, id: &str) -> Result<(), Problem> {
        if let Some(tat) = self.look(txn, name, id)? {
            txn.put(id, &LimitRecord { tat })?;
        }
        Ok(())
    }

    /// The TAT with one more; `None` where there is no limit.
    pub(in crate::ca) fn look(&self, txn: &Txn<'_, K>, name: LimitName, id: &str) -> Result<Option<Time>, Problem> {
        let Some(limit) = self.ports.settings().limits.get(name) else { return Ok(None) };
        let (found, now) = (txn.get::<LimitRecord>(id)?, self.ports.now());
        let next = limit.take(found.map(|record| record.tat), now);
        next.map(Some).map_err(|at| rate_limits::exceeded(name, limit, at, now))
    }

    /// One more request of an account, whose signature holds. In memory only: a row for each request would cost more
    /// than what it saves.
    pub(in crate::ca) fn count_request(&self) -> Result<(), Problem> {
        let Some(limit) = self.ports.settings().limits.get(LimitName::Requests) else { return Ok(()) };
        let now = self.ports.now();
        let counted = self.ports.memory().take(limit, &self.id.name(), now);
        counted.map_err(|at| rate_limits::exceeded(LimitName::Requests, limit, at, now))
    }
}

/// Counts an unauthenticated request from this address, in memory, if the limit allows: GETs by themselves, and by
/// themselves POSTs that fail.
///
/// # Errors
/// `rateLimited`.
pub fn count_unauthenticated<P: Ports>(ports: &P, address: Option<ClientAddress>, when: When) -> Result<(), Problem> {
    let limit = ports.settings().limits.get(LimitName::Unauthenticated);
    let (Some(address), Some(limit)) = (address, limit) else { return Ok(()) };
    // What reads and what fails to sign are counted apart: a neighbour who reads much stops no one's signed requests.
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
    /// It is one: a GET.
    Now,
    /// It may turn out to be one: a POST.
    Later,
    /// It has turned out to be one: a POST that failed.
    Happened,
}
