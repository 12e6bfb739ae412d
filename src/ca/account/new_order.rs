//! newOrder ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)): from identifiers to an order with
//! its authorizations.

use super::kind::Account;
use super::order_request::OrderRequest;
use super::persistent_proof::Proof;
use super::request::Admitted;
use crate::ca::http::message::Answer;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::validity::RequestedPeriod;
use crate::records::acme::order;
use crate::records::acme::order::OrderStatus;
use crate::records::{OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::Time;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Handles newOrder. Returns an existing open order for the same request, unless it was ready from the start. Names
    /// that the account has proven recently need no new proof.
    ///
    /// # Errors
    /// `malformed`, `unsupportedIdentifier`, `compound`: see [`crate::records::NewOrder::read`]; `rejectedIdentifier`,
    /// `unauthorized`: see [`grant_order`](crate::ca::issuance_policy::grant::grant_order); `malformed` for a notBefore
    /// or notAfter that cannot be granted exactly (RFC 8555 §7.4), for a `replaces` that is not a certID, and for one
    /// of a certificate with other names; `invalidProfile`; 409 `alreadyReplaced` (RFC 9773 §5); `rateLimited`
    /// (RFC 8555 §6.6).
    pub async fn post_new_order(&self, admitted: &Admitted) -> Answer {
        let proofs = self.validate_just_in_time(admitted).await;
        let urgent = self.is_urgent(admitted).await;
        let answer = self.transact_as_account(admitted, |txn, _account| {
            let wanted = self.wanted(admitted, urgent)?;
            let order = match self.placed(txn, &wanted)? {
                Some(order) if self.revalidate_persistent(txn, &order, &proofs)? => {
                    self.failing(txn, &wanted.identifiers)?.refuse()?;
                    order
                }
                _ => self.place(txn, &wanted, &proofs)?,
            };
            self.order_response(txn, 201, &order)
        });
        if answer.is_ok() {
            self.report_shadow_refusals(admitted).await;
        }
        answer
    }

    fn place(&self, txn: &mut Txn<'_, K>, wanted: &OrderRequest<'_>, proofs: &[Proof]) -> Result<OrderRecord, Problem> {
        let now = self.ports.now();
        let id = self.fresh_id()?;
        let replaced = self.replaced(txn, wanted)?;
        let exempt = self.count_order(txn, wanted, replaced.as_ref())?;
        let RequestedPeriod { not_before, not_after } = wanted.validity;
        let mut expires =
            now.plus(self.ports.settings().life(order::LIFETIME)).min(not_after.unwrap_or(Time::from_millis(u64::MAX)));
        let mut authorizations = Vec::new();
        for (identifier, number) in wanted.identifiers.iter().zip(1..) {
            let permit = wanted.permits.of(identifier)?;
            let authorization = match self.proven(txn, identifier, permit)? {
                Some(authorization) => authorization,
                None => {
                    let mut fresh = self.authorization_for(txn, identifier, id.numbered(number), permit)?;
                    self.prove(txn, &mut fresh, proofs)?;
                    txn.put(fresh.id.as_str(), &fresh)?;
                    fresh
                }
            };
            expires = expires.min(authorization.expires);
            authorizations.push(authorization);
        }
        let order = OrderRecord {
            id,
            identifiers: wanted.identifiers.clone(),
            authorizations: authorizations.iter().map(|authorization| authorization.id.clone()).collect(),
            profile: wanted.profile.name.to_owned(),
            not_before,
            not_after,
            replaces: wanted.replaces.as_ref().map(ToString::to_string),
            created: now,
            expires,
            issuance: None,
            certificate: None,
            error: None,
            canceled: false,
        };
        txn.put(order.id.as_str(), &order)?;
        // An order that is ready at once is not deduplicated: two concurrent clients with different keys would finalize
        // the same order, and the second would be refused. A replacement order is deduplicated even then: a second one
        // would be refused, so a client that lost the response and retries would get no order.
        if order.status(&authorizations, now) != OrderStatus::Ready || replaced.is_some() {
            self.index_order(txn, wanted, &order)?;
        }
        if let Some(mut certificate) = replaced {
            if exempt {
                certificate.exempted = Some(order.id.clone());
            }
            self.mark_replaced(txn, certificate, &order)?;
        }
        Ok(order)
    }
}
