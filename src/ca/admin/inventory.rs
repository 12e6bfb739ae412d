//! A ledger's side of the inventory: finding certificates, and telling how they stand.

pub(in crate::ca) mod filter;

use self::filter::{Filter, Walk, Walked};
use crate::acme::inventory::{EndingRecord, IndexedRecord, LatestRecord, ReplaceRecord, ending_id, set_id};
use crate::acme::ledger::{Authority, LedgerEntry};
use crate::acme::{Problem, Renewable};
use crate::ca::http::cert_id::spread_of;
use crate::ca::reminding::is_renewed;
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::message::Partition;
use crate::ca::runtime::operation::{Query, REPLACEMENTS};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Pattern;
use crate::store::{Kv, Txn};
use crate::values::{Identifier, unicode};
use serde_json::{Value, json};

/// How many entries from before there was an inventory are put into it in one go.
const INDEXED: usize = 500;

/// The profile whose certificates are for clients.
const CLIENT: &str = "client";

/// The name of the set of an entry's names.
pub fn set_of(entry: &LedgerEntry) -> String {
    set_id(&entry.names, entry.profile.as_deref() == Some(CLIENT))
}

/// A name in a ledger, as it was written there.
pub fn identifier(name: &str) -> Option<Identifier> {
    Identifier::ip(name).ok().or_else(|| Identifier::dns(name).ok())
}

/// Whether one of these names fits a pattern.
pub fn covers(pattern: &Pattern, names: &[String]) -> bool {
    names.iter().filter_map(|name| identifier(name)).any(|identifier| pattern.covers(&identifier))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Enters a new certificate into the inventory.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn note_in_inventory(
        &self,
        txn: &mut Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
    ) -> Result<(), Problem> {
        if txn.get::<IndexedRecord>("")?.is_none() && txn.list::<LedgerEntry>(None, 2)?.len() < 2 {
            // It is the first one, so none is missing.
            txn.put("", &IndexedRecord { after: None })?;
        }
        txn.put(&ending_id(entry.not_after, serial), &EndingRecord {})?;
        let set = set_of(entry);
        if txn.get::<LatestRecord>(&set)?.is_none_or(|latest| latest.not_after <= entry.not_after) {
            txn.put(&set, &LatestRecord { serial: serial.to_owned(), not_after: entry.not_after })?;
        }
        Ok(())
    }

    /// Sees to it that all of a ledger's certificates are in the inventory: a ledger that is older than that has some that
    /// are not.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn expect_inventory(&self) -> Result<(), Problem> {
        if !matches!(self.name, Partition::Ledger(_)) {
            return Ok(());
        }
        self.transact(|txn| {
            if txn.get::<IndexedRecord>("")?.is_some() || txn.list::<LedgerEntry>(None, 1)?.is_empty() {
                return Ok(());
            }
            txn.put("", &IndexedRecord { after: Some(String::new()) })?;
            self.schedule(txn, Work::Index, self.ports.now())
        })
    }

    /// Puts some more of the certificates into the inventory that were entered before there was one.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn index(&self) -> Result<(), Problem> {
        self.transact(|txn| {
            let found = txn.get::<IndexedRecord>("")?;
            let Some(after) = found.and_then(|record| record.after) else {
                txn.delete::<JobRecord>(&Work::Index.name());
                return Ok(());
            };
            let entries = txn.list::<LedgerEntry>(Some(&after), INDEXED)?;
            for (serial, entry) in &entries {
                self.note_in_inventory(txn, serial, entry)?;
            }
            let last = entries.last().filter(|_| entries.len() == INDEXED).map(|(serial, _)| serial.clone());
            if last.is_none() {
                txn.delete::<JobRecord>(&Work::Index.name());
            } else {
                self.schedule(txn, Work::Index, self.ports.now())?;
            }
            Ok(txn.put("", &IndexedRecord { after: last })?)
        })
    }

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

    /// A certificate that was found, and what the front needs of it beside what is shown.
    pub(in crate::ca) fn found(
        &self,
        txn: &Txn<'_, K>,
        (id, serial): (&str, &str),
        entry: &LedgerEntry,
        rules: &[ReplaceRecord],
    ) -> Result<Value, Problem> {
        Ok(json!({ "id": id, "set": set_of(entry), "shown": self.entry_shown(txn, serial, entry, rules)? }))
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

    /// A certificate, `null` for one that is not here: as it is shown, and what else the front needs of it.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn show_entry(&self, serial: &str) -> Result<Value, Problem> {
        self.transact(|txn| {
            let Some(entry) = txn.get::<LedgerEntry>(serial)? else { return Ok(Value::Null) };
            let rules = self.rules_to_replace(txn)?;
            let found = self.found(txn, ("", serial), &entry, &rules)?;
            Ok(json!({ "found": found, "tbs_digest": entry.tbs_digest, "account": entry.account }))
        })
    }

    /// A certificate as the API shows it.
    pub(crate) fn entry_shown(
        &self,
        txn: &Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
        rules: &[ReplaceRecord],
    ) -> Result<Value, Problem> {
        let now = self.ports.now();
        let renewed = is_renewed(txn, serial, entry)?;
        let rule = rule_for(rules, entry);
        let (start, end) = renewable_by(rule, entry).window(spread_of(serial));
        let status = match &entry.revoked {
            _ if entry.not_after < now => "expired",
            Some(_) => "revoked",
            None => "valid",
        };
        let revoked = entry.revoked.as_ref().map(|revocation| {
            let by = match &revocation.by {
                Authority::Account(_) => "account".to_owned(),
                Authority::Authorizations(_) => "authorizations".to_owned(),
                Authority::Key => "key".to_owned(),
                Authority::Operator(name) => format!("operator: {name}"),
            };
            json!({ "at": revocation.at.rfc3339(), "reason": revocation.reason, "by": by })
        });
        let Partition::Ledger(issuer) = &self.name else { return Err(Problem::internal("this is no ledger")) };
        Ok(json!({
            "serial": serial, "issuer": issuer, "account": entry.account, "external_account": entry.external_account,
            "order": entry.order, "profile": entry.profile, "names": entry.names,
            "unicode_names": entry.names.iter().map(|name| unicode::shown(name)).collect::<Vec<_>>(), "issued": entry.recorded.rfc3339(),
            "not_before": entry.not_before.rfc3339(), "not_after": entry.not_after.rfc3339(), "status": status,
            "revoked": revoked, "renewed": renewed,
            "renewal": { "start": start.rfc3339(), "end": end.rfc3339() },
            "replace_now": rule.is_some() && !renewed && status == "valid",
        }))
    }

    /// What is to be replaced by now, the newest first.
    ///
    /// # Errors
    /// When the storage fails.
    pub(crate) fn rules_to_replace(&self, txn: &Txn<'_, K>) -> Result<Vec<ReplaceRecord>, Problem> {
        let Partition::Ledger(issuer) = &self.name else { return Ok(Vec::new()) };
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
