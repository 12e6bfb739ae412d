//! Leaf certificates: the to-be-signed bytes, and the linted and signed certificate.
//!
//! Contents come from the issuer, the profile and the validated names. The CSR gives the public key, and selects the
//! common name among the names.

use super::issuer::Issuer;
use super::key::PublicKey;
use super::lint::report::LintedTbs;
use super::pem;
use super::profile::Profile;
use super::serial::Serial;
use super::validity::Period;
use super::{sigalg, tbs};
use crate::values::{Identifier, Time};
use const_oid::ObjectIdentifier;
use core::time::Duration;
use std::collections::BTreeSet;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::name::GeneralName;

/// The input of a leaf.
///
/// The same request gives the same bytes, so a stored `serial` and `now` are enough to build and lint them again.
#[derive(Clone, Copy, Debug)]
pub struct LeafRequest<'a> {
    /// The issuer that will sign.
    pub issuer: &'a Issuer,
    /// The profile.
    pub profile: &'a Profile,
    /// The subject's key.
    pub public_key: &'a PublicKey,
    /// Every name of the certificate, each once, in their order there.
    pub names: &'a [Identifier],
    /// The subject's common name, one of the names; `None` for an empty subject.
    pub common_name: Option<&'a Identifier>,
    /// The new serial number.
    pub serial: &'a Serial,
    /// The time of issue.
    pub now: Time,
    /// First and last second of its validity: see [`PeriodLimits::period`](super::validity::PeriodLimits::period).
    pub period: Period,
    /// The `http` URL of the issuer certificate (caIssuers), if published.
    pub ca_issuers: Option<&'a str>,
    /// The `http` URL of the CRL, if any. Used by profiles with a CRL distribution point.
    pub crl: Option<&'a str>,
    /// The `http` URL of an OCSP responder, on test machines.
    pub ocsp: Option<&'a str>,
    /// Whether it has the TLS feature extension for must-staple, on test machines.
    pub must_staple: bool,
}

impl LeafRequest<'_> {
    /// The URL of the CRL distribution point, if any.
    pub(super) fn crl_pointer(&self) -> Option<&str> {
        self.crl.filter(|_| self.profile.crl_pointer)
    }
}

/// Why a leaf cannot be issued; the text is a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeafFault {
    /// No names.
    #[error("a certificate needs at least one name")]
    NoNames,
    /// More names than the profile allows: how many, and how many it allows.
    #[error("{0} names are more than the {1} that the profile allows")]
    TooManyNames(usize, usize),
    /// A name twice.
    #[error("a certificate has the name {0} once")]
    Repeated(String),
    /// A validity beyond the issuer's: its end, and the issuer's.
    #[error(
        "the certificate would be valid until {end}, longer than its issuer, which ends {issuer}; the issuer has to be \
         renewed",
        end = .0.rfc3339(),
        issuer = .1.rfc3339()
    )]
    Outlives(Time, Time),
    /// The issuer is not valid at the time of issue, or when the certificate begins.
    #[error("the issuer is not valid at {at}", at = .0.rfc3339())]
    IssuerNotValid(Time),
    /// A validity that is empty or longer than the profile's. Its length, and the profile's name.
    #[error("a validity of {seconds} seconds is not allowed by the profile {1:?}", seconds = .0.as_secs())]
    Length(Duration, &'static str),
    /// The issuer certificate forbids an extended key usage of the profile.
    #[error("the issuer certificate does not allow the extended key usage {0}")]
    Purpose(ObjectIdentifier),
    /// A common name that is not among the names, or too long.
    #[error("{0:?} cannot be the common name: it is not one of the names, or longer than {max}", max = MAX_COMMON_NAME)]
    CommonName(String),
    /// A URL that is not `http`; `https` would need a certificate to check a certificate.
    #[error("{0:?} is not usable in a certificate; it has to be an http URL in ASCII")]
    Url(String),
    /// A signature of the wrong length for the issuer's algorithm.
    #[error("the signer returned {0} bytes, which are not a signature of the issuer")]
    Signature(usize),
    /// DER encoding failed.
    #[error("the certificate could not be encoded: {0}")]
    Encoding(der::Error),
}

impl From<der::Error> for LeafFault {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error)
    }
}

/// The longest common name, in characters (RFC 5280 §A.1, ub-common-name).
pub const MAX_COMMON_NAME: usize = 64;

/// Selects the common name: the requested one if it is among the names and fits.
///
/// Otherwise the first DNS name that fits. It is always one of the names, since only those were validated.
pub fn common_name<'a>(requested: Option<&Identifier>, names: &'a [Identifier]) -> Option<&'a Identifier> {
    let fits = |name: &&Identifier| name.value().len() <= MAX_COMMON_NAME;
    let named = names.iter().filter(fits).find(|name| Some(*name) == requested);
    named.or_else(|| names.iter().filter(fits).find(|name| matches!(name, Identifier::Dns(_))))
}

/// Builds the to-be-signed certificate in DER ([RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)).
///
/// # Errors
/// The first [`LeafFault`] found.
pub fn build_tbs(request: &LeafRequest<'_>) -> Result<Vec<u8>, LeafFault> {
    check(request)?;
    let Period { not_before, not_after } = request.period;
    let fields = tbs::Fields {
        serial: request.serial,
        algorithm: sigalg::identifier(request.issuer.algorithm())?,
        issuer: request.issuer.subject(),
        not_before,
        not_after,
        subject: &tbs::subject(request.common_name.map(Identifier::value).as_deref())?,
        spki: request.public_key.spki_der(),
        extensions: extensions(request)?,
    };
    Ok(fields.encode()?)
}

/// Checks the request.
fn check(request: &LeafRequest<'_>) -> Result<(), LeafFault> {
    let (issuer, profile) = (request.issuer, request.profile);
    if request.names.is_empty() {
        return Err(LeafFault::NoNames);
    }
    if request.names.len() > profile.max_names {
        return Err(LeafFault::TooManyNames(request.names.len(), profile.max_names));
    }
    let once: BTreeSet<&Identifier> = request.names.iter().collect();
    if once.len() != request.names.len() {
        let twice = request.names.iter().find(|name| request.names.iter().filter(|other| other == name).count() > 1);
        return Err(LeafFault::Repeated(twice.map(Identifier::to_string).unwrap_or_default()));
    }
    if let Some(name) = request.common_name
        && (!request.names.contains(name) || name.value().len() > MAX_COMMON_NAME)
    {
        return Err(LeafFault::CommonName(name.to_string()));
    }
    let Period { not_before, not_after } = request.period;
    if issuer.check_time(request.now).is_err() {
        return Err(LeafFault::IssuerNotValid(request.now));
    }
    if not_before.secs() < issuer.not_before().secs() {
        return Err(LeafFault::IssuerNotValid(not_before));
    }
    if request.period.length() > profile.validity || not_after < not_before {
        return Err(LeafFault::Length(request.period.length(), profile.name));
    }
    if not_after.secs() > issuer.not_after().secs() {
        return Err(LeafFault::Outlives(not_after, issuer.not_after()));
    }
    if let Some(purpose) = profile.purposes.iter().find(|purpose| !issuer.allows(**purpose)) {
        return Err(LeafFault::Purpose(*purpose));
    }
    match [request.ca_issuers, request.crl_pointer(), request.ocsp].into_iter().flatten().find(|url| !is_http(url)) {
        Some(url) => Err(LeafFault::Url(url.to_owned())),
        None => Ok(()),
    }
}

/// Printable ASCII without spaces that begins with `http://` and a host.
pub fn is_http(url: &str) -> bool {
    url.bytes().all(|byte| byte.is_ascii_graphic())
        && url.strip_prefix("http://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

/// The extensions in the order in which they are written.
fn extensions(request: &LeafRequest<'_>) -> der::Result<Extensions> {
    let mut extensions = vec![
        tbs::authority_key_id(request.issuer.key_id())?,
        tbs::leaf_key_usage(request.public_key.kind(), request.profile.enciphers())?,
        tbs::leaf_constraints()?,
        tbs::extended_key_usage(request.profile.purposes)?,
        tbs::alt_names(
            request.common_name.is_none(),
            request.names.iter().map(general_name).collect::<Result<_, _>>()?,
        )?,
    ];
    if request.profile.subject_key_id {
        extensions.push(tbs::subject_key_id(&tbs::key_id(request.public_key.spki_der())?)?);
    }
    if request.ca_issuers.is_some() || request.ocsp.is_some() {
        extensions.push(tbs::information_access(request.ocsp, request.ca_issuers)?);
    }
    if let Some(url) = request.crl_pointer() {
        extensions.push(tbs::crl_pointer(url)?);
    }
    if request.must_staple {
        extensions.push(tbs::must_staple()?);
    }
    Ok(extensions)
}

fn general_name(name: &Identifier) -> der::Result<GeneralName> {
    match name {
        Identifier::Dns(name) => tbs::dns_name(name.as_str()),
        Identifier::Ip(name) => tbs::ip_address(*name),
    }
}

/// Assembles the certificate in DER from linted bytes and the issuer's raw signature.
///
/// # Errors
/// [`LeafFault::Signature`] for a signature of the wrong length for the issuer's algorithm.
pub fn assemble(tbs: &LintedTbs, signature: &[u8]) -> Result<Vec<u8>, LeafFault> {
    let algorithm = tbs.algorithm();
    let value = sigalg::to_x509(algorithm, signature).ok_or(LeafFault::Signature(signature.len()))?;
    Ok(tbs::seal(tbs.as_bytes(), sigalg::identifier(algorithm)?, &value)?)
}

/// The PEM of an order's certificate URL: leaf, issuer's chain, no root
/// ([RFC 8555 §9.1](https://www.rfc-editor.org/rfc/rfc8555#section-9.1)).
///
/// # Errors
/// [`LeafFault::Encoding`] for a leaf too long to be encoded.
pub fn pem_chain(leaf_der: &[u8], issuer: &Issuer) -> Result<String, LeafFault> {
    Ok(pem::write_certificate(leaf_der)? + issuer.chain_pem())
}

#[cfg(test)]
mod tests;
