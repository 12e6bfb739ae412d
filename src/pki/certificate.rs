//! Certificates presented by revocation requests.

use super::serial::Serial;
use crate::values::identifier::IpName;
use crate::values::x509::Parts;
use crate::values::{Identifier, Time};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectAltName};

/// Maximum length of a certificate, in bytes: several times a leaf with 100 names.
pub const MAX_CERTIFICATE_BYTES: usize = 64 * 1024;

/// Why bytes are not a certificate of this CA. The message is a clause about "the certificate".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Longer than [`MAX_CERTIFICATE_BYTES`]; how long.
    #[error("is {0} bytes long; at most {max} are read", max = MAX_CERTIFICATE_BYTES)]
    TooLong(usize),
    /// Not a DER X.509 certificate of version 3; the parser's reason.
    #[error("is no DER X.509 certificate of version 3: {0}")]
    Unreadable(der::Error),
    /// A serial number that is not positive or too long.
    #[error("has a serial number that is not positive, or is too long")]
    Serial,
}

/// The unverified contents of a presented certificate.
///
/// The ledger and [`PresentedCertificate::tbs_hash`] decide whether it was issued here.
#[derive(Clone, Debug)]
pub struct PresentedCertificate {
    /// Its serial number.
    pub serial: Serial,
    /// Its issuer's Name in DER.
    pub issuer_name: Vec<u8>,
    /// Its authority key identifier, if any.
    pub authority_key_id: Option<Vec<u8>>,
    /// Its public key, DER SubjectPublicKeyInfo.
    pub spki_der: Vec<u8>,
    /// Its to-be-signed part in DER.
    pub tbs_der: Vec<u8>,
    /// The names that can be identifiers of an ACME order.
    pub names: BTreeSet<Identifier>,
    /// Whether it also has names of other kinds, which no order can have.
    pub has_other_names: bool,
    /// The last second of its validity.
    pub not_after: Time,
    /// Its signature in the form of X.509.
    pub signature: Vec<u8>,
}

impl PresentedCertificate {
    /// SHA-256 of the to-be-signed part, independent of the signature's encoding.
    pub fn tbs_hash(&self) -> [u8; 32] {
        sha256(&self.tbs_der)
    }
}

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Reads the DER certificate of a revocation request
/// ([RFC 8555 §7.6](https://www.rfc-editor.org/rfc/rfc8555#section-7.6)).
///
/// # Errors
/// [`CertificateFault`].
pub fn parse_presented(der: &[u8]) -> Result<PresentedCertificate, CertificateFault> {
    if der.len() > MAX_CERTIFICATE_BYTES {
        return Err(CertificateFault::TooLong(der.len()));
    }
    let parts = Parts::read(der).map_err(CertificateFault::Unreadable)?;
    let authority: Option<AuthorityKeyIdentifier> = parts.extension().map_err(CertificateFault::Unreadable)?;
    let names: Option<SubjectAltName> = parts.extension().map_err(CertificateFault::Unreadable)?;
    let names: Vec<_> = names.map_or_else(Vec::new, |names| names.0.iter().map(identifier).collect());
    Ok(PresentedCertificate {
        serial: Serial::from_octets(parts.serial).ok_or(CertificateFault::Serial)?,
        issuer_name: parts.issuer.to_vec(),
        authority_key_id: authority.and_then(|id| id.key_identifier).map(|id| id.as_bytes().to_vec()),
        spki_der: parts.spki.to_vec(),
        tbs_der: parts.tbs.to_vec(),
        has_other_names: names.contains(&None),
        names: names.into_iter().flatten().collect(),
        not_after: parts.not_after,
        signature: parts.signature.to_vec(),
    })
}

fn identifier(name: &GeneralName) -> Option<Identifier> {
    match name {
        GeneralName::DnsName(name) => Identifier::dns(name.as_str()).ok(),
        GeneralName::IpAddress(octets) => IpName::from_octets(octets.as_bytes()).map(Identifier::Ip),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::UniformResourceIdentifier(_)
        | GeneralName::RegisteredId(_) => None,
    }
}

#[cfg(test)]
mod tests;
