//! Replacement rules: certificates to be renewed now.

use super::index::identifier;
use super::kind::Ledger;
use crate::ca::partitions::operations::replacements::REPLACEMENTS;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Pattern;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::ReplaceRecord;
use crate::records::{Problem, Renewable};
use crate::store::{Kv, Txn};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Stores a replacement; a withdrawn one is deleted, since each is compared with each certificate.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn put_replacement(&self, record: &ReplaceRecord) -> Result<(), Problem> {
        self.transact(|txn| {
            if record.withdrawn.is_some() {
                txn.delete::<ReplaceRecord>(&record.id);
                return Ok(());
            }
            Ok(txn.put(&record.id, record)?)
        })
    }
}

/// Whether one of these names fits a pattern.
pub fn covers(pattern: &Pattern, names: &[String]) -> bool {
    names.iter().filter_map(|name| identifier(name)).any(|identifier| pattern.covers(&identifier))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// What is to be replaced by now, the newest first.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn rules_to_replace(&self, txn: &Txn<'_, K>) -> Result<Vec<ReplaceRecord>, Problem> {
        // Some more than there may be: two may be made at the same time.
        let rules = txn.list::<ReplaceRecord>(None, 2 * REPLACEMENTS)?.into_iter().map(|(_, rule)| rule);
        let here = |rule: &ReplaceRecord| {
            rule.withdrawn.is_none() && rule.selection.issuer.as_ref().is_none_or(|wanted| *wanted == self.issuer)
        };
        let mut rules: Vec<ReplaceRecord> = rules.filter(here).collect();
        rules.sort_by_key(|rule| core::cmp::Reverse(rule.made.at));
        Ok(rules)
    }
}

/// What decides when a certificate is to be renewed, with the rule by which it is to be replaced at once, if there is one.
pub fn renewable_by(rule: Option<&ReplaceRecord>, entry: &LedgerEntry) -> Renewable {
    let renewable = entry.renewable();
    let replace = renewable.replace.or(rule.map(|rule| rule.made.at));
    Renewable { replace, explanation: rule.and_then(|rule| rule.explanation.clone()), ..renewable }
}

/// The rule by which a certificate is to be replaced at once. What was issued after it is not meant.
pub fn rule_for<'a>(rules: &'a [ReplaceRecord], entry: &LedgerEntry) -> Option<&'a ReplaceRecord> {
    rules.iter().find(|rule| {
        let pattern = rule.selection.name.as_deref().map(Pattern::parse);
        let named = match pattern {
            None => true,
            Some(Ok(pattern)) => covers(&pattern, &entry.names),
            Some(Err(_)) => false,
        };
        entry.recorded <= rule.made.at && rule.selection.fits(entry) && named
    })
}
