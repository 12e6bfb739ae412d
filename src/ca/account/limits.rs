//! The rate limits that are counted per account.

use super::activity::ActivityRecord;
use super::kind::Account;
use super::order_request::OrderRequest;
use super::replacement::is_exempt_by_time;
use crate::ca::config::rate_limits;
use crate::ca::config::rate_limits::LimitName;
use crate::ca::partitions::external_key::KEYS;
use crate::ca::runtime::jobs::Work;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::authorization::AuthorizationStatus;
use crate::records::acme::reuse::identifier_id;
use crate::records::operations::limit::FailingRecord;
use crate::records::{AuthorizationRecord, CertificateRecord, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Identifier, Time, b64};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Counts a new order if all limits permit it. The first renewal of each certificate is exempt and not counted.
    /// `replaced` is the certificate of this account that the order replaces. Returns whether the order is exempt.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn count_order(
        &self,
        txn: &mut Txn<'_, K>,
        wanted: &OrderRequest<'_>,
        replaced: Option<&CertificateRecord>,
    ) -> Result<bool, Problem> {
        let mut refusals = self.failing(txn, &wanted.identifiers)?;
        let now = self.ports.now();
        let exempt = replaced.is_some_and(|certificate| {
            certificate.exempted.is_none() && (wanted.urgent || is_exempt_by_time(certificate, now))
        });
        let next = if exempt {
            None
        } else {
            if let Err(problem) = self.look(txn, LimitName::Certificates, &set_of(&wanted.identifiers)) {
                refusals.push(None, problem);
            }
            self.count_one(LimitName::NewOrders, self.activity(txn)?.new_orders).unwrap_or_else(|problem| {
                refusals.push(None, problem);
                None
            })
        };
        refusals.refuse()?;
        self.put_new_orders(txn, next)?;
        Ok(exempt)
    }

    /// Counts a key change at its start, even if it fails later. It may leave a partition behind.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn count_key_change(&self, txn: &mut Txn<'_, K>) -> Result<(), Problem> {
        self.use_up(txn, LimitName::KeyChanges, KEYS)
    }

    /// Counts a newAuthz request as an order, and checks the failures of its name.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn count_authorization(
        &self,
        txn: &mut Txn<'_, K>,
        identifier: &Identifier,
    ) -> Result<(), Problem> {
        self.failing(txn, core::slice::from_ref(identifier))?.refuse()?;
        let next = self.count_one(LimitName::NewOrders, self.activity(txn)?.new_orders)?;
        self.put_new_orders(txn, next)
    }

    fn put_new_orders(&self, txn: &mut Txn<'_, K>, tat: Option<Time>) -> Result<(), Problem> {
        if tat.is_some() {
            let activity = self.activity(txn)?;
            txn.put("", &ActivityRecord { new_orders: tat, ..activity })?;
        }
        Ok(())
    }

    /// Counts a certificate that is about to be issued. The count is final.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn count_certificate(&self, txn: &mut Txn<'_, K>, order: &OrderRecord) -> Result<(), Problem> {
        if self.ports.settings().limits.get(LimitName::Certificates).is_none() || self.is_exempt(txn, order)? {
            return Ok(());
        }
        self.use_up(txn, LimitName::Certificates, &set_of(&order.identifiers))
    }

    /// Refuses a validation of a name that failed too often. Running validations of the name count as failures here, so
    /// orders placed before the first failure do not circumvent the limit. A pause stops new orders only; a successful
    /// validation of an earlier order ends it.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn may_validate(&self, txn: &Txn<'_, K>, identifier: &Identifier) -> Result<(), Problem> {
        let Some(limit) = self.ports.settings().limits.get(LimitName::FailedValidations) else { return Ok(()) };
        let (now, base) = (self.ports.now(), identifier.base());
        let mut tat = txn.get::<FailingRecord>(&identifier_id(&base, false))?.map(|record| record.tat);
        for work in self.works(txn)? {
            let Work::Validate(id, _) = &work else { continue };
            let underway = self.find_authorization(txn, id)?;
            // A deactivated authorization already counts as failed.
            let open = |one: &AuthorizationRecord| one.status(now) == AuthorizationStatus::Pending;
            if underway.is_some_and(|underway| underway.identifier.base() == base && open(&underway)) {
                tat = Some(limit.count(tat, now));
            }
        }
        match limit.take(tat, now) {
            Ok(_) => Ok(()),
            Err(at) => Err(rate_limits::exceeded(LimitName::FailedValidations, limit, at, now)),
        }
    }
}

/// The key of the certificate limit for exactly these names. A single one shares the row of its other records.
fn set_of(identifiers: &[Identifier]) -> String {
    if let [identifier] = identifiers {
        return identifier_id(&identifier.base(), identifier.is_wildcard());
    }
    let names: BTreeSet<&Identifier> = identifiers.iter().collect();
    format!("set:{}", b64::encode(&Sha256::digest(json!(names).to_string())))
}
