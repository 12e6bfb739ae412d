//! The certificate of a tls-alpn-01 challenge
//! ([RFC 8737 §3](https://www.rfc-editor.org/rfc/rfc8737#section-3)).

use crate::validation::quote::list_some;
use crate::validation::tls::signature::{TlsKeyKind, UnverifiedSignature};
use crate::values::Identifier;
use crate::values::hex;
use crate::values::identifier::IpName;
use crate::values::quote::{escape_octets, quote_octets};
use crate::values::x509::Undated;
use const_oid::ObjectIdentifier;
use der::Decode;
use der::asn1::OctetStringRef;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// acmeIdentifier ([RFC 8737 §6.1](https://www.rfc-editor.org/rfc/rfc8737#section-6.1)).
pub const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");

/// Why a certificate does not prove control; the text follows "its certificate".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// Not a DER X.509 certificate of version 3; the parser's reason.
    #[error("is no DER X.509 certificate of version 3 ({0})")]
    Unreadable(der::Error),
    /// The issuer is not the subject.
    #[error("is not self-signed: its issuer is not its subject")]
    Issued,
    /// The signature is not by the certificate's own key.
    #[error("is not self-signed: its signature does not hold with its own key")]
    SelfSignature,
    /// A signature algorithm that is not supported, or does not fit the key.
    #[error(
        "is signed with the algorithm {0}; that has to be ECDSA with SHA-256 or SHA-384, RSA (PKCS#1 v1.5) with SHA-256, \
         SHA-384 or SHA-512, or Ed25519, as fits its key"
    )]
    Algorithm(ObjectIdentifier),
    /// Other names than the identifier alone: those that it has, and the expected one.
    #[error("is for {0}; it has to have one subject alternative name, {1}")]
    Names(String, String),
    /// No acmeIdentifier extension, or several.
    #[error("{}", extensions(*.0))]
    Extension(usize),
    /// An acmeIdentifier extension that is not critical.
    #[error("has an acmeIdentifier extension that is not critical")]
    NotCritical,
    /// An acmeIdentifier that is not an OCTET STRING of 32 bytes; the value, in part.
    #[error("has an acmeIdentifier extension whose value is no OCTET STRING of 32 bytes, but {0}")]
    Value(String),
    /// Another digest than expected; both in hexadecimal, the expected one last.
    #[error("has the acmeIdentifier {0}; the SHA-256 digest of the key authorization is {1}")]
    Digest(String, String),
}

/// The text of [`CertificateFault::Extension`].
fn extensions(count: usize) -> String {
    match count {
        0 => format!("has no acmeIdentifier extension ({ACME_IDENTIFIER})"),
        count => format!("has {count} acmeIdentifier extensions instead of one"),
    }
}

/// The certificate of a challenge; RFC 8737 §3 does not restrict its dates.
pub struct ChallengeCertificate<'a>(Undated<'a>);

impl<'a> ChallengeCertificate<'a> {
    /// Reads a DER certificate.
    ///
    /// # Errors
    /// [`CertificateFault::Unreadable`].
    pub fn read(der: &'a [u8]) -> Result<Self, CertificateFault> {
        Undated::read(der).map(Self).map_err(CertificateFault::Unreadable)
    }

    /// Its public key, DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        self.0.spki
    }

    /// Checks its contents for `identifier` and the SHA-256 `digest` of the key authorization.
    ///
    /// The caller checks its signature: [`ChallengeCertificate::self_signature`].
    ///
    /// # Errors
    /// The first fault found.
    pub fn judge(&self, identifier: &Identifier, digest: &[u8; 32]) -> Result<(), CertificateFault> {
        if self.0.issuer != self.0.subject {
            return Err(CertificateFault::Issued);
        }
        let names = self.0.extension::<SubjectAltName>().map_err(CertificateFault::Unreadable)?;
        let names = names.map(|names| names.0).unwrap_or_default();
        match names.as_slice() {
            [only] if is(only, identifier) => {}
            other => return Err(CertificateFault::Names(show(other), identifier.to_string())),
        }
        let found = self.digest()?;
        if found == *digest { Ok(()) } else { Err(CertificateFault::Digest(hex::encode(&found), hex::encode(digest))) }
    }

    fn digest(&self) -> Result<[u8; 32], CertificateFault> {
        let found: Vec<_> = self.0.extensions.iter().filter(|one| one.extn_id == ACME_IDENTIFIER).collect();
        let [only] = found.as_slice() else { return Err(CertificateFault::Extension(found.len())) };
        if !only.critical {
            return Err(CertificateFault::NotCritical);
        }
        let value = only.extn_value.as_bytes();
        let octets = <&OctetStringRef>::from_der(value).ok().and_then(|octets| octets.as_bytes().try_into().ok());
        octets.ok_or_else(|| CertificateFault::Value(quote_octets(value)))
    }

    /// Its signature, for the check with its own key.
    ///
    /// # Errors
    /// [`CertificateFault::Algorithm`] and [`CertificateFault::SelfSignature`] for a signature that does not fit
    /// the key.
    pub fn self_signature(&self) -> Result<UnverifiedSignature, CertificateFault> {
        let Undated { spki, algorithm, tbs, signature, .. } = &self.0;
        let known = TlsKeyKind::of(spki).and_then(|kind| kind.certificate_algorithm(algorithm.oid));
        let known = known.ok_or(CertificateFault::Algorithm(algorithm.oid))?;
        UnverifiedSignature::new(known, tbs, signature).ok_or(CertificateFault::SelfSignature)
    }
}

/// Whether a subjectAltName is `identifier`, compared case-insensitively or as octets
/// ([RFC 8738 §6](https://www.rfc-editor.org/rfc/rfc8738#section-6)).
fn is(name: &GeneralName, identifier: &Identifier) -> bool {
    match (name, identifier) {
        (GeneralName::DnsName(name), Identifier::Dns(wanted)) => name.as_str().eq_ignore_ascii_case(wanted.as_str()),
        (GeneralName::IpAddress(octets), Identifier::Ip(wanted)) => octets.as_bytes() == wanted.octets(),
        _ => false,
    }
}

fn show(names: &[GeneralName]) -> String {
    if names.is_empty() {
        return "no subject alternative name".to_owned();
    }
    list_some(names.iter().map(|name| match name {
        GeneralName::DnsName(name) => quote_octets(name.as_str().as_bytes()),
        GeneralName::IpAddress(octets) => match IpName::from_octets(octets.as_bytes()) {
            Some(address) => address.to_string(),
            None => format!("an iPAddress of octets \"{}\"", escape_octets(octets.as_bytes(), 64)),
        },
        _ => "a name that is neither dNSName nor iPAddress".to_owned(),
    }))
}
