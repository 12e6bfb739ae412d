//! revokeCert ([RFC 8555 §7.6](https://www.rfc-editor.org/rfc/rfc8555#section-7.6)) signed with an account key.
//! Permitted are the account to which the certificate was issued, and accounts that are authorized for all of its
//! names. The third authority, the certificate's own key, is handled by the front.

use super::kind::Account;
use super::request::Admitted;
use crate::ca::http::message::Answer;
use crate::ca::ledger::entry::Requester;
use crate::ca::ledger::revocation_request::{read, revoke};
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::certificate::PresentedCertificate;
use crate::records::acme::authorization::AuthorizationStatus;
use crate::records::{AuthorizationRecord, Kind, OrderRecord, Problem};
use crate::store::{Kv, Record, Txn};
use crate::values::Identifier;
use std::collections::BTreeSet;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Handles revokeCert, signed with an account key.
    ///
    /// # Errors
    /// `malformed`, `unauthorized`, `badRevocationReason`, `alreadyRevoked`.
    pub async fn post_revoke(&self, admitted: &Admitted) -> Answer {
        let wanted = self.transact_as_account(admitted, |_txn, _account| read(&admitted.jws))?;
        let id = &admitted.account;
        let asked = revoke(&self.ports, &wanted, Requester::Account { id: id.clone(), authorized: false }).await;
        match asked {
            // Not the account that it was issued to: check for authorizations for all names.
            Err(problem) if problem.kind == Kind::Unauthorized => {
                if self.transact(|txn| self.covers(txn, &wanted.presented))? {
                    revoke(&self.ports, &wanted, Requester::Account { id: id.clone(), authorized: true }).await
                } else {
                    Err(problem)
                }
            }
            other => other,
        }
    }

    /// Whether the account holds valid authorizations for every name in the certificate.
    fn covers(&self, txn: &Txn<'_, K>, presented: &PresentedCertificate) -> Result<bool, Problem> {
        if presented.has_other_names || presented.names.is_empty() {
            return Ok(false);
        }
        let mut missing: BTreeSet<Identifier> = presented.names.clone();
        let mut strike = |authorization: &AuthorizationRecord| {
            if authorization.status(self.ports.now()) == AuthorizationStatus::Valid {
                missing.retain(|name| {
                    name.base() != authorization.identifier || name.is_wildcard() != authorization.wildcard
                });
            }
            missing.is_empty()
        };
        // Those of newAuthz have rows of their own; the others are those of orders.
        Ok(any(txn, |authorization: &AuthorizationRecord| Ok(strike(authorization)))?
            || any(txn, |order: &OrderRecord| Ok(self.authorizations_of(txn, order)?.iter().any(&mut strike)))?)
    }
}

/// Whether a listed record of this type is one for which `found` returns `true`.
fn any<R: Record, K: Kv>(
    txn: &Txn<'_, K>,
    mut found: impl FnMut(&R) -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let mut after: Option<String> = None;
    loop {
        let page = txn.list::<R>(after.as_deref(), 100)?;
        let Some((last, _)) = page.last() else { return Ok(false) };
        after = Some(last.clone());
        for (_, record) in &page {
            if found(record)? {
                return Ok(true);
            }
        }
    }
}
