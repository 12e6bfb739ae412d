//! Replacement of certificates ([RFC 9773](https://www.rfc-editor.org/rfc/rfc9773)): when a certificate should be
//! renewed, and by which order.

use super::kind::Account;
use super::order_request::OrderRequest;
use super::request::{Admitted, payload};
use crate::ca::config::rate_limits::LimitName;
use crate::ca::http::cert_id::{CertId, spread};
use crate::ca::ledger::entry::RenewalInfo;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::{Serial, certificate, pem};
use crate::records::acme::certificate::Replacement;
use crate::records::acme::order::OrderStatus;
use crate::records::{CertificateRecord, Kind, NewOrder, OrderRecord, Problem, Renewable};
use crate::store::{Kv, Txn};
use crate::values::{Identifier, Time};
use core::time::Duration;
use std::collections::BTreeSet;

/// The minimum age of a certificate whose renewal is exempt from limits. Otherwise certificates that live for minutes
/// would be renewed without end.
const YOUNGEST: Duration = Duration::from_secs(3600);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the certificate that a new order replaces, to be marked. `None` without `replaces`, and for a
    /// certificate of another account or CA: moving to another account, or here from another CA, must not block an
    /// order.
    ///
    /// # Errors
    /// 409 `alreadyReplaced` while another order that is not invalid replaces it; `malformed` for a certificate without
    /// a common identifier with the order (RFC 9773 §5).
    pub(in crate::ca) fn replaced(
        &self,
        txn: &Txn<'_, K>,
        wanted: &OrderRequest<'_>,
    ) -> Result<Option<CertificateRecord>, Problem> {
        let Some(id) = wanted.replaces.as_ref() else { return Ok(None) };
        let Some(issuer) = self.ports.settings().issuers.with_key_id(&id.key_id) else { return Ok(None) };
        let Some(found) = txn.get::<CertificateRecord>(&id.serial.hex())?.filter(|c| c.issuer == issuer.id()) else {
            return Ok(None);
        };
        let names = names_of(&found)?;
        if !wanted.identifiers.iter().any(|identifier| names.contains(identifier)) {
            let detail = "The certificate in replaces has no identifier in common with the order. Leave replaces out \
                          for a certificate that is no successor.";
            return Err(Problem::malformed(detail));
        }
        match &found.replaced {
            Some(replacement) if self.holds(txn, replacement)? => {
                let detail = "Another order replaces the certificate in replaces already. Finish that order, or place \
                              this one without replaces.";
                Err(Problem::new(Kind::AlreadyReplaced, detail))
            }
            _ => Ok(Some(found)),
        }
    }

    /// Whether the replaced certificate needs replacement before its suggested window. That is so if an operator
    /// revoked it or requests its replacement. The ledger is queried only if the answer decides about a limit.
    /// Revocation by the account does not count: otherwise an account could circumvent all limits by revoking each
    /// certificate in turn.
    ///
    /// On any error the order is treated as a normal one.
    pub(in crate::ca) async fn is_urgent(&self, admitted: &Admitted) -> bool {
        let limits = &self.ports.settings().limits;
        if limits.get(LimitName::NewOrders).is_none() && limits.get(LimitName::Certificates).is_none() {
            return false;
        }
        let found = self.precheck(admitted, |txn, _account| {
            let asked = payload::<NewOrder>(admitted)?;
            let id = asked.replaces.as_deref().and_then(CertId::read);
            let found = id.map(|id| txn.get::<CertificateRecord>(&id.serial.hex())).transpose()?.flatten();
            let asks = |c: &CertificateRecord| c.exempted.is_none() && !is_exempt_by_time(c, self.ports.now());
            Ok(found.filter(asks))
        });
        let Ok(Some(certificate)) = found else { return false };
        let asked = self.ports.ask(&LedgerAt(certificate.issuer), &RenewalInfo { serial: certificate.serial }).await;
        match asked {
            Ok(found) => found.is_some_and(|found| found.replace.is_some()),
            Err(problem) => {
                self.log(&problem);
                false
            }
        }
    }

    /// Whether an order is exempt from limits, as the replacement of a certificate.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn is_exempt(&self, txn: &Txn<'_, K>, order: &OrderRecord) -> Result<bool, Problem> {
        let Some(id) = order.replaces.as_deref().and_then(CertId::read) else { return Ok(false) };
        let found = txn.get::<CertificateRecord>(&id.serial.hex())?;
        Ok(found.is_some_and(|certificate| certificate.exempted.as_ref() == Some(&order.id)))
    }

    /// Whether a replacement still counts. Its order must have a certificate, or exist and not be invalid.
    fn holds(&self, txn: &Txn<'_, K>, replacement: &Replacement) -> Result<bool, Problem> {
        if replacement.certificate.is_some() {
            return Ok(true);
        }
        let Some(order) = self.find_order(txn, &replacement.order)? else { return Ok(false) };
        let authorizations = self.authorizations_of(txn, &order)?;
        Ok(order.status(&authorizations, self.ports.now()) != OrderStatus::Invalid)
    }

    /// Marks a certificate as replaced by this order.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(in crate::ca) fn mark_replaced(
        &self,
        txn: &mut Txn<'_, K>,
        mut certificate: CertificateRecord,
        order: &OrderRecord,
    ) -> Result<(), Problem> {
        certificate.replaced = Some(Replacement { order: order.id.clone(), certificate: order.certificate.clone() });
        Ok(txn.put(&certificate.serial, &certificate)?)
    }

    /// Makes the replacement mark of a finished order permanent.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn seal_replaced(&self, txn: &mut Txn<'_, K>, order: &OrderRecord) -> Result<(), Problem> {
        let Some(id) = order.replaces.as_deref().and_then(CertId::read) else { return Ok(()) };
        let found = txn.get::<CertificateRecord>(&id.serial.hex())?;
        let marked = |c: &CertificateRecord| c.replaced.as_ref().is_some_and(|mark| mark.order == order.id);
        match found.filter(marked) {
            Some(certificate) => self.mark_replaced(txn, certificate, order),
            None => Ok(()),
        }
    }
}

/// Whether the renewal of a certificate is exempt from limits by its time. Its suggested window has begun, and its age
/// is at least [`YOUNGEST`]. The first such order is exempt (RFC 9773 §5). An earlier one is not: otherwise a chain of
/// orders, each replacing the previous one, would have no limit. For certificates that operators revoke or want
/// replaced, see [`Account::is_urgent`].
pub(in crate::ca) fn is_exempt_by_time(certificate: &CertificateRecord, now: Time) -> bool {
    let CertificateRecord { issued, not_before, not_after, .. } = *certificate;
    let serial = Serial::from_hex(&certificate.serial);
    let begun = |serial: &Serial| Renewable::of(issued, not_before, not_after).window(spread(serial)).0 <= now;
    issued.plus(YOUNGEST) <= now && serial.as_ref().is_some_and(begun)
}

/// Returns the names in a certificate.
fn names_of(record: &CertificateRecord) -> Result<BTreeSet<Identifier>, Problem> {
    let broken = |what: String| Problem::internal(format!("certificate {} is broken: {what}", record.serial));
    let ders = pem::read_certificates(&record.pem).map_err(|fault| broken(fault.to_string()))?;
    let leaf = ders.first().map(Vec::as_slice).unwrap_or_default();
    certificate::parse_presented(leaf).map(|leaf| leaf.names).map_err(|fault| broken(fault.to_string()))
}
