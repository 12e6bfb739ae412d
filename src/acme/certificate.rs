//! Certificates as an account keeps them ([RFC 8555 §7.4.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2)).

use crate::store::Record;
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// A certificate, stored as `cert/{id}` in the partition of the account that it was issued to. Kept for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Name in its URL.
    pub id: Id,
    /// The order that it was issued for.
    pub order: Id,
    /// Serial number in hex.
    pub serial: String,
    /// The certificate and its chain without the root, PEM as it is served.
    pub pem: String,
    /// When it ends.
    pub not_after: Time,
}

impl Record for CertificateRecord {
    const PREFIX: &'static str = "cert";

    fn expires(&self) -> Option<Time> {
        None
    }
}
