//! Key ceremonies of the companion: a root, an intermediate below it, a server's own certificate.
//!
//! Native only, and the only place of the library that draws its own randomness. What the certificates contain
//! follows RFC 5280 and, where a private CA can, the CA/Browser Forum's Baseline Requirements. The functions here make
//! what tests and a disposable CA need, with P-256 keys; [`Root`] is a CA that is kept, [`IssuerRequest`] and
//! [`Returned`] are for an intermediate below another's root.

mod constraints;
mod fault;
mod list;
mod request;
mod returned;
mod root;
mod stand_in;
#[cfg(any(test, feature = "testing"))]
mod testing;

use super::basic::BasicConstraints;
use super::pem::{self, PemFault};
use super::profile::default_profile;
use super::serial::Serial;
use super::{sigalg, tbs};
use crate::values::identifier::DnsName;
use crate::values::native_crypto::NativeKey;
use crate::values::x509::Parts;
use crate::values::{SigAlg, Time};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::COMMON_NAME;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
pub use constraints::{Constraints, IpRange};
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use der::Encode;
use der::asn1::{Any, SetOfVec};
pub use fault::{CeremonyFault, RootFault};
pub use request::{IssuerRequest, create_issuer_csr};
pub use returned::{NO_PATH_LENGTH, Returned, ReturnedFault};
pub use root::{IssuerPlan, Root, is_issued_by, is_signed_by};
pub use stand_in::stand_in;
#[cfg(any(test, feature = "testing"))]
pub use testing::{create_csr, create_intermediate_for, cross_sign};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest common name (`ub-common-name` of RFC 5280, appendix A.1), in characters.
const MAX_COMMON_NAME: usize = 64;

/// The algorithm of every key made here.
const ALGORITHM: SigAlg = SigAlg::Es256;

/// A certificate and its private key, both as PEM.
#[derive(Clone)]
pub struct CertAndKey {
    /// The certificate; where it is a server's, followed by the certificates above it without the root.
    pub certificate: String,
    /// The private key as unencrypted PKCS#8.
    pub key: String,
}

impl fmt::Debug for CertAndKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertAndKey").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Makes a self-signed root with this common name, valid for `years` of 365 days from an hour before `now`.
///
/// # Errors
/// [`CeremonyFault::CommonName`], and failures of the machinery.
pub fn create_root(common_name: &str, now: Time, years: u32) -> Result<CertAndKey, CeremonyFault> {
    let root = Root::create(ALGORITHM, common_name, now, years)?;
    Ok(CertAndKey { certificate: root.certificate().to_owned(), key: root.key().to_pkcs8_pem()? })
}

/// Makes an intermediate below `root`, for TLS servers and clients and with no CA below it.
///
/// # Errors
/// [`CeremonyFault::CommonName`], [`CeremonyFault::Outlives`], what is wrong with `root`, and failures of the
/// machinery.
pub fn create_intermediate(
    root: &CertAndKey,
    common_name: &str,
    now: Time,
    years: u32,
) -> Result<CertAndKey, CeremonyFault> {
    intermediate(root, new_key(ALGORITHM)?, common_name, &[ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH], (now, years))
}

fn intermediate(
    root: &CertAndKey,
    key: NativeKey,
    common_name: &str,
    purposes: &[ObjectIdentifier],
    (now, years): (Time, u32),
) -> Result<CertAndKey, CeremonyFault> {
    let issuer = Signer::read(root)?;
    let spki = key.spki_der()?;
    let mut extensions = vec![tbs::authority_key_id(&issuer.key_id)?];
    extensions.extend(intermediate_extensions(&spki, purposes, &Constraints::default())?);
    let period = issuer.period(now, DAY.saturating_mul(365).saturating_mul(years))?;
    let certificate = issuer.issue(&subject(common_name)?, &spki, period, extensions)?;
    Ok(CertAndKey { certificate, key: key.to_pkcs8_pem()? })
}

/// What an intermediate has of its own, and what its CSR asks for: all extensions but the one that names its issuer.
fn intermediate_extensions(
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

/// Makes a TLS server certificate for these DNS names and addresses, below `issuer`, valid for `days` days.
///
/// # Errors
/// [`CeremonyFault::Name`], [`CeremonyFault::NoNames`], [`CeremonyFault::Outlives`], what is wrong with
/// `issuer`, and failures of the machinery.
pub fn create_server_leaf(
    issuer: &CertAndKey,
    dns_names: &[&str],
    addresses: &[IpAddr],
    now: Time,
    days: u32,
) -> Result<CertAndKey, CeremonyFault> {
    let signer = Signer::read(issuer)?;
    let mut names = general_names(dns_names)?;
    names.extend(addresses.iter().copied().map(GeneralName::from));
    if names.is_empty() {
        return Err(CeremonyFault::NoNames);
    }
    let key = new_key(ALGORITHM)?;
    let spki = key.spki_der()?;
    let extensions = vec![
        tbs::authority_key_id(&signer.key_id)?,
        tbs::leaf_key_usage(super::KeyKind::EcP256, true)?,
        tbs::leaf_constraints()?,
        tbs::extended_key_usage(&[ID_KP_SERVER_AUTH])?,
        tbs::alt_names(true, names)?,
    ];
    let period = signer.period(now, DAY.saturating_mul(days))?;
    let mut certificate = signer.issue(&RdnSequence::default().to_der()?, &spki, period, extensions)?;
    for der in pem::read_certificates(&issuer.certificate)? {
        let above = Parts::read(&der)?;
        if above.issuer != above.subject {
            certificate.push_str(&pem::write_certificate(&der)?);
        }
    }
    Ok(CertAndKey { certificate, key: key.to_pkcs8_pem()? })
}

fn general_names(dns_names: &[&str]) -> Result<Vec<GeneralName>, CeremonyFault> {
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

fn first_certificate(pem: &str) -> Result<Vec<u8>, CeremonyFault> {
    pem::read_certificates(pem)?.into_iter().next().ok_or(CeremonyFault::Pem(PemFault::Empty(pem::CERTIFICATE)))
}

/// A CA that signs: what it puts into the certificates below it.
#[derive(Clone)]
struct Signer {
    subject: Vec<u8>,
    key_id: Vec<u8>,
    key: NativeKey,
    not_before: Time,
    not_after: Time,
}

impl Signer {
    fn read(ca: &CertAndKey) -> Result<Self, CeremonyFault> {
        check_pair(&ca.certificate, &ca.key)?;
        let der = first_certificate(&ca.certificate)?;
        Self::of(&Parts::read(&der)?, NativeKey::from_pkcs8_pem(&ca.key)?)
    }

    /// The CA of a certificate and its key.
    fn of(parts: &Parts<'_>, key: NativeKey) -> Result<Self, CeremonyFault> {
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
    fn period(&self, now: Time, length: Duration) -> Result<(Time, Time), CeremonyFault> {
        let (not_before, not_after) = period(now, length);
        if not_after > self.not_after {
            return Err(CeremonyFault::Outlives(not_after, self.not_after));
        }
        Ok((not_before.max(self.not_before), not_after))
    }

    /// The signed certificate as PEM.
    fn issue(
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

/// First and last second of a validity of `length` that began a little before `now`, as leaves' do.
fn period(now: Time, length: Duration) -> (Time, Time) {
    let not_before = now.minus(default_profile().backdate);
    (not_before, not_before.plus(length.saturating_sub(Duration::from_secs(1))))
}

/// A Name of one common name, in DER.
fn subject(common_name: &str) -> Result<Vec<u8>, CeremonyFault> {
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
/// [`CeremonyFault::Randomness`], and failures of the machinery.
pub fn new_key(algorithm: SigAlg) -> Result<NativeKey, CeremonyFault> {
    // Fails here when there is no randomness; an operating system that has given some does not run out of it.
    fill(&mut [0; 1])?;
    Ok(NativeKey::generate(algorithm, &mut |bytes| while fill(bytes).is_err() {})?)
}

#[cfg(test)]
mod tests;
