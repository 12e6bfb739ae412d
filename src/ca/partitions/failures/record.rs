//! Recording of failures within bounds: of each account or address, and of each origin.

use super::kind::Failures;
use crate::ca::runtime::failure_queue::{PauseChange, QueuedFailures};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::failure::{FailureRecord, FailureTotals, Origin, PausedRecord};
use crate::store::{Kv, Txn};

/// Maximum number of records of an account or an address.
const MAX_OF_OWNER: usize = 50;

/// Maximum number of paused names.
pub(super) const MAX_PAUSED: usize = 1000;

/// The part of a full store that is deleted at once, the oldest.
///
/// So room is made rarely.
const PART: usize = 8;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Failures<P, K> {
    /// Records failures and changes of paused names.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn record(&self, queued: QueuedFailures) -> Result<(), Problem> {
        self.transact(|txn| {
            let before = txn.get::<FailureTotals>("")?.unwrap_or_default();
            let mut totals = before.clone();
            totals.omitted = totals.omitted.saturating_add(queued.omitted);
            for (id, record) in queued.failures {
                totals.count(&record);
                record_failure(txn, &mut totals, &id, record)?;
            }
            for (id, change) in queued.pauses {
                change_pause(txn, &mut totals, &id, change)?;
            }
            if totals != before {
                txn.put("", &totals)?;
            }
            Ok(())
        })
    }
}

fn record_failure<K: Kv>(
    txn: &mut Txn<'_, K>,
    totals: &mut FailureTotals,
    id: &str,
    record: FailureRecord,
) -> Result<(), Problem> {
    if let Some(mut found) = txn.get::<FailureRecord>(id)? {
        found.add(record);
        return Ok(txn.put(id, &found)?);
    }
    let (origin, owner) = (record.failure.origin, record.failure.owner());
    let own = txn.list_below::<FailureRecord>(&owner, None, MAX_OF_OWNER)?;
    if own.len() >= MAX_OF_OWNER
        && let Some((oldest, _)) = own.iter().min_by_key(|(_, record)| record.last)
    {
        txn.delete::<FailureRecord>(&format!("{owner}/{oldest}"));
        *totals.of(origin) = totals.of(origin).saturating_sub(1);
    }
    if *totals.of(origin) >= origin.bound() {
        *totals.of(origin) = make_room(txn, origin)?;
    }
    *totals.of(origin) = totals.of(origin).saturating_add(1);
    Ok(txn.put(id, &record)?)
}

/// Deletes the oldest records of an origin if it has reached its bound. Returns how many are left.
fn make_room<K: Kv>(txn: &mut Txn<'_, K>, origin: Origin) -> Result<usize, Problem> {
    let mut all = txn.list_below::<FailureRecord>(origin.group(), None, origin.bound())?;
    if all.len() < origin.bound() {
        return Ok(all.len());
    }
    all.sort_by_key(|(_, record)| record.last);
    let excess = origin.bound() / PART;
    for (id, _) in all.iter().take(excess) {
        txn.delete::<FailureRecord>(&format!("{}/{id}", origin.group()));
    }
    Ok(all.len().saturating_sub(excess))
}

fn change_pause<K: Kv>(
    txn: &mut Txn<'_, K>,
    totals: &mut FailureTotals,
    id: &str,
    change: PauseChange,
) -> Result<(), Problem> {
    let known = txn.has::<PausedRecord>(id)?;
    match change {
        PauseChange::Paused(record) => {
            if !known {
                if totals.paused >= MAX_PAUSED {
                    let mut all = txn.list::<PausedRecord>(None, MAX_PAUSED)?;
                    all.sort_by_key(|(_, record)| record.since);
                    let excess = if all.len() < MAX_PAUSED { 0 } else { MAX_PAUSED / PART };
                    all.iter().take(excess).for_each(|(id, _)| txn.delete::<PausedRecord>(id));
                    totals.paused = all.len().saturating_sub(excess);
                }
                totals.paused = totals.paused.saturating_add(1);
            }
            txn.put(id, &record)?;
        }
        PauseChange::Ended if known => {
            txn.delete::<PausedRecord>(id);
            totals.paused = totals.paused.saturating_sub(1);
        }
        PauseChange::Ended => {}
    }
    Ok(())
}
