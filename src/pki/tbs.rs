//! To-be-signed certificates, of leaves and CAs, and their extensions.

use super::csr::TLS_FEATURE;
use super::key::KeyKind;
use super::serial::Serial;
use crate::values::Time;
use crate::values::identifier::IpName;
use const_oid::AssociatedOid;
use const_oid::db::rfc4519::COMMON_NAME;
use const_oid::db::rfc5280::{ID_AD_CA_ISSUERS, ID_AD_OCSP, ID_CE_SUBJECT_ALT_NAME};
use core::time::Duration;
use der::asn1::{Any, Ia5String, ObjectIdentifier, OctetString, SetOfVec, UintRef, Utf8StringRef};
use der::flagset::FlagSet;
use der::{DateTime, Decode, Encode, Enumerated, ErrorKind, Sequence};
use sha2::{Digest, Sha256};
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoRef};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, GeneralNames};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints,
    ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, Extensions};
use x509_cert::time::{Time as X509Time, Validity};

/// Length of subject key identifiers, in bytes.
const KEY_ID_BYTES: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq, Enumerated)]
#[asn1(type = "INTEGER")]
#[repr(u8)]
enum Version {
    V3 = 2,
}

/// `TBSCertificate` ([RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)) in the subset used here.
///
/// Version 3, names and key as given bytes, no unique identifiers. Hand-written: x509-cert would decode and encode
/// names and key again.
#[derive(Sequence)]
struct Tbs<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    version: Version,
    serial: UintRef<'a>,
    signature: AlgorithmIdentifierOwned,
    issuer: Any,
    validity: Validity,
    subject: Any,
    spki: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    extensions: Extensions,
}

/// The fields of a to-be-signed certificate; names and key as DER.
pub(super) struct Fields<'a> {
    pub serial: &'a Serial,
    pub algorithm: AlgorithmIdentifierOwned,
    pub issuer: &'a [u8],
    pub not_before: Time,
    pub not_after: Time,
    pub subject: &'a [u8],
    pub spki: &'a [u8],
    pub extensions: Extensions,
}

impl Fields<'_> {
    /// The DER of the to-be-signed certificate.
    pub fn encode(self) -> der::Result<Vec<u8>> {
        Tbs {
            version: Version::V3,
            serial: UintRef::new(self.serial.octets())?,
            signature: self.algorithm,
            issuer: Any::from_der(self.issuer)?,
            validity: Validity::new(time(self.not_before)?, time(self.not_after)?),
            subject: Any::from_der(self.subject)?,
            spki: Any::from_der(self.spki)?,
            extensions: self.extensions,
        }
        .to_der()
    }
}

/// UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5).
pub(super) fn time(time: Time) -> der::Result<X509Time> {
    DateTime::from_unix_duration(Duration::from_secs(time.secs())).map(X509Time::from)
}

pub(super) fn extension<T: AssociatedOid + Encode>(critical: bool, value: &T) -> der::Result<Extension> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

/// Authority key identifier: only the issuer's key identifier (RFC 5280 §4.2.1.1).
pub(super) fn authority_key_id(key_id: &[u8]) -> der::Result<Extension> {
    let value = AuthorityKeyIdentifier { key_identifier: Some(OctetString::new(key_id)?), ..Default::default() };
    extension(false, &value)
}

/// Subject key identifier (RFC 5280 §4.2.1.2).
pub(super) fn subject_key_id(key_id: &[u8]) -> der::Result<Extension> {
    extension(false, &SubjectKeyIdentifier(OctetString::new(key_id)?))
}

/// The key identifier of a key.
///
/// It is the first 160 bits of the SHA-256 of its BIT STRING
/// ([RFC 7093 §2](https://www.rfc-editor.org/rfc/rfc7093#section-2), method 1).
pub(super) fn key_id(spki: &[u8]) -> der::Result<Vec<u8>> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki)?;
    let mut id = Sha256::digest(spki.subject_public_key.raw_bytes()).to_vec();
    id.truncate(KEY_ID_BYTES);
    Ok(id)
}

/// Key usage of a leaf in TLS (RFC 5280 §4.2.1.3, RFC 8410 §5); `enciphers` adds keyEncipherment for RSA.
pub(super) fn leaf_key_usage(kind: KeyKind, enciphers: bool) -> der::Result<Extension> {
    let usages: FlagSet<KeyUsages> = match kind {
        KeyKind::Rsa { .. } if enciphers => KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment,
        KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::Ed25519 | KeyKind::Rsa { .. } => {
            KeyUsages::DigitalSignature.into()
        }
    };
    extension(true, &KeyUsage(usages))
}

/// Key usage of a CA: certificates and CRLs.
pub(super) fn ca_key_usage() -> der::Result<Extension> {
    extension(true, &KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))
}

/// Extended key usage (RFC 5280 §4.2.1.12).
pub(super) fn extended_key_usage(purposes: &[ObjectIdentifier]) -> der::Result<Extension> {
    extension(false, &ExtendedKeyUsage(purposes.to_vec()))
}

/// Basic constraints of a leaf: not a CA, written as an empty SEQUENCE (RFC 5280 §4.2.1.9).
pub(super) fn leaf_constraints() -> der::Result<Extension> {
    extension(true, &BasicConstraints { ca: false, path_len_constraint: None })
}

/// Basic constraints of a CA.
pub(super) fn ca_constraints(path_len: Option<u8>) -> der::Result<Extension> {
    extension(true, &BasicConstraints { ca: true, path_len_constraint: path_len })
}

/// Name constraints, which are always critical (RFC 5280 §4.2.1.10).
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn name_constraints(value: &x509_cert::ext::pkix::NameConstraints) -> der::Result<Extension> {
    extension(true, value)
}

/// Subject alternative names: critical if and only if the subject is empty (RFC 5280 §4.2.1.6).
pub(super) fn alt_names(critical: bool, names: GeneralNames) -> der::Result<Extension> {
    let value = OctetString::new(names.to_der()?)?;
    Ok(Extension { extn_id: ID_CE_SUBJECT_ALT_NAME, critical, extn_value: value })
}

/// A Name in DER: a single common name as UTF8String (RFC 5280 §4.1.2.4), or empty.
pub(super) fn subject(common_name: Option<&str>) -> der::Result<Vec<u8>> {
    let attribute = |text| -> der::Result<_> {
        let value = Any::from(Utf8StringRef::new(text)?);
        SetOfVec::from_iter([AttributeTypeAndValue { oid: COMMON_NAME, value }])
    };
    common_name.map(attribute).transpose()?.into_iter().collect::<Vec<_>>().to_der()
}

/// Authority information access: a URL of OCSP and one of caIssuers, or either (RFC 5280 §4.2.2.1).
pub(super) fn information_access(ocsp: Option<&str>, ca_issuers: Option<&str>) -> der::Result<Extension> {
    let described = [(ID_AD_OCSP, ocsp), (ID_AD_CA_ISSUERS, ca_issuers)]
        .into_iter()
        .filter_map(|(access_method, url)| Some((access_method, url?)))
        .map(|(access_method, url)| Ok(AccessDescription { access_method, access_location: uri(url)? }));
    extension(false, &AuthorityInfoAccessSyntax(described.collect::<der::Result<_>>()?))
}

/// TLS feature with status_request, which is must-staple ([RFC 7633 §4](https://www.rfc-editor.org/rfc/rfc7633#section-4)).
pub(super) fn must_staple() -> der::Result<Extension> {
    const STATUS_REQUEST: u8 = 5;
    let value = OctetString::new(vec![STATUS_REQUEST].to_der()?)?;
    Ok(Extension { extn_id: TLS_FEATURE, critical: false, extn_value: value })
}

/// CRL distribution points: one point with one URL (RFC 5280 §4.2.1.13).
pub(super) fn crl_pointer(url: &str) -> der::Result<Extension> {
    let point = DistributionPoint {
        distribution_point: Some(DistributionPointName::FullName(vec![uri(url)?])),
        reasons: None,
        crl_issuer: None,
    };
    extension(false, &CrlDistributionPoints(vec![point]))
}

pub(super) fn uri(url: &str) -> der::Result<GeneralName> {
    Ia5String::new(url).map(GeneralName::UniformResourceIdentifier)
}

/// A dNSName.
pub(super) fn dns_name(name: &str) -> der::Result<GeneralName> {
    Ia5String::new(name).map(GeneralName::DnsName)
}

/// An iPAddress: 4 or 16 octets.
pub(super) fn ip_address(name: IpName) -> der::Result<GeneralName> {
    OctetString::new(name.octets()).map(GeneralName::IpAddress)
}

/// Encodes a `Certificate`; `signature` is in the form of X.509.
pub(super) fn seal(tbs: &[u8], algorithm: AlgorithmIdentifierOwned, signature: &[u8]) -> der::Result<Vec<u8>> {
    #[derive(Sequence)]
    struct Sealed<'a> {
        tbs: Any,
        algorithm: AlgorithmIdentifierOwned,
        signature: der::asn1::BitStringRef<'a>,
    }
    let signature = der::asn1::BitStringRef::from_bytes(signature)?;
    if signature.is_empty() {
        return Err(ErrorKind::Failed.into());
    }
    Sealed { tbs: Any::from_der(tbs)?, algorithm, signature }.to_der()
}
