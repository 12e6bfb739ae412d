//! Keys, names, validities and signed certificates of all ceremonies.

use super::constraints::Constraints;
use super::fault::{CeremonyFault, MAX_COMMON_NAME};
use crate::pki::issuer::basic_constraints::BasicConstraints;
use crate::pki::pem::{self, PemFault};
use crate::pki::profile::default_profile;
use crate::pki::serial::Serial;
use crate::pki::{sigalg, tbs};
use crate::values::identifier::DnsName;
use crate::values::native_crypto::NativeKey;
use crate::values::x509::Parts;
use crate::values::{SigAlg, Time};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::COMMON_NAME;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use core::fmt;
use core::time::Duration;
use der::Encode;
use der::asn1::{Any, SetOfVec};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

/// The extended key usages of intermediates.
pub(super) const PURPOSES: &[ObjectIdentifier] = &[ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH];

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate and its private key, both as PEM.
#[derive(Clone)]
pub struct CertAndKey {
    /// The certificate; for a server, followed by its chain without the root.
    pub certificate: String,
    /// The private key as unencrypted PKCS#8.
    pub key: String,
}

impl fmt::Debug for CertAndKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertAndKey").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The extensions of an intermediate and of its CSR, without authorityKeyIdentifier.
pub(super) fn intermediate_extensions(
    spki: &[u8],
    purposes: &[ObjectIdentifier],
    constraints: &Constraints,
) -> Result<Extensions, CeremonyFault> {
    let mut extensions = vec![
        tbs::subject_key_id(&tbs::key_id(spki)?)?,
        tbs::ca_key_usage()?,
        tbs::ca_constraints(Some(0))?,
        tbs::extended_key_usage(purposes)?,
    ];
    extensions.extend(constraints.extension()?);
    Ok(extensions)
}

pub(super) fn general_names(dns_names: &[&str]) -> Result<Vec<GeneralName>, CeremonyFault> {
    let mut names = Vec::new();
    for text in dns_names {
        let name = DnsName::parse(text).map_err(|fault| CeremonyFault::Name((*text).to_owned(), fault))?;
        names.push(tbs::dns_name(name.as_str())?);
    }
    Ok(names)
}

/// Whether a private key (PKCS#8 PEM) belongs to a certificate (the first of a PEM file).
///
/// # Errors
/// [`CeremonyFault::KeyMismatch`] when it does not, and what is wrong with either.
pub fn check_pair(certificate_pem: &str, key_pem: &str) -> Result<(), CeremonyFault> {
    let der = first_certificate(certificate_pem)?;
    let key = NativeKey::from_pkcs8_pem(key_pem)?;
    if Parts::read(&der)?.spki == key.spki_der()? { Ok(()) } else { Err(CeremonyFault::KeyMismatch) }
}

pub(super) fn first_certificate(pem: &str) -> Result<Vec<u8>, CeremonyFault> {
    pem::read_certificates(pem)?.into_iter().next().ok_or(CeremonyFault::Pem(PemFault::Empty(pem::CERTIFICATE)))
}

/// A CA that signs certificates.
#[derive(Clone)]
pub(super) struct Signer {
    pub subject: Vec<u8>,
    pub key_id: Vec<u8>,
    pub key: NativeKey,
    pub not_before: Time,
    pub not_after: Time,
}

impl Signer {
    pub fn read(ca: &CertAndKey) -> Result<Self, CeremonyFault> {
        check_pair(&ca.certificate, &ca.key)?;
        let der = first_certificate(&ca.certificate)?;
        Self::of(&Parts::read(&der)?, NativeKey::from_pkcs8_pem(&ca.key)?)
    }

    /// The CA of a certificate and its key.
    pub fn of(parts: &Parts<'_>, key: NativeKey) -> Result<Self, CeremonyFault> {
        let constraints: Option<BasicConstraints> = parts.extension()?;
        let key_id: Option<SubjectKeyIdentifier> = parts.extension()?;
        let (true, Some(key_id)) = (constraints.is_some_and(|constraints| constraints.ca), key_id) else {
            return Err(CeremonyFault::NotCa);
        };
        Ok(Self {
            subject: parts.subject.to_vec(),
            key_id: key_id.0.as_bytes().to_vec(),
            key,
            not_before: parts.not_before,
            not_after: parts.not_after,
        })
    }

    /// [`period`], within this CA's own.
    pub fn period(&self, now: Time, length: Duration) -> Result<(Time, Time), CeremonyFault> {
        let (not_before, not_after) = period(now, length);
        if not_after > self.not_after {
            return Err(CeremonyFault::Outlives(not_after, self.not_after));
        }
        Ok((not_before.max(self.not_before), not_after))
    }

    /// The signed certificate as PEM.
    pub fn issue(
        &self,
        subject: &[u8],
        spki: &[u8],
        (not_before, not_after): (Time, Time),
        extensions: Extensions,
    ) -> Result<String, CeremonyFault> {
        let algorithm = self.key.algorithm();
        let fields = tbs::Fields {
            serial: &Serial::from_random(random()?),
            algorithm: sigalg::identifier(algorithm)?,
            issuer: &self.subject,
            not_before,
            not_after,
            subject,
            spki,
            extensions,
        };
        let tbs = fields.encode()?;
        let raw = self.key.sign(algorithm, &tbs)?;
        let signature = sigalg::to_x509(algorithm, &raw).unwrap_or_default();
        Ok(pem::write_certificate(&tbs::seal(&tbs, sigalg::identifier(algorithm)?, &signature)?)?)
    }
}

/// First and last second of a validity of `length`, backdated as those of leaves.
pub(super) fn period(now: Time, length: Duration) -> (Time, Time) {
    let not_before = now.minus(default_profile().backdate);
    (not_before, not_before.plus(length.saturating_sub(Duration::from_secs(1))))
}

/// A Name of one common name, in DER.
pub(super) fn subject(common_name: &str) -> Result<Vec<u8>, CeremonyFault> {
    let length = common_name.chars().count();
    if !(1..=MAX_COMMON_NAME).contains(&length) {
        return Err(CeremonyFault::CommonName(length));
    }
    let value = Any::encode_from(&common_name.to_owned())?;
    let attribute = AttributeTypeAndValue { oid: COMMON_NAME, value };
    let names = vec![RelativeDistinguishedName::from(SetOfVec::from_iter([attribute])?)];
    Ok(RdnSequence::from(names).to_der()?)
}

#[allow(clippy::disallowed_methods, reason = "a ceremony is a native program of its own: it has no Random port")]
fn fill(bytes: &mut [u8]) -> Result<(), CeremonyFault> {
    getrandom::fill(bytes).map_err(|error| CeremonyFault::Randomness(error.to_string()))
}

fn random<const N: usize>() -> Result<[u8; N], CeremonyFault> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}

/// A new key that signs under `algorithm`.
///
/// # Errors
/// [`CeremonyFault::Randomness`], and failures of cryptography or encoding.
pub fn new_key(algorithm: SigAlg) -> Result<NativeKey, CeremonyFault> {
    // Fails here without randomness; an operating system that has given some always gives more.
    fill(&mut [0; 1])?;
    Ok(NativeKey::generate(algorithm, &mut |bytes| while fill(bytes).is_err() {})?)
}
