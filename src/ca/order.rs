//! newOrder, orders and certificates ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).

use super::account::payload;
use super::cell::{Admitted, Cell};
use super::http::{Answer, Response};
use super::ports::PartitionPorts;
use crate::acme::authorization::{self, AuthorizationStatus, ChallengeRecord};
use crate::acme::order::{self, CertificateRecord, NewOrder, OrderStatus, OrderUrls};
use crate::acme::{AuthorizationRecord, OrderRecord, Problem};
use crate::pki::profile;
use crate::store::{Kv, Txn};
use crate::validation::Method;
use crate::values::{Id, Identifier, b64};

/// How long a client should wait before it asks again for an order that is being processed, in seconds. What takes
/// longer than the finalize request itself is a retry after a fault, which comes after five seconds.
const PROCESSING_RETRY: u64 = 3;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// newOrder.
    ///
    /// # Errors
    /// `malformed`, `unsupportedIdentifier`, `compound`: see [`NewOrder::checked`]; `malformed` for notBefore or
    /// notAfter, which no profile allows to choose (RFC 8555 §7.4: not to be ignored).
    pub fn post_new_order(&self, admitted: &Admitted) -> Answer {
        self.enter(admitted, |txn, _account| {
            let wanted: NewOrder = payload(admitted)?;
            let identifiers = wanted.checked()?;
            if wanted.not_before.is_some() || wanted.not_after.is_some() {
                let detail = "The order has notBefore or notAfter. The validity of certificates follows from their \
                              profile here; leave both out.";
                return Err(Problem::malformed(detail));
            }
            let order = self.place(txn, identifiers)?;
            self.order_response(txn, 201, &order)
        })
    }

    fn place(&self, txn: &mut Txn<'_, K>, identifiers: Vec<Identifier>) -> Result<OrderRecord, Problem> {
        let now = self.ports.now();
        let id = self.fresh_id()?;
        let mut authorizations = Vec::new();
        for identifier in &identifiers {
            let authorization = self.authorization_for(identifier, &id)?;
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

    fn authorization_for(&self, identifier: &Identifier, order: &Id) -> Result<AuthorizationRecord, Problem> {
        let mut challenges = Vec::new();
        for method in Method::ALL.iter().filter(|method| method.fits(identifier) && method.offered_by_default()) {
            let token: [u8; 16] = self.ports.random()?;
            challenges.push(ChallengeRecord::new(method.name(), b64::encode(&token)));
        }
        Ok(AuthorizationRecord {
            id: self.fresh_id()?,
            identifier: identifier.base(),
            wildcard: identifier.is_wildcard(),
            state: AuthorizationStatus::Pending,
            expires: self.ports.now().plus(authorization::PENDING_LIFETIME),
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

    /// The authorizations of an order, in its order.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn authorizations_of(
        &self,
        txn: &Txn<'_, K>,
        order: &OrderRecord,
    ) -> Result<Vec<AuthorizationRecord>, Problem> {
        let mut found = Vec::with_capacity(order.authorizations.len());
        for id in &order.authorizations {
            found.extend(txn.get::<AuthorizationRecord>(id.as_str())?);
        }
        Ok(found)
    }

    /// The order of this id.
    ///
    /// # Errors
    /// 404 `malformed`.
    pub fn order(&self, txn: &Txn<'_, K>, id: &Id) -> Result<OrderRecord, Problem> {
        txn.get::<OrderRecord>(id.as_str())?.ok_or_else(|| Problem::not_found("order"))
    }

    /// The response that shows an order. `Location` stands on all of them: Go's x/crypto/acme polls what it finds
    /// there, also after finalize.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn order_response(&self, txn: &Txn<'_, K>, status: u16, order: &OrderRecord) -> Answer {
        let urls = &self.ports.settings().urls;
        let authorizations = self.authorizations_of(txn, order)?;
        let now = self.ports.now();
        let order_urls = OrderUrls {
            authorization: &|id| urls.authorization(id),
            finalize: urls.finalize(&order.id),
            certificate: &|id| urls.certificate(id),
        };
        let response = Response::json(status, &order.wire(&authorizations, now, &order_urls));
        let response = response.located(&urls.order(&order.id));
        Ok(if order.status(&authorizations, now) == OrderStatus::Processing {
            response.retry_after(PROCESSING_RETRY)
        } else {
            response
        })
    }

    /// POST-as-GET of an order.
    ///
    /// # Errors
    /// 404 for an unknown one, `malformed` with a payload.
    pub fn post_order(&self, admitted: &Admitted, id: &Id) -> Answer {
        self.enter(admitted, |txn, _account| {
            only_read(admitted)?;
            let order = self.order(txn, id)?;
            self.order_response(txn, 200, &order)
        })
    }

    /// POST-as-GET of a certificate: the chain, leaf first, without the root (RFC 8555 §7.4.2).
    ///
    /// # Errors
    /// 404 for an unknown one, `malformed` with a payload.
    pub fn post_certificate(&self, admitted: &Admitted, id: &Id) -> Answer {
        self.enter(admitted, |txn, _account| {
            only_read(admitted)?;
            let found = txn.get::<CertificateRecord>(id.as_str())?;
            let certificate = found.ok_or_else(|| Problem::not_found("certificate"))?;
            Ok(Response::text(200, "application/pem-certificate-chain", certificate.pem))
        })
    }
}

/// Refuses a request with a payload where only POST-as-GET makes sense (RFC 8555 §6.3).
///
/// # Errors
/// `malformed`.
pub fn only_read(admitted: &Admitted) -> Result<(), Problem> {
    if admitted.jws.is_post_as_get() {
        return Ok(());
    }
    Err(Problem::malformed("This resource can only be read: send a POST-as-GET, whose payload is the empty string."))
}
