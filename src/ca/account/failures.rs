//! Failed validations, counted for limits and pauses.

use super::kind::Account;
use super::pause;
use crate::ca::config::rate_limits;
use crate::ca::config::rate_limits::LimitName;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::acme::problem::Named;
use crate::records::acme::reuse::identifier_id;
use crate::records::operations::limit::FailingRecord;
use crate::store::{Kv, Txn};
use crate::values::Identifier;

/// New orders of an account.
pub(in crate::ca) const ORDERS: &str = "orders";

/// Refusals that were collected, of identifiers and of the request as a whole.
pub(in crate::ca) struct Refusals {
    /// How many identifiers were asked for.
    asked: usize,
    found: Vec<(Option<Named>, Problem)>,
}

impl Refusals {
    /// Whether there is none.
    pub(in crate::ca) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(in crate::ca) fn push(&mut self, about: Option<&Identifier>, problem: Problem) {
        self.found.push((about.map(Named::from), problem));
    }

    /// One problem of all: with the `Retry-After` after which all limits allow the request (RFC 8555 §6.6), and, where
    /// several identifiers were asked for, each one's own in a subproblem (§6.7.1).
    ///
    /// # Errors
    /// That problem, unless there is none.
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
    /// The names among these whose validations failed too often lately, or that are paused.
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
        // A name and its wildcard are paused together, and each is told.
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

    /// Counts a validation that failed for good, and pauses a name that always fails.
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
        }
        Ok(txn.put(&subject, &record)?)
    }

    /// Forgets failures: the name was proven.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn forget_failures(&self, txn: &mut Txn<'_, K>, identifier: &Identifier) -> Result<(), Problem> {
        let subject = identifier_id(&identifier.base(), false);
        if txn.get::<FailingRecord>(&subject)?.is_some() {
            txn.delete::<FailingRecord>(&subject);
        }
        Ok(())
    }

    /// Whether look-ups for a new order would be for nothing, since it may be refused. One that replaces a certificate may
    /// be under no limit and go on without them; a word that says so gets none made.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn may_refuse(&self, txn: &Txn<'_, K>, identifiers: &[Identifier]) -> Result<bool, Problem> {
        Ok(self.look(txn, LimitName::NewOrders, ORDERS).is_err() || !self.failing(txn, identifiers)?.is_empty())
    }
}
