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
    /// Stores a replacement, or deletes it if it is withdrawn.
    ///
    /// Each stored replacement is compared with each certificate.
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

/// Checks whether one of these names matches a pattern.
pub fn covers(pattern: &Pattern, names: &[String]) -> bool {
    names.iter().filter_map(|name| identifier(name)).any(|identifier| pattern.covers(&identifier))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the active replacements for this issuer, the newest first.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn rules_to_replace(&self, txn: &Txn<'_, K>) -> Result<Vec<ReplaceRecord>, Problem> {
        // Reads more than the maximum: concurrent requests may exceed it.
        let rules = txn.list::<ReplaceRecord>(None, 2 * REPLACEMENTS)?.into_iter().map(|(_, rule)| rule);
        let here = |rule: &ReplaceRecord| {
            rule.withdrawn.is_none() && rule.selection.issuer.as_ref().is_none_or(|wanted| *wanted == self.issuer)
        };
        let mut rules: Vec<ReplaceRecord> = rules.filter(here).collect();
        rules.sort_by_key(|rule| core::cmp::Reverse(rule.made.at));
        Ok(rules)
    }
}

/// Returns the renewal data of a certificate under a replacement rule, if one matches.
pub fn renewable_by(rule: Option<&ReplaceRecord>, entry: &LedgerEntry) -> Renewable {
    let renewable = entry.renewable();
    let replace = renewable.replace.or(rule.map(|rule| rule.made.at));
    Renewable { replace, explanation: rule.and_then(|rule| rule.explanation.clone()), ..renewable }
}

/// Returns the first rule that requires replacing a certificate at once.
///
/// A rule does not match certificates issued after it.
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
