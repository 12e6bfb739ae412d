//! Using again what an account has ([RFC 8555 §7.1.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3), §7.4):
//! valid authorizations for new orders, and open orders for requests that come again.
//!
//! It costs one row written for each name that is proven and one for each order that is placed, both small, and one
//! row read for each name and order. It saves, for each name that need not be proven again, the six rows that an
//! authorization and its validation write, and three or more of the client's requests, each with its nonce.

use super::kind::Account;
use super::order_request::Wanted;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Grant;
use crate::records::acme::authorization::{AuthorizationStatus, VALID_LIFETIME};
use crate::records::acme::order::OrderStatus;
use crate::records::acme::reuse::{AuthorizationByIdentifier, MARGIN, OrderByRequest, identifier_id};
use crate::records::{AuthorizationRecord, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Identifier, Time};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// A valid authorization for exactly this identifier that a new order may rest on. Not one by a challenge type that
    /// no policy would offer any more, and none where the policy grants the name itself.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn proven(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
        permit: &Grant,
    ) -> Result<Option<AuthorizationRecord>, Problem> {
        if permit.preauthorized {
            return Ok(None);
        }
        let noted = self.noted_for(txn, identifier)?;
        Ok(noted.filter(|authorization| self.is_reusable(authorization, permit)))
    }

    /// Whether it is valid and new orders may rest on it.
    pub(in crate::ca) fn is_reusable(&self, authorization: &AuthorizationRecord, permit: &Grant) -> bool {
        authorization.status(self.ports.now()) == AuthorizationStatus::Valid
            && authorization.reusable()
            && authorization.proof().is_some_and(|kind| permit.may_offer(kind))
    }

    /// The authorization that is noted for this identifier, if it lasts for a while, whatever it is worth.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn noted_for(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
    ) -> Result<Option<AuthorizationRecord>, Problem> {
        let id = identifier_id(&identifier.base(), identifier.is_wildcard());
        let Some(proof) = txn.get::<AuthorizationByIdentifier>(&id)? else { return Ok(None) };
        let found = txn.get::<AuthorizationRecord>(proof.authorization.as_str())?;
        Ok(found.filter(|authorization| self.lasts(authorization.expires)))
    }

    /// Notes an authorization under its identifier, so that later requests find it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn note_authorization(
        &self,
        txn: &mut Txn<'_, K>,
        authorization: &AuthorizationRecord,
    ) -> Result<(), Problem> {
        let proof =
            AuthorizationByIdentifier { authorization: authorization.id.clone(), expires: authorization.expires };
        Ok(txn.put(&identifier_id(&authorization.identifier, authorization.wildcard), &proof)?)
    }

    /// The open order that was made for exactly this.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn placed(&self, txn: &Txn<'_, K>, wanted: &Wanted<'_>) -> Result<Option<OrderRecord>, Problem> {
        let Some(placed) = txn.get::<OrderByRequest>(&wanted.digest())? else { return Ok(None) };
        let Some(order) = txn.get::<OrderRecord>(placed.order.as_str())? else { return Ok(None) };
        let status = order.status(&self.authorizations_of(txn, &order)?, self.ports.now());
        let open = matches!(status, OrderStatus::Pending | OrderStatus::Ready) && self.lasts(order.expires);
        Ok(Some(order).filter(|_| open))
    }

    /// Notes which order was made for this.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn note_placed(
        &self,
        txn: &mut Txn<'_, K>,
        wanted: &Wanted<'_>,
        order: &OrderRecord,
    ) -> Result<(), Problem> {
        Ok(txn.put(&wanted.digest(), &OrderByRequest { order: order.id.clone(), expires: order.expires })?)
    }

    /// Until when a proof may be used that is made now; `until` is when it ends by its own word.
    pub(in crate::ca) fn proven_until(&self, until: Option<Time>) -> Time {
        let end = self.ports.now().plus(self.ports.settings().life(VALID_LIFETIME));
        until.map_or(end, |until| until.min(end))
    }

    fn lasts(&self, expires: Time) -> bool {
        expires >= self.ports.now().plus(MARGIN)
    }
}
