//! Certificates of an account ([RFC 8555 §7.4.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2)).

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// A certificate, stored as `cert/{serial}` in the partition of its account until it is pruned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Serial number in hex: in its URL, and what `replaces` refers to.
    pub serial: String,
    /// Id of its issuer.
    pub issuer: String,
    /// The order that it was issued for.
    pub order: Id,
    /// The certificate and its chain without the root, PEM as it is served.
    pub pem: String,
    /// Time of issue, the same as in its ledger entry.
    pub issued: Time,
    /// Start of validity.
    pub not_before: Time,
    /// End of validity.
    pub not_after: Time,
    /// The order that replaces it (RFC 9773 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replacement>,
    /// The order that replaced it without counting against limits, whatever its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempted: Option<Id>,
    /// Its place in the transparency log; absent if it was issued without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<LogPlace>,
}

/// The place of a certificate in a transparency log of its issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPlace {
    /// The id of the log.
    pub log: String,
    /// The index of the leaf.
    pub index: u64,
}

/// A replacement of a certificate by an order. It begins with the order; if the order becomes invalid, another may
/// replace the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replacement {
    /// The order.
    pub order: Id,
    /// Serial number of the order's certificate, once issued. The replacement is then permanent, even after the order
    /// is deleted.
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
