//! Certificates as an account keeps them ([RFC 8555 §7.4.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2)).

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// A certificate, stored as `cert/{serial}` in the partition of the account that it was issued to. Kept for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Serial number in hex: its name in its URL, and what `replaces` names it by.
    pub serial: String,
    /// The id of its issuer.
    pub issuer: String,
    /// The order that it was issued for.
    pub order: Id,
    /// The certificate and its chain without the root, PEM as it is served.
    pub pem: String,
    /// When it was issued: the same instant as in its ledger's entry.
    pub issued: Time,
    /// When it begins.
    pub not_before: Time,
    /// When it ends.
    pub not_after: Time,
    /// What replaces it, if an order says that it does (RFC 9773 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replacement>,
    /// The one order that replaced it under no limit, whatever became of that order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempted: Option<Id>,
}

/// That an order replaces a certificate. It says so from the order's beginning; when the order turns invalid, the
/// certificate may be replaced by another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The order.
    pub order: Id,
    /// The serial number of the order's certificate, once there is one: from then on it is for good, also when the
    /// order is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl Record for CertificateRecord {
    const PREFIX: &'static str = "cert";
    const TABLE: Table = Table::Permanent;

    fn expires(&self) -> Option<Time> {
        None
    }
}
