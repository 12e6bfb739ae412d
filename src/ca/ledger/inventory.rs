//! Searches in the inventory of an issuer.

use super::filter::{Filter, Query, Scanned};
use super::kind::Ledger;
use super::lookup::entries_of;
use super::view::FoundEntry;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::inventory::ReplaceRecord;
use crate::store::{Kv, Txn};
use core::ops::ControlFlow;
use serde::{Deserialize, Serialize};

/// A page of search results.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SearchPage {
    /// The certificates.
    pub found: Vec<FoundEntry>,
    /// The cursor of the last certificate that was compared.
    pub reached: String,
    /// Whether the search has reached the end.
    pub complete: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Searches certificates, in the order of expiry.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn search(&self, query: &Query) -> Result<SearchPage, Problem> {
        let filter = Filter::new(query, self.ports.now())?;
        self.transact(|txn| {
            let rules = self.rules_to_replace(txn)?;
            if let Some(serial) = &query.serial {
                let one = self.find_one(txn, serial, &filter, &rules)?;
                return Ok(SearchPage { found: one, reached: String::new(), complete: true });
            }
            let mut found = Vec::new();
            let Scanned { reached, complete } = filter.scan(txn, |txn, serial, entry| {
                if found.len() == query.limit {
                    return Ok(ControlFlow::Break(()));
                }
                if filter.fits(serial, entry) {
                    let one = self.found(txn, serial, entry, &rules)?;
                    found.extend(Some(one).filter(|one| filter.accepts(one)));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(SearchPage { found, reached, complete })
        })
    }

    /// Returns the certificates of this serial number that match the filter. Only imported ones can be several.
    fn find_one(
        &self,
        txn: &Txn<'_, K>,
        serial: &str,
        filter: &Filter<'_>,
        rules: &[ReplaceRecord],
    ) -> Result<Vec<FoundEntry>, Problem> {
        let mut found = Vec::new();
        for (id, entry) in entries_of(txn, serial)? {
            let lies = entry.not_after >= filter.from() && entry.not_after < filter.before();
            let further = filter.query.after.as_ref().is_none_or(|after| id > *after);
            if lies && further && filter.fits(&id, &entry) {
                let one = self.found(txn, &id, &entry, rules)?;
                found.extend(Some(one).filter(|one| filter.accepts(one)));
            }
        }
        Ok(found)
    }
}
