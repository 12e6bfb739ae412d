//! Orders ([RFC 8555 §7.1.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.3)).

use super::authorization::{AuthorizationStatus, GRACE};
use crate::records::{AuthorizationRecord, Kind, Problem};
use crate::store::{Layout, Record, Table};
use crate::tlog::entry::LoggedPolicy;
use crate::values::{Id, Identifier, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Time from the order to finalize.
pub const LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Status of an order (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// An authorization is pending.
    Pending,
    /// All authorizations are valid.
    Ready,
    /// The certificate is being issued.
    Processing,
    /// The certificate is issued.
    Valid,
    /// Failed or expired.
    Invalid,
}

/// The recorded input of a signature. After a crash the same bytes are signed again, so that no second certificate is
/// issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuance {
    /// SHA-256 of the CSR's DER, base64url. A repeated finalize with the same CSR is idempotent.
    pub csr_digest: String,
    /// Id of the issuer that signs it, perhaps no longer the active one.
    pub issuer: String,
    /// The CRL shard that it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u16>,
    /// The serial number in hex.
    pub serial: String,
    /// The linted to-be-signed certificate, DER in base64url.
    pub tbs: String,
    /// Common name of the subject, one of the order's identifiers; absent for an empty subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<Identifier>,
    /// Names of the certificate in their order there; empty if that is sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Identifier>,
    /// Whether the certificate has the TLS feature extension for must-staple.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub must_staple: bool,
    /// The certificate's public key, DER SubjectPublicKeyInfo in base64url.
    pub spki: String,
    /// The CA's policy that permitted it, without its text; only with a transparency log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<LoggedPolicy>,
    /// Time of preparation.
    pub prepared: Time,
    /// Start of validity.
    pub not_before: Time,
    /// End of validity.
    pub not_after: Time,
}

/// An order, stored as `order/{id}` in its account's partition, in a row with its authorizations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Name in its URL.
    pub id: Id,
    /// Identifiers of the certificate; wildcards keep their `*.`.
    pub identifiers: Vec<Identifier>,
    /// One authorization for each identifier.
    pub authorizations: Vec<Id>,
    /// The certificate profile.
    pub profile: String,
    /// Requested first second of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// Requested last second of validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
    /// The certificate that it replaces, as the client named it (RFC 9773 §5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Creation time.
    pub created: Time,
    /// Expiry.
    pub expires: Time,
    /// The issuance, from finalize on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuance: Option<Issuance>,
    /// Serial number of the certificate in hex, once issued. Not stored: the certificate's own record says so.
    #[serde(skip)]
    pub certificate: Option<String>,
    /// The error of an order that failed outside its authorizations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// Whether it ended with its account (RFC 8555 §7.3.6).
    #[serde(default)]
    pub canceled: bool,
}

impl Record for OrderRecord {
    const PREFIX: &'static str = "order";
    const TABLE: Table = Table::Expiring;
    const LAYOUT: Layout = Layout::Shared;

    fn expires(&self) -> Option<Time> {
        Some(self.expires.plus(GRACE))
    }
}

/// URLs in an order object.
pub struct OrderUrls<'a> {
    /// URL of an authorization.
    pub authorization: &'a dyn Fn(&Id) -> String,
    /// URL of the order's finalize resource.
    pub finalize: String,
    /// URL of the certificate with this serial number in hex.
    pub certificate: &'a dyn Fn(&str) -> String,
}

impl OrderRecord {
    /// Whether its issuance has begun and not ended.
    pub fn is_being_issued(&self) -> bool {
        self.issuance.is_some() && self.certificate.is_none() && self.error.is_none()
    }

    /// The status at `now`, computed from the authorizations. An order is ready as soon as its last authorization is
    /// valid.
    pub fn status(&self, authorizations: &[AuthorizationRecord], now: Time) -> OrderStatus {
        if self.certificate.is_some() {
            return OrderStatus::Valid;
        }
        if self.error.is_some() || self.canceled {
            return OrderStatus::Invalid;
        }
        if self.issuance.is_some() {
            return OrderStatus::Processing;
        }
        if self.expires.has_ended(LIFETIME, now) || authorizations.len() != self.authorizations.len() {
            return OrderStatus::Invalid;
        }
        let mut status = OrderStatus::Ready;
        for authorization in authorizations {
            match authorization.status(now) {
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Pending => status = OrderStatus::Pending,
                AuthorizationStatus::Invalid | AuthorizationStatus::Deactivated | AuthorizationStatus::Expired => {
                    return OrderStatus::Invalid;
                }
            }
        }
        status
    }

    /// The error of an invalid order.
    pub fn failure(&self, authorizations: &[AuthorizationRecord], now: Time) -> Option<Problem> {
        if self.status(authorizations, now) != OrderStatus::Invalid {
            return None;
        }
        if let Some(error) = &self.error {
            return Some(error.clone());
        }
        let failed = authorizations.iter().flat_map(|a| {
            a.challenges.iter().filter(|_| a.state == AuthorizationStatus::Invalid).filter_map(|c| {
                let error = c.error.clone()?;
                Some((a.named(), error))
            })
        });
        let generic = || Problem::new(Kind::Unauthorized, self.generic_failure(authorizations, now));
        Some(Problem::join(failed.collect(), self.identifiers.len()).unwrap_or_else(generic))
    }

    fn generic_failure(&self, authorizations: &[AuthorizationRecord], now: Time) -> &'static str {
        if self.canceled {
            "The order was canceled when its account was deactivated."
        } else if self.expires.has_ended(LIFETIME, now) {
            "The order expired before it was finalized. Place a new one."
        } else if authorizations.iter().any(|a| a.status(now) == AuthorizationStatus::Deactivated) {
            "An authorization of this order was deactivated. Place a new order."
        } else {
            "An authorization of this order is not usable any more. Place a new order."
        }
    }

    /// The order object (RFC 8555 §7.1.3), with `profile` (draft-ietf-acme-profiles §4) and `replaces` (RFC 9773 §5).
    pub fn wire(&self, authorizations: &[AuthorizationRecord], now: Time, urls: &OrderUrls) -> Value {
        let authorization_urls: Vec<String> = self.authorizations.iter().map(urls.authorization).collect();
        let mut object = json!({
            "status": self.status(authorizations, now),
            "expires": self.expires.rfc3339(),
            "identifiers": self.identifiers,
            "authorizations": authorization_urls,
            "finalize": urls.finalize,
        });
        if let Some(members) = object.as_object_mut() {
            members.insert("profile".into(), self.profile.as_str().into());
            for (name, time) in [("notBefore", self.not_before), ("notAfter", self.not_after)] {
                if let Some(time) = time {
                    members.insert(name.into(), time.rfc3339().into());
                }
            }
            if let Some(replaces) = &self.replaces {
                members.insert("replaces".into(), replaces.as_str().into());
            }
            if let Some(serial) = &self.certificate {
                members.insert("certificate".into(), (urls.certificate)(serial).into());
            }
            if let Some(error) = self.failure(authorizations, now) {
                members.insert("error".into(), error.document());
            }
        }
        object
    }
}
