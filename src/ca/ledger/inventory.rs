//! Searches in the inventory of an issuer.

use super::filter::{Filter, Walk, Walked};
use crate::ca::runtime::operation::Query;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::{ReplaceRecord, ending_id};
use crate::store::{Kv, Txn};
use serde_json::{Value, json};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Looks for certificates, in the order of their ends.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn search(&self, query: &Query) -> Result<Value, Problem> {
        let filter = Filter::new(query, self.ports.now())?;
        self.transact(|txn| {
            let rules = self.rules_to_replace(txn)?;
            if let Some(serial) = &query.serial {
                let one = self.find_one(txn, serial, &filter, &rules)?;
                return Ok(json!({ "found": one, "reached": "", "complete": true }));
            }
            let mut found = Vec::new();
            let Walked { reached, complete } = filter.walk(txn, |txn, id, serial, entry| {
                if found.len() == query.limit {
                    return Ok(Walk::Stops);
                }
                if filter.fits(serial, entry) {
                    found.push(self.found(txn, (id, serial), entry, &rules)?);
                }
                Ok(Walk::GoesOn)
            })?;
            Ok(json!({ "found": found, "reached": reached, "complete": complete }))
        })
    }

    /// The certificate of this serial number, if it is one of those that are looked for.
    fn find_one(
        &self,
        txn: &Txn<'_, K>,
        serial: &str,
        filter: &Filter<'_>,
        rules: &[ReplaceRecord],
    ) -> Result<Vec<Value>, Problem> {
        let Some(entry) = txn.get::<LedgerEntry>(serial)? else { return Ok(Vec::new()) };
        let id = ending_id(entry.not_after, serial);
        let lies = entry.not_after >= filter.from() && entry.not_after < filter.before();
        let further = filter.query.after.as_ref().is_none_or(|after| id > *after);
        if !(lies && further && filter.fits(serial, &entry)) {
            return Ok(Vec::new());
        }
        Ok(vec![self.found(txn, (&id, serial), &entry, rules)?])
    }
}
