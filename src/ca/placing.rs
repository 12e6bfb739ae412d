//! newOrder ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)): from identifiers to an order with its authorizations.

use super::account::payload;
use super::cell::{Admitted, Cell};
use super::http::Answer;
use super::just_in_time::Proof;
use super::permission::Permits;
use super::ports::PartitionPorts;
use crate::acme::authorization::{self, AuthorizationStatus};
use crate::acme::{AuthorizationRecord, NewOrder, OrderRecord, Problem, order};
use crate::pki::profile;
use crate::policy::Permit;
use crate::store::{Kv, Txn};
use crate::values::{Id, Identifier};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// newOrder.
    ///
    /// # Errors
    /// `malformed`, `unsupportedIdentifier`, `compound`: see [`NewOrder::checked`]; `rejectedIdentifier`, `unauthorized`:
    /// see [`permit`](super::permission::permit); `malformed` for notBefore or
    /// notAfter, which no profile allows to choose (RFC 8555 §7.4: not to be ignored).
    pub async fn post_new_order(&self, admitted: &Admitted) -> Answer {
        let proofs = self.just_in_time(admitted).await;
        self.enter(admitted, |txn, account| {
            let wanted: NewOrder = payload(admitted)?;
            let identifiers = wanted.checked()?;
            if wanted.not_before.is_some() || wanted.not_after.is_some() {
                let detail = "The order has notBefore or notAfter. The validity of certificates follows from their \
                              profile here; leave both out.";
                return Err(Problem::malformed(detail));
            }
            let permits = self.permits(&account, &identifiers)?;
            let order = self.place(txn, identifiers, &permits, &proofs)?;
            self.order_response(txn, 201, &order)
        })
    }

    fn place(
        &self,
        txn: &mut Txn<'_, K>,
        identifiers: Vec<Identifier>,
        permits: &Permits<'_>,
        proofs: &[Proof],
    ) -> Result<OrderRecord, Problem> {
        let now = self.ports.now();
        let id = self.fresh_id()?;
        let mut authorizations = Vec::new();
        for identifier in &identifiers {
            let mut authorization = self.authorization_for(txn, identifier, &id, permits.of(identifier)?)?;
            self.prove(txn, &mut authorization, proofs)?;
            txn.put(authorization.id.as_str(), &authorization)?;
            authorizations.push(authorization.id);
        }
        let order = OrderRecord {
            id,
            identifiers,
            authorizations,
            profile: profile::default_profile().name.to_owned(),
            created: now,
            expires: now.plus(order::LIFETIME),
            issuance: None,
            certificate: None,
            error: None,
            canceled: false,
        };
        txn.put(order.id.as_str(), &order)?;
        Ok(order)
    }

    /// A new authorization. A pre-authorised one is born valid, and has no challenges: none was validated (RFC 8555
    /// §7.1.4).
    fn authorization_for(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
        order: &Id,
        permit: &Permit,
    ) -> Result<AuthorizationRecord, Problem> {
        let mut challenges = Vec::new();
        for method in self.offered(txn, identifier, permit)? {
            challenges.push(self.challenge(method)?);
        }
        let (state, lifetime) = if permit.preauthorized {
            (AuthorizationStatus::Valid, authorization::VALID_LIFETIME)
        } else {
            (AuthorizationStatus::Pending, authorization::PENDING_LIFETIME)
        };
        Ok(AuthorizationRecord {
            id: self.fresh_id()?,
            identifier: identifier.base(),
            wildcard: identifier.is_wildcard(),
            state,
            expires: self.ports.now().plus(lifetime),
            order: order.clone(),
            challenges,
            caa_checked: None,
        })
    }

    /// A new unpredictable id.
    ///
    /// # Errors
    /// `serverInternal` without randomness.
    pub fn fresh_id(&self) -> Result<Id, Problem> {
        Ok(Id::from_random(self.ports.random()?))
    }
}
