//! Certificate revocation lists ([RFC 5280 §5](https://www.rfc-editor.org/rfc/rfc5280#section-5)): the to-be-signed
//! bytes, and the linted ([`lint::crl`](super::lint::crl)) and signed CRL.
//!
//! The certificates of an issuer are partitioned into shards with one CRL each. A critical issuingDistributionPoint
//! limits its scope to the certificates that point to one of its URLs. A complete list is of all certificates of
//! subscribers.

pub mod read;

use super::issuer::Issuer;
use super::leaf::is_http;
use super::lint::report::LintedTbs;
use super::serial::Serial;
use super::{sigalg, tbs};
use crate::values::Time;
use const_oid::db::rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT;
use der::asn1::{Any, OctetString, Uint, UintRef};
use der::{Decode, Encode, Enumerated, Sequence};
use spki::AlgorithmIdentifierOwned;
use x509_cert::ext::pkix::crl::{CrlNumber, CrlReason, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::time::Time as X509Time;

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlEntry {
    /// Its serial number.
    pub serial: Serial,
    /// When it was revoked.
    pub at: Time,
    /// The CRLReason (RFC 5280 §5.3.1): 1, 3, 4 or 5; none for "unspecified".
    pub reason: Option<u8>,
}

/// The input of a CRL. The same request gives the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct CrlRequest<'a> {
    /// The issuer of the certificates, which also signs the CRL.
    pub issuer: &'a Issuer,
    /// The CRL number, higher than in every earlier CRL of the shard.
    pub number: u64,
    /// Its thisUpdate.
    pub this_update: Time,
    /// Its nextUpdate.
    pub next_update: Time,
    /// The `http` URLs of the CRL, present and former.
    ///
    /// Byte for byte as in the shard's certificates. A complete list has none.
    pub urls: &'a [String],
    /// Whether it is a complete list: of all certificates of the issuer.
    pub complete: bool,
    /// The revoked certificates.
    pub entries: &'a [CrlEntry],
}

/// Why a CRL cannot be issued; the text is a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlFault {
    /// The issuer is not valid at `thisUpdate`.
    #[error("the issuer is not valid at {at}", at = .0.rfc3339())]
    IssuerNotValid(Time),
    /// `nextUpdate` is not after `thisUpdate`; both, `thisUpdate` first.
    #[error("nextUpdate {next} is not after thisUpdate {this}", this = .0.rfc3339(), next = .1.rfc3339())]
    Empty(Time, Time),
    /// A URL that is not `http`.
    #[error("{0:?} is not usable in a CRL; it has to be an http URL in ASCII")]
    Url(String),
    /// A reason code that these CRLs do not use.
    #[error("revocation reason {0} is not allowed in a CRL")]
    Reason(u8),
    /// A signature of the wrong length for the issuer's algorithm.
    #[error("the signer returned {0} bytes, which are not a signature of the issuer")]
    Signature(usize),
    /// DER encoding failed.
    #[error("the CRL could not be encoded: {0}")]
    Encoding(der::Error),
}

impl From<der::Error> for CrlFault {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error)
    }
}

/// `TBSCertList` (RFC 5280 §5.1) in the subset used here: version 2, the issuer's name as given bytes.
#[derive(Sequence)]
pub(super) struct Tbs<'a> {
    pub version: Version,
    pub signature: AlgorithmIdentifierOwned,
    pub issuer: Any,
    pub this_update: X509Time,
    pub next_update: X509Time,
    // §5.1.2.6: absent where nothing is revoked.
    #[asn1(optional = "true")]
    pub revoked: Option<Vec<Revoked<'a>>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub extensions: Extensions,
}

#[derive(Clone, Copy, PartialEq, Eq, Enumerated)]
#[asn1(type = "INTEGER")]
#[repr(u8)]
pub(super) enum Version {
    V2 = 1,
}

#[derive(Sequence)]
pub(super) struct Revoked<'a> {
    pub serial: UintRef<'a>,
    pub at: X509Time,
    #[asn1(optional = "true")]
    pub extensions: Option<Extensions>,
}

/// Builds the to-be-signed CRL in DER.
///
/// # Errors
/// The first [`CrlFault`] found.
pub fn build_tbs(request: &CrlRequest<'_>) -> Result<Vec<u8>, CrlFault> {
    if request.issuer.check_time(request.this_update).is_err() {
        return Err(CrlFault::IssuerNotValid(request.this_update));
    }
    if request.next_update.secs() <= request.this_update.secs() {
        return Err(CrlFault::Empty(request.this_update, request.next_update));
    }
    if let Some(url) = request.urls.iter().find(|url| !is_http(url)) {
        return Err(CrlFault::Url(url.clone()));
    }
    if request.urls.is_empty() != request.complete {
        return Err(CrlFault::Url(String::new()));
    }
    let revoked = request.entries.iter().map(revoked).collect::<Result<Vec<_>, CrlFault>>()?;
    let list = Tbs {
        version: Version::V2,
        signature: sigalg::identifier(request.issuer.algorithm())?,
        issuer: Any::from_der(request.issuer.subject())?,
        this_update: tbs::time(request.this_update)?,
        next_update: tbs::time(request.next_update)?,
        revoked: (!revoked.is_empty()).then_some(revoked),
        extensions: vec![
            tbs::authority_key_id(request.issuer.key_id())?,
            tbs::extension(false, &CrlNumber(Uint::new(&request.number.to_be_bytes())?))?,
            distribution_point(request.urls)?,
        ],
    };
    Ok(list.to_der()?)
}

fn revoked(entry: &CrlEntry) -> Result<Revoked<'_>, CrlFault> {
    let reason = entry.reason.map(reason).transpose()?;
    let extensions = reason.map(|reason| Ok::<_, der::Error>(vec![tbs::extension(false, &reason)?])).transpose()?;
    Ok(Revoked { serial: UintRef::new(entry.serial.octets())?, at: tbs::time(entry.at)?, extensions })
}

/// The revocation reasons for certificates of subscribers (RFC 5280 §5.3.1).
fn reason(code: u8) -> Result<CrlReason, CrlFault> {
    match code {
        1 => Ok(CrlReason::KeyCompromise),
        3 => Ok(CrlReason::AffiliationChanged),
        4 => Ok(CrlReason::Superseded),
        5 => Ok(CrlReason::CessationOfOperation),
        other => Err(CrlFault::Reason(other)),
    }
}

/// issuingDistributionPoint (RFC 5280 §5.2.5), critical: these URLs, and certificates of subscribers only. A
/// certificate is in its scope when one of them is the certificate's (RFC 5280 §6.3.3 (b) (2) (i)). Without URLs, all of
/// them are.
fn distribution_point(urls: &[String]) -> der::Result<Extension> {
    let names: Vec<_> = urls.iter().map(|url| tbs::uri(url)).collect::<Result<_, _>>()?;
    let value = IssuingDistributionPoint {
        distribution_point: (!names.is_empty()).then_some(DistributionPointName::FullName(names)),
        only_contains_user_certs: true,
        only_contains_ca_certs: false,
        only_some_reasons: None,
        indirect_crl: false,
        only_contains_attribute_certs: false,
    };
    // Not the OID of x509-cert 0.3, which is wrong (subjectInfoAccess).
    let extn_value = OctetString::new(value.to_der()?)?;
    Ok(Extension { extn_id: ID_CE_ISSUING_DISTRIBUTION_POINT, critical: true, extn_value })
}

/// Assembles the CRL in DER from linted bytes and the issuer's raw signature.
///
/// # Errors
/// [`CrlFault::Signature`] for a signature of the wrong length for the issuer's algorithm.
pub fn assemble(tbs: &LintedTbs, signature: &[u8]) -> Result<Vec<u8>, CrlFault> {
    let algorithm = tbs.algorithm();
    let value = sigalg::to_x509(algorithm, signature).ok_or(CrlFault::Signature(signature.len()))?;
    Ok(tbs::seal(tbs.as_bytes(), sigalg::identifier(algorithm)?, &value)?)
}

#[cfg(test)]
mod tests;
