//! The audit record: appending and listing entries.

use super::kind::Operations;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::audit::{Actor, AuditHead, AuditRecord, Event, id_of};
use crate::store::Kv;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Appends an event to the audit record; replies its number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Note(pub Event);

/// Lists the audit record, the newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListAudit {
    /// The number below which entries are listed; `None` for all.
    pub before: Option<u64>,
    /// Maximum number of entries.
    pub limit: usize,
}

/// A page of the audit record, as the API shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Value>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

/// Returns the operator and time of an action as the API shows them.
pub fn act(act: &Actor) -> Value {
    json!({ "at": act.at.rfc3339(), "by": act.by })
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Appends an event to the record. Returns its number.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn note_event(&self, event: Event) -> Result<u64, Problem> {
        self.transact(|txn| Ok(AuditRecord::append(txn, event)?))
    }

    /// Returns a page of the record, the newest entry first.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn audit_page(&self, before: Option<u64>, limit: usize) -> Result<AuditPage, Problem> {
        self.transact(|txn| {
            let last = txn.get::<AuditHead>("")?.unwrap_or_default().number;
            let last = before.map_or(last, |before| last.min(before.saturating_sub(1)));
            let limit_there = u64::try_from(limit).unwrap_or(u64::MAX);
            let first = last.saturating_sub(limit_there);
            let wanted = usize::try_from(last - first).unwrap_or(limit);
            let mut entries: Vec<Value> = txn
                .list::<AuditRecord>(Some(&id_of(first)), wanted)?
                .iter()
                .map(|(_, entry)| entry.wire(true))
                .collect();
            entries.reverse();
            let next = (first > 0).then(|| (first + 1).to_string());
            Ok(AuditPage { entries, next })
        })
    }

    /// Returns the number of entries, and the chain of the last one.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn audit_end(&self) -> Result<AuditHead, Problem> {
        self.transact(|txn| Ok(txn.get::<AuditHead>("")?.unwrap_or_default()))
    }
}
