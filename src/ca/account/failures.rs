//! Failed validations, counted for rate limits and pauses.

use super::kind::Account;
use super::pause;
use super::reported::external_of;
use crate::ca::config::rate_limits;
use crate::ca::config::rate_limits::LimitName;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::failures;
use crate::records::Problem;
use crate::records::acme::problem::Named;
use crate::records::acme::reuse::identifier_id;
use crate::records::operations::limit::FailingRecord;
use crate::store::{Kv, Txn};
use crate::values::Identifier;

/// Collected refusals, of single identifiers and of the whole request.
pub(in crate::ca) struct Refusals {
    /// The number of identifiers in the request.
    asked: usize,
    found: Vec<(Option<Named>, Problem)>,
}

impl Refusals {
    /// Whether no refusal was collected.
    pub(in crate::ca) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(in crate::ca) fn push(&mut self, about: Option<&Identifier>, problem: Problem) {
        self.found.push((about.map(Named::from), problem));
    }

    /// Combines the refusals into one problem. It has the `Retry-After` after which all limits permit the request
    /// (RFC 8555 §6.6). If the request has several identifiers, each refused one gets a subproblem (§6.7.1).
    ///
    /// # Errors
    /// The combined problem, if there are refusals.
    pub(in crate::ca) fn refuse(self) -> Result<(), Problem> {
        let several = self.found.len();
        let Some((about, last)) = self.found.iter().max_by_key(|(_, problem)| problem.retry_after).cloned() else {
            return Ok(());
        };
        if several == 1 {
            let about = about.filter(|_| self.asked > 1);
            return Err(match about {
                Some(named) => last.about_one(named, self.asked),
                None => last,
            });
        }
        let detail = format!("{several} limits refuse this request. The last to allow it: {}", last.detail);
        let subproblems = self.found.into_iter().filter_map(|(about, problem)| Some((about?, problem))).collect();
        Err(Problem { detail, subproblems, ..last })
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns refusals for names that are paused or whose validations recently failed too often.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn failing(&self, txn: &Txn<'_, K>, identifiers: &[Identifier]) -> Result<Refusals, Problem> {
        let (settings, now) = (self.ports.settings(), self.ports.now());
        let limit = settings.limits.get(LimitName::FailedValidations);
        let mut refusals = Refusals { asked: identifiers.len(), found: Vec::new() };
        if limit.is_none() && settings.limits.pause_after.is_none() {
            return Ok(refusals);
        }
        // A name and its wildcard are paused together, and each gets its own refusal.
        for identifier in identifiers {
            let subject = identifier_id(&identifier.base(), false);
            let Some(record) = txn.get::<FailingRecord>(&subject)? else { continue };
            if let Some(since) = record.paused.filter(|_| settings.limits.pause_after.is_some()) {
                refusals.push(Some(identifier), pause::paused(settings, &self.id, &subject, since, &record));
            } else if let Some(limit) = limit
                && let Err(at) = limit.take(Some(record.tat), now)
            {
                let problem = rate_limits::exceeded(LimitName::FailedValidations, limit, at, now);
                let detail = format!("{} The name is {}.", problem.detail, identifier.base());
                refusals.push(Some(identifier), Problem { detail, ..problem });
            }
        }
        Ok(refusals)
    }

    /// Counts a final validation failure and pauses a name that always fails.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn count_failure(&self, txn: &mut Txn<'_, K>, identifier: &Identifier) -> Result<(), Problem> {
        let (settings, now) = (self.ports.settings(), self.ports.now());
        let limit = settings.limits.get(LimitName::FailedValidations);
        if limit.is_none() && settings.limits.pause_after.is_none() {
            return Ok(());
        }
        let subject = identifier_id(&identifier.base(), false);
        let found = txn.get::<FailingRecord>(&subject)?;
        let (record, pauses) = FailingRecord::fail(found, limit, settings.limits.pause_after, now);
        if pauses {
            let account = &self.id;
            let page = pause::page_of(settings, account, &subject, now);
            self.ports.log(&format!(
                "{}: {subject} is paused after {} failed validations; to go on: {page}",
                self.partition.id.name(),
                record.streak
            ));
            self.report_pause(&subject, &record, external_of(txn)?);
        }
        Ok(txn.put(&subject, &record)?)
    }

    /// Deletes the failure record of a name after a successful validation.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn forget_failures(&self, txn: &mut Txn<'_, K>, identifier: &Identifier) -> Result<(), Problem> {
        let subject = identifier_id(&identifier.base(), false);
        if let Some(record) = txn.get::<FailingRecord>(&subject)? {
            txn.delete::<FailingRecord>(&subject);
            if record.paused.is_some() {
                failures::resumed(&self.ports, &self.id, &subject);
            }
        }
        Ok(())
    }

    /// Whether a rate limit may refuse a new order, which makes look-ups for it useless. An order that replaces a
    /// certificate may be exempt and then proceeds without look-ups; a `replaces` member alone does not trigger them.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn may_refuse(&self, txn: &Txn<'_, K>, identifiers: &[Identifier]) -> Result<bool, Problem> {
        let full = self.count_one(LimitName::NewOrders, self.activity(txn)?.new_orders).is_err();
        Ok(full || !self.failing(txn, identifiers)?.is_empty())
    }
}
