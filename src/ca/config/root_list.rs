//! The setting ROOT_CRL.

use super::issuers::{PublicationUrls, Root};
use super::values::Values;
use crate::ca::http::routes::CrlFile;
use crate::pki::crl::read::ReceivedCrl;
use crate::pki::{Issuer, Issuers, pem};
use crate::values::{CryptoFailure, Time, Verify};
use serde_json::{Value, json};

/// The root's CRL, which revokes intermediates (RFC 5280 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootList {
    pub(in crate::ca) list: ReceivedCrl,
    pub(in crate::ca) pem: String,
}

impl RootList {
    /// Reads `ROOT_CRL`, PEM. Its faults go to `problems`: the CA continues without it, or with an expired one.
    pub fn read(
        value: Values<'_>,
        root: Option<&Root>,
        issuers: &Issuers,
        now: Time,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let text = value("ROOT_CRL")?;
        match Self::parse(&text, root) {
            Ok(found) => {
                problems.extend(found.problems(issuers, now));
                Some(found)
            }
            Err(what) => {
                problems.push(format!("ROOT_CRL cannot be used: {what}."));
                None
            }
        }
    }

    /// Reads a CRL of this root from PEM.
    ///
    /// # Errors
    /// A clause about the text.
    pub fn parse(text: &str, root: Option<&Root>) -> Result<Self, String> {
        let root = root.ok_or("its issuer, ROOT_CERTIFICATE, is not set")?;
        let der = pem::read_crl(text).map_err(|fault| fault.to_string())?;
        let list = ReceivedCrl::read(&der).map_err(|fault| format!("it {fault}"))?;
        if list.issuer != root.subject() {
            return Err("its issuer is not ROOT_CERTIFICATE".to_owned());
        }
        let pem = pem::write(pem::CRL, &der).map_err(|error| error.to_string())?;
        Ok(Self { list, pem })
    }

    fn problems(&self, issuers: &Issuers, now: Time) -> Vec<String> {
        let mut found = Vec::new();
        let end = self.list.next_update;
        if end <= now {
            found.push(format!(
                "ROOT_CRL expired at {}: verifiers that check the issuer refuse every certificate. Sign another with \
                 `selvedge issuer crl` and deploy.",
                end.rfc3339()
            ));
        }
        let active = issuers.active_slot(now);
        if let Some(at) = self.revoked(&active.issuer) {
            found.push(format!(
                "The active issuer {} was revoked by the root at {}: verifiers that check it refuse its \
                 certificates. Create another with `selvedge issuer new` and deploy.",
                active.number,
                at.rfc3339()
            ));
        }
        found
    }

    /// Whether the root signed it.
    ///
    /// # Errors
    /// When the crypto provider fails.
    pub async fn is_by(&self, root: &Root, crypto: &impl Verify) -> Result<bool, CryptoFailure> {
        self.list.is_signed_by(root.spki_der(), crypto).await
    }

    /// The parsed CRL.
    pub fn list(&self) -> &ReceivedCrl {
        &self.list
    }

    /// Time of the root's revocation of this issuer's topmost intermediate, if any.
    pub fn revoked(&self, issuer: &Issuer) -> Option<Time> {
        Some(self.list.entry(&issuer.serial_below_root()?)?.at)
    }

    /// Its form in `/issuers`.
    pub fn shown(&self, published: Option<&PublicationUrls>) -> Value {
        json!({
            "url": published.map(|published| published.crl_file(CrlFile::Root)),
            "number": self.list.number_text(),
            "signed": self.list.this_update.rfc3339(),
            "next_update": self.list.next_update.rfc3339(),
            "entries": self.list.entries.len(),
        })
    }
}
