//! Replacement rules: certificates to be renewed now.

use super::index::identifier;
use crate::ca::runtime::ask::json_of;
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::operation::REPLACEMENTS;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Pattern;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::ReplaceRecord;
use crate::records::{Problem, Renewable};
use crate::store::{Kv, Txn};
use crate::values::Time;
use serde_json::Value;

/// How many are read at most, and how many of those that were withdrawn are kept: they must not hide any that hold, which
/// nobody could withdraw then.
const LISTED: usize = 10 * REPLACEMENTS;

const WITHDRAWN: usize = 8 * REPLACEMENTS;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Stores what is to be replaced. Of what was taken back only operations keep something: a ledger looks at all that it
    /// has with each certificate.
    pub(in crate::ca) fn put_replacement(&self, record: &ReplaceRecord) -> Result<Value, Problem> {
        self.transact(|txn| {
            if record.withdrawn.is_some() && matches!(self.name, PartitionId::Ledger(_)) {
                txn.delete::<ReplaceRecord>(&record.id);
                return Ok(true.into());
            }
            txn.put(&record.id, record)?;
            let found = txn.list::<ReplaceRecord>(None, LISTED)?.into_iter().map(|(_, record)| record);
            let mut withdrawn: Vec<ReplaceRecord> = found.filter(|record| record.withdrawn.is_some()).collect();
            withdrawn.sort_by_key(|record| core::cmp::Reverse(record.made.at));
            for old in withdrawn.iter().skip(WITHDRAWN) {
                txn.delete::<ReplaceRecord>(&old.id);
            }
            Ok(true.into())
        })
    }

    /// What is to be replaced, and what was.
    pub(in crate::ca) fn replacements(&self) -> Result<Value, Problem> {
        let now: Time = self.ports.now();
        self.transact(|txn| {
            let found = txn.list::<ReplaceRecord>(None, LISTED)?.into_iter().map(|(_, record)| record);
            json_of(&found.filter(|record| record.expires > now).collect::<Vec<_>>())
        })
    }
}

/// Whether one of these names fits a pattern.
pub fn covers(pattern: &Pattern, names: &[String]) -> bool {
    names.iter().filter_map(|name| identifier(name)).any(|identifier| pattern.covers(&identifier))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// What is to be replaced by now, the newest first.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn rules_to_replace(&self, txn: &Txn<'_, K>) -> Result<Vec<ReplaceRecord>, Problem> {
        let PartitionId::Ledger(issuer) = &self.name else { return Ok(Vec::new()) };
        // Some more than there may be: two may be made at the same time.
        let rules = txn.list::<ReplaceRecord>(None, 2 * REPLACEMENTS)?.into_iter().map(|(_, rule)| rule);
        let here = |rule: &ReplaceRecord| {
            rule.withdrawn.is_none() && rule.selection.issuer.as_ref().is_none_or(|wanted| wanted == issuer)
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
