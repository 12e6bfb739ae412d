//! The audit record: appending and listing entries.

use super::kind::Operations;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::audit::{Actor, AuditHead, AuditRecord, Event, Outcome, id_of};
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
    /// The filter.
    pub filter: AuditFilter,
}

/// A filter of audit entries. All given members have to match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// The operator.
    pub who: Option<String>,
    /// The action, or its part before the dot.
    pub what: Option<String>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// Part of the object or the details, in lower case.
    pub text: Option<String>,
}

/// Maximum number of entries that are compared for one page.
const MAX_COMPARED: u64 = 2_000;

/// Number of records per read.
const PART: u64 = 250;

impl AuditFilter {
    fn fits(&self, event: &Event) -> bool {
        let has = |text: &str, part: &str| text.to_lowercase().contains(part);
        let family = event.what.split('.').next().unwrap_or_default();
        let texts = || [&event.target, &event.detail].into_iter().flatten();
        self.who.as_ref().is_none_or(|who| *who == event.who)
            && self.what.as_ref().is_none_or(|what| *what == event.what || what == family)
            && self.outcome.is_none_or(|outcome| outcome == event.outcome)
            && self.text.as_ref().is_none_or(|part| texts().any(|text| has(text, part)))
    }
}

/// A page of the audit record, as the API shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<Value>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// Whether the page is full or the last; otherwise the search stopped early.
    pub complete: bool,
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
    pub(in crate::ca) fn audit_page(&self, ask: &ListAudit) -> Result<AuditPage, Problem> {
        self.transact(|txn| {
            let end = txn.get::<AuditHead>("")?.unwrap_or_default().number;
            let mut last = ask.before.map_or(end, |before| end.min(before.saturating_sub(1)));
            let lowest = last.saturating_sub(MAX_COMPARED);
            let mut entries: Vec<Value> = Vec::new();
            while last > lowest && entries.len() < ask.limit {
                let wanted = if ask.filter == AuditFilter::default() { ask.limit - entries.len() } else { usize::MAX };
                let part = PART.min(u64::try_from(wanted).unwrap_or(PART));
                let first = last.saturating_sub(part).max(lowest);
                let found = txn.list::<AuditRecord>(Some(&id_of(first)), usize::try_from(last - first).unwrap_or(0))?;
                last = first;
                for (_, entry) in found.iter().rev().filter(|(_, entry)| ask.filter.fits(&entry.event)) {
                    entries.push(entry.wire(true));
                    if entries.len() == ask.limit {
                        last = entry.number.saturating_sub(1);
                        break;
                    }
                }
            }
            let next = (last > 0).then(|| (last + 1).to_string());
            let complete = next.is_none() || entries.len() == ask.limit;
            Ok(AuditPage { entries, next, complete })
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
