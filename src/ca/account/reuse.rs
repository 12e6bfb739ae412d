//! Reuse of valid authorizations and open orders
//! ([RFC 8555 §7.1.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3), §7.4).
//!
//! Reuse costs one row written for each proven name, and one or two rows read for each name. For each name that need not
//! be proven again, it saves the rows that its validation writes, and three or more client requests, each with its nonce.

use super::activity::PlacedOrder;
use super::kind::Account;
use super::order_request::OrderRequest;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Grant;
use crate::records::acme::authorization::{AuthorizationStatus, VALID_LIFETIME};
use crate::records::acme::order::OrderStatus;
use crate::records::acme::reuse::{AuthorizationByIdentifier, MARGIN, identifier_id};
use crate::records::{AuthorizationRecord, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Identifier, Time};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns a valid authorization for exactly this identifier that a new order may use. Excluded are authorizations
    /// by a challenge type that the policy no longer permits, and pre-authorised identifiers.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn proven(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
        permit: &Grant,
    ) -> Result<Option<AuthorizationRecord>, Problem> {
        if permit.preauthorized || !self.draws_reuse()? {
            return Ok(None);
        }
        let noted = self.indexed_authorization(txn, identifier)?;
        Ok(noted.filter(|authorization| self.is_reusable(authorization, permit)))
    }

    /// Whether a valid authorization is used again.
    ///
    /// It is, except on a test machine with a share of its own.
    fn draws_reuse(&self) -> Result<bool, Problem> {
        let Some(percent) = self.ports.settings().test_machine.reuse else { return Ok(true) };
        let [lot] = self.ports.random()?;
        // 256 lots: each percentage differs from the next, and 0 and 100 are exact.
        Ok(u32::from(lot) * 100 < u32::from(percent) * 256)
    }

    /// Whether the authorization is valid and new orders may use it.
    pub(in crate::ca) fn is_reusable(&self, authorization: &AuthorizationRecord, permit: &Grant) -> bool {
        authorization.status(self.ports.now()) == AuthorizationStatus::Valid
            && authorization.reusable()
            && authorization.proof().is_some_and(|kind| permit.may_offer(kind))
    }

    /// Returns the authorization indexed under this identifier, in any state. It must not expire soon.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn indexed_authorization(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
    ) -> Result<Option<AuthorizationRecord>, Problem> {
        let id = identifier_id(&identifier.base(), identifier.is_wildcard());
        let Some(proof) = txn.get::<AuthorizationByIdentifier>(&id)? else { return Ok(None) };
        let found = self.find_authorization(txn, &proof.authorization)?;
        Ok(found.filter(|authorization| self.lasts(authorization.expires)))
    }

    /// Indexes an authorization by its identifier for later requests.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn index_authorization(
        &self,
        txn: &mut Txn<'_, K>,
        authorization: &AuthorizationRecord,
    ) -> Result<(), Problem> {
        let proof =
            AuthorizationByIdentifier { authorization: authorization.id.clone(), expires: authorization.expires };
        Ok(txn.put(&identifier_id(&authorization.identifier, authorization.wildcard), &proof)?)
    }

    /// Returns the open order for an equivalent request.
    ///
    /// `None` where a test machine has a share of reuse.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn placed(
        &self,
        txn: &Txn<'_, K>,
        wanted: &OrderRequest<'_>,
    ) -> Result<Option<OrderRecord>, Problem> {
        if self.ports.settings().test_machine.reuse.is_some() {
            return Ok(None);
        }
        let request = wanted.digest();
        let placed = self.activity(txn)?.placed.into_iter().find(|placed| placed.request == request);
        let Some(placed) = placed else { return Ok(None) };
        let Some(order) = self.find_order(txn, &placed.order)? else { return Ok(None) };
        let status = order.status(&self.authorizations_of(txn, &order)?, self.ports.now());
        let open = matches!(status, OrderStatus::Pending | OrderStatus::Ready) && self.lasts(order.expires);
        Ok(Some(order).filter(|_| open))
    }

    /// Indexes an order by its request.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn index_order(
        &self,
        txn: &mut Txn<'_, K>,
        wanted: &OrderRequest<'_>,
        order: &OrderRecord,
    ) -> Result<(), Problem> {
        let mut activity = self.activity(txn)?;
        let placed = PlacedOrder { request: wanted.digest(), order: order.id.clone(), expires: order.expires };
        activity.place(placed, self.ports.now());
        Ok(txn.put("", &activity)?)
    }

    /// Returns when a proof made now expires. `until` is the proof's own end, if it has one.
    pub(in crate::ca) fn proven_until(&self, until: Option<Time>) -> Time {
        let end = self.ports.now().plus(self.ports.settings().life(VALID_LIFETIME));
        until.map_or(end, |until| until.min(end))
    }

    fn lasts(&self, expires: Time) -> bool {
        expires >= self.ports.now().plus(MARGIN)
    }
}
