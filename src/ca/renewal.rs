//! Renewal information and replacement ([RFC 9773](https://www.rfc-editor.org/rfc/rfc9773)): when a certificate should
//! be renewed, and which order does so.

use super::account::payload;
use super::cell::{Admitted, Cell};
use super::http::{Answer, Response};
use super::ladder;
use super::limits::Name;
use super::message::{Message, Partition, Reply};
use super::placing::Wanted;
use super::ports::{PartitionPorts, Ports};
use crate::acme::certificate::Replacement;
use crate::acme::order::OrderStatus;
use crate::acme::{CertificateRecord, Kind, NewOrder, OrderRecord, Problem, Renewable};
use crate::pki::{Serial, certificate, pem};
use crate::store::{Kv, Txn};
use crate::values::{Identifier, Time, b64};
use core::fmt;
use core::time::Duration;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// How long an answer may be kept by caches on the way, in seconds: short, for a revocation changes it, and long enough
/// to take a flood of requests for one certificate off the ledger.
const CACHED: u32 = 300;

/// How old a certificate is at least whose renewal is exempt from limits. What lives for minutes would be renewed without
/// end otherwise.
const YOUNGEST: Duration = Duration::from_secs(3600);

/// The longest certID that is read, in characters: key identifiers of 64 bytes and serial numbers of 21 fit.
const MAX_CERT_ID: usize = 128;

/// Names a certificate: its authority key identifier and its serial number
/// ([RFC 9773 §4.1](https://www.rfc-editor.org/rfc/rfc9773#section-4.1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertId {
    /// The keyIdentifier of the authority key identifier.
    pub key_id: Vec<u8>,
    /// The serial number.
    pub serial: Serial,
}

impl CertId {
    /// Reads the text: both parts in unpadded base64url, a dot between them.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        Self::read(text).ok_or_else(|| {
            let shown = crate::values::quote::quote(text);
            Problem::malformed(format!(
                "{shown} is no certID. It has to be the authority key identifier and the serial number of a \
                 certificate, each in base64url without padding, with a dot between them (RFC 9773 section 4.1)."
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (key_id, serial) = Some(text).filter(|text| text.len() <= MAX_CERT_ID)?.split_once('.')?;
        let key_id = b64::decode(key_id).filter(|bytes| !bytes.is_empty())?;
        Some(Self { key_id, serial: Serial::from_octets(&b64::decode(serial)?)? })
    }
}

impl fmt::Display for CertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", b64::encode(&self.key_id), b64::encode(self.serial.octets()))
    }
}

/// The RenewalInfo of the certificate with this certID
/// ([RFC 9773 §4.2](https://www.rfc-editor.org/rfc/rfc9773#section-4.2)), for anybody who asks.
///
/// # Errors
/// `malformed` for a text that is no certID; 404 `malformed` for a certificate that was not issued here.
pub async fn renewal_info<P: Ports>(ports: &P, text: &str) -> Answer {
    let id = CertId::parse(text)?;
    let settings = ports.settings();
    let unknown = || Problem::malformed("This certificate was not issued here.").with_status(404);
    let issuer = settings.issuers.with_key_id(&id.key_id).ok_or_else(unknown)?;
    // A serial number is random: there is no certificate of one that was asked for before it was given.
    let name = format!("certificate/{}/{}", issuer.id(), id.serial.hex());
    if ports.memory().is_absent(&name, ports.now()) {
        return Err(unknown());
    }
    let message = Message::RenewalInfo { serial: id.serial.hex() };
    let found = match ports.ask(&Partition::Ledger(issuer.id().to_owned()), &message).await? {
        Reply::Renewable(Some(found)) => found,
        Reply::Renewable(None) => {
            ports.memory().keep_absent(name, ports.now());
            return Err(unknown());
        }
        other => return Err(ladder::unexpected(&other)),
    };
    let spread = spread(&id.serial);
    let (start, end) = found.window(spread);
    let mut object = json!({ "suggestedWindow": { "start": start.rfc3339(), "end": end.rfc3339() } });
    let revoked = settings.revocation_page.as_deref().filter(|_| found.revoked.is_some());
    let page = revoked.or(found.explanation.as_deref());
    if let (Some(page), Some(members)) = (page, object.as_object_mut()) {
        members.insert("explanationURL".into(), page.into());
    }
    let response = Response::json(200, &object).retry_after(found.retry_after(spread));
    Ok(response.with("Cache-Control", &format!("public, max-age={CACHED}")).indexed(&settings.urls))
}

/// A number that is another for each certificate, and the same for the same.
fn spread(serial: &Serial) -> u64 {
    let digest = Sha256::digest(serial.octets());
    digest.iter().take(7).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// As [`spread`], of a serial number in hex.
pub(super) fn spread_of(serial: &str) -> u64 {
    Serial::from_hex(serial).as_ref().map_or(0, spread)
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// The certificate that a new order replaces, to be marked as such; `None` without `replaces`, and also for a
    /// certificate that is none of this account's: who moves to another account, or here from another CA, does not
    /// wait for a certificate because of that.
    ///
    /// # Errors
    /// 409 `alreadyReplaced` while another order that is not invalid replaces it; `malformed` for a certificate that
    /// has no identifier in common with the order (RFC 9773 §5).
    pub(super) fn replaced(&self, txn: &Txn<'_, K>, wanted: &Wanted<'_>) -> Result<Option<CertificateRecord>, Problem> {
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

    /// Whether the certificate that a new order replaces is to be replaced at once, though its time has not come: an operator
    /// revoked it, or wants it replaced. Its ledger knows, and is asked only where that decides about a limit. What its
    /// account revoked is none of these: revoking each certificate after the next would be a way around all limits.
    ///
    /// Whatever goes wrong, the order is one like others.
    pub(super) async fn is_urgent(&self, admitted: &Admitted) -> bool {
        let limits = &self.ports.settings().limits;
        if limits.get(Name::NewOrders).is_none() && limits.get(Name::Certificates).is_none() {
            return false;
        }
        let found = self.consider(admitted, |txn, _account| {
            let asked = payload::<NewOrder>(admitted)?;
            let id = asked.replaces.as_deref().and_then(CertId::read);
            let found = id.map(|id| txn.get::<CertificateRecord>(&id.serial.hex())).transpose()?.flatten();
            let asks = |c: &CertificateRecord| c.exempted.is_none() && !is_exempt_by_time(c, self.ports.now());
            Ok(found.filter(asks))
        });
        let Ok(Some(certificate)) = found else { return false };
        let message = Message::RenewalInfo { serial: certificate.serial };
        match self.ports.ask(&Partition::Ledger(certificate.issuer), &message).await {
            Ok(Reply::Renewable(Some(found))) => found.replace.is_some(),
            Ok(_) => false,
            Err(problem) => {
                self.log(&problem);
                false
            }
        }
    }

    /// Whether an order is the one that replaces a certificate of this account under no limit.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) fn is_exempt(&self, txn: &Txn<'_, K>, order: &OrderRecord) -> Result<bool, Problem> {
        let Some(id) = order.replaces.as_deref().and_then(CertId::read) else { return Ok(false) };
        let found = txn.get::<CertificateRecord>(&id.serial.hex())?;
        Ok(found.is_some_and(|certificate| certificate.exempted.as_ref() == Some(&order.id)))
    }

    /// Whether a replacement still is one: its order is there and not invalid, or has its certificate.
    fn holds(&self, txn: &Txn<'_, K>, replacement: &Replacement) -> Result<bool, Problem> {
        if replacement.certificate.is_some() {
            return Ok(true);
        }
        let Some(order) = txn.get::<OrderRecord>(replacement.order.as_str())? else { return Ok(false) };
        let authorizations = self.authorizations_of(txn, &order)?;
        Ok(order.status(&authorizations, self.ports.now()) != OrderStatus::Invalid)
    }

    /// Marks a certificate as replaced by this order.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub(super) fn mark_replaced(
        &self,
        txn: &mut Txn<'_, K>,
        mut certificate: CertificateRecord,
        order: &OrderRecord,
    ) -> Result<(), Problem> {
        certificate.replaced = Some(Replacement { order: order.id.clone(), certificate: order.certificate.clone() });
        Ok(txn.put(&certificate.serial, &certificate)?)
    }

    /// Makes the mark of a finished order's predecessor one for good.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) fn seal_replaced(&self, txn: &mut Txn<'_, K>, order: &OrderRecord) -> Result<(), Problem> {
        let Some(id) = order.replaces.as_deref().and_then(CertId::read) else { return Ok(()) };
        let found = txn.get::<CertificateRecord>(&id.serial.hex())?;
        let marked = |c: &CertificateRecord| c.replaced.as_ref().is_some_and(|mark| mark.order == order.id);
        match found.filter(marked) {
            Some(certificate) => self.mark_replaced(txn, certificate, order),
            None => Ok(()),
        }
    }
}

/// Whether it is time to renew a certificate under no limit: its suggested window has begun, and it is not younger than
/// [`YOUNGEST`]. The first order that renews then is exempt from limits (RFC 9773 §5); one that comes earlier is not, or a
/// chain of orders, each replacing the one before it, would be without any limit. Of what operators revoked or have
/// replaced, the ledger knows: see [`Cell::is_urgent`].
pub(super) fn is_exempt_by_time(certificate: &CertificateRecord, now: Time) -> bool {
    let CertificateRecord { issued, not_before, not_after, .. } = *certificate;
    let serial = Serial::from_hex(&certificate.serial);
    let begun = |serial: &Serial| Renewable::of(issued, not_before, not_after).window(spread(serial)).0 <= now;
    issued.plus(YOUNGEST) <= now && serial.as_ref().is_some_and(begun)
}

/// The names in a certificate.
fn names_of(record: &CertificateRecord) -> Result<BTreeSet<Identifier>, Problem> {
    let broken = |what: String| Problem::internal(format!("certificate {} is broken: {what}", record.serial));
    let ders = pem::read_certificates(&record.pem).map_err(|fault| broken(fault.to_string()))?;
    let leaf = ders.first().map(Vec::as_slice).unwrap_or_default();
    certificate::parse_presented(leaf).map(|leaf| leaf.names).map_err(|fault| broken(fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ari_the_rfcs_own_cert_id_is_read_and_written() {
        let text = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
        let id = CertId::parse(text).unwrap();
        assert_eq!(id.key_id.len(), 20);
        assert_eq!(id.key_id[..4], [0x69, 0x88, 0x5b, 0x6b]);
        assert_eq!(id.serial.octets(), [0, 0x87, 0x65, 0x43, 0x21], "the leading zero stays");
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn ari_other_texts_are_no_cert_id() {
        let long = format!("{}.AIdlQyE", "A".repeat(124));
        for bad in [
            "",
            ".",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.",
            ".AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE.",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE=",
            "aYhba4dGQEHhs3uEe6CuLN4ByNR.AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.h2VDIQ",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AA",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.\u{e9}",
            long.as_str(),
        ] {
            assert_eq!(CertId::parse(bad).unwrap_err().kind, Kind::Malformed, "{bad}");
        }
    }
}
