//! Reading of orders ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).

use super::kind::Account;
use super::request::{Admitted, only_read};
use crate::ca::http::message::{Answer, Response};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::order::{OrderStatus, OrderUrls};
use crate::records::{AuthorizationRecord, CertificateRecord, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::Id;

/// How long a client should wait before polling an order in processing, in seconds. An order that outlasts its finalize
/// request is being retried after a fault, with a delay of five seconds.
const PROCESSING_RETRY: u64 = 3;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the authorizations of an order, in the order's sequence.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn authorizations_of(
        &self,
        txn: &Txn<'_, K>,
        order: &OrderRecord,
    ) -> Result<Vec<AuthorizationRecord>, Problem> {
        let (activity, now) = (self.activity(txn)?, self.ports.now());
        let mut found = Vec::with_capacity(order.authorizations.len());
        for id in &order.authorizations {
            found.extend(activity.authorization(txn, id, now)?);
        }
        Ok(found)
    }

    /// Returns the order with this id.
    ///
    /// # Errors
    /// 404 `malformed`.
    pub fn order(&self, txn: &Txn<'_, K>, id: &Id) -> Result<OrderRecord, Problem> {
        self.find_order(txn, id)?.ok_or_else(|| Problem::not_found("order"))
    }

    /// Returns the order with this id, if there is one. Its certificate is known by the certificate's record.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn find_order(&self, txn: &Txn<'_, K>, id: &Id) -> Result<Option<OrderRecord>, Problem> {
        let Some(mut order) = txn.get::<OrderRecord>(id.as_str())? else { return Ok(None) };
        if order.is_being_issued()
            && let Some(issuance) = &order.issuance
            && txn.has::<CertificateRecord>(&issuance.serial)?
        {
            order.certificate = Some(issuance.serial.clone());
        }
        Ok(Some(order))
    }

    /// The response that shows an order. It always has `Location`: Go's x/crypto/acme polls that URL, also after
    /// finalize.
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
            certificate: &|serial| urls.certificate(serial, 0),
        };
        let response = Response::json(status, &order.wire(&authorizations, now, &order_urls));
        let response = response.located(&urls.order(&order.id));
        Ok(if order.status(&authorizations, now) == OrderStatus::Processing {
            response.retry_after(PROCESSING_RETRY)
        } else {
            response
        })
    }

    /// Handles POST-as-GET of an order.
    ///
    /// # Errors
    /// 404 for an unknown order, `malformed` with a payload.
    pub fn post_order(&self, admitted: &Admitted, id: &Id) -> Answer {
        self.transact_as_account(admitted, |txn, _account| {
            only_read(admitted)?;
            let order = self.order(txn, id)?;
            self.order_response(txn, 200, &order)
        })
    }
}
