//! The chain of an intermediate from another organization's CA, checked against the request.

use super::constraints::Constraints;
use super::fault::CeremonyFault;
use super::root::{check_root, check_version};
use crate::pki::issuer::IssuerFault;
use crate::pki::issuer::NameConstraintFault;
use crate::pki::issuer::basic_constraints::BasicConstraints;
use crate::pki::issuer::chain::{Chain, ChainEnd};
use crate::pki::pem;
use crate::values::Time;
use crate::values::native_crypto::NativeCrypto;
use crate::values::x509::{Parts, reason};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use futures_util::FutureExt;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};

/// A chain from another CA that passed every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedChain {
    /// The issuer's certificate first, those above it, no root; PEM.
    pub chain: String,
    /// The root, PEM.
    pub root: String,
    /// The last second in which the chain is valid.
    pub not_after: Time,
    /// Accepted deviations, as sentences.
    pub warnings: Vec<String>,
}

/// Why a chain is not what was requested. The message is a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnedFault {
    /// The chain's first certificate is self-signed.
    #[error(
        "the first certificate is self-signed, a root, not the requested intermediate; ask the CA for \
         the certificate of the request, and give the root with --root"
    )]
    Root,
    /// The key's certificate is not the first; its number, counted from 1.
    #[error(
        "the chain is out of order: the certificate of the request's key is number {0}; put it first, then the one that \
         issued it, and so on"
    )]
    Order(usize),
    /// No certificate has the key of the request.
    #[error(
        "no certificate of the chain has the key of the request: it was made for another request; send the CA the right \
         one"
    )]
    Key,
    /// The chain does not end with its root, and no root was given.
    #[error("the chain does not end with a self-signed root; give the CA's root with --root FILE")]
    NoRoot,
    /// The chain ends with another root than the one that was given.
    #[error("the chain ends with another root than the one given with --root")]
    OtherRoot,
    /// The chain's last certificate is not signed by the root.
    #[error(
        "the last certificate of the chain is not signed by the root: a certificate in between is missing, or it is \
         another root; ask the CA for the whole chain"
    )]
    NotByRoot,
    /// A path length other than 0; its value.
    #[error(
        "the request has a pathLen of 0 (no CA below it), the certificate {0}; have the CA sign the request as it is"
    )]
    PathLength(u32),
    /// A key usage without cRLSign.
    #[error(
        "the request has the key usages keyCertSign and cRLSign, the certificate lacks cRLSign; have the CA sign the \
         request as it is"
    )]
    NoCrlSign,
    /// No subject key identifier.
    #[error(
        "the certificate has no subjectKeyIdentifier, which every leaf repeats; have the CA sign the request as it is"
    )]
    NoKeyId,
    /// Extended key usages without serverAuth and clientAuth; those that it has.
    #[error(
        "the request has the extended key usages serverAuth and clientAuth, the certificate only {list}; have the CA sign \
         the request as it is",
        list = .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Purposes(Vec<ObjectIdentifier>),
    /// Other name constraints than requested.
    #[error(
        "the request has the name constraints {wanted}, the certificate {found}; have the CA sign the request as it is"
    )]
    Constraints {
        /// The requested constraints.
        wanted: String,
        /// The constraints of the certificate.
        found: String,
    },
    /// The CAs above exclude every requested name; the refusal of the first.
    #[error(
        "the CAs above the issuer permit none of the names that the request asks for (RFC 5280 §4.2.1.10): {0}; another \
         CA of the company has to sign, or the request has to ask for other names"
    )]
    Above(NameConstraintFault),
    /// A certificate of the chain, or their order, is refused.
    #[error("{0}")]
    Chain(IssuerFault),
    /// The root is refused or unreadable.
    #[error("{0}")]
    Ceremony(CeremonyFault),
}

impl From<CeremonyFault> for ReturnedFault {
    fn from(fault: CeremonyFault) -> Self {
        Self::Ceremony(fault)
    }
}

impl From<IssuerFault> for ReturnedFault {
    fn from(fault: IssuerFault) -> Self {
        match fault {
            IssuerFault::NotByRoot(_) => Self::NotByRoot,
            fault => Self::Chain(fault),
        }
    }
}

impl From<der::Error> for ReturnedFault {
    fn from(error: der::Error) -> Self {
        Self::Ceremony(error.into())
    }
}

impl ReturnedChain {
    /// Checks a returned chain (PEM) up to the root.
    ///
    /// The request had the key `spki` (DER SubjectPublicKeyInfo) and the constraints `wanted`. The root is `root_pem`,
    /// else the one at the chain's end.
    ///
    /// # Errors
    /// The first [`ReturnedFault`] found.
    pub fn check(
        chain_pem: &str,
        root_pem: Option<&str>,
        spki: &[u8],
        wanted: &Constraints,
        now: Time,
    ) -> Result<Self, ReturnedFault> {
        let mut ders = pem::read_certificates(chain_pem).map_err(CeremonyFault::Pem)?;
        check_last(&ders, root_pem)?;
        check_first(&ders, spki)?;
        let root = take_root(&mut ders, root_pem)?;
        let chain = Chain::read(&ders, ChainEnd::NoRoot)?;
        chain.check_time(now)?;
        let root = check_root(&root, ders.len(), now)?;
        let issuer = Parts::read(chain.first_der())?;
        check_issuer(&issuer, wanted)?;
        let whole = Chain::read(&ders, ChainEnd::Below(&root))?;
        // Native verification never waits for anything.
        whole.check_signatures(&NativeCrypto).now_or_never().unwrap_or(Err(IssuerFault::Signature(1)))?;
        let mut warnings = Vec::new();
        if issuer.extension::<BasicConstraints>()?.is_none_or(|found| found.path_length.is_none()) {
            warnings.push(NO_PATH_LENGTH.to_owned());
        }
        if whole.not_after() < chain.not_after() {
            warnings.push(format!(
                "the root ends at {}, before the issuer: no certificate will be valid any longer",
                whole.not_after().rfc3339()
            ));
        }
        check_samples(&whole, wanted, &mut warnings)?;
        Ok(Self {
            chain: chain.pem().to_owned(),
            not_after: whole.not_after(),
            root: pem::write_certificate(&root)?,
            warnings,
        })
    }
}

/// The warning about an issuer without a path length.
pub const NO_PATH_LENGTH: &str = "the issuer's certificate has no pathLen, so its key could sign CAs below it (RFC 5280 §4.2.1.9); have the \
     CA write pathLen 0, if it can";

/// Checks the requested names against the constraints of the whole chain.
fn check_samples(chain: &Chain, wanted: &Constraints, warnings: &mut Vec<String>) -> Result<(), ReturnedFault> {
    let samples = wanted.samples();
    let refused: Vec<_> = samples.iter().filter_map(|name| chain.constraints().check(name).err()).collect();
    match refused.first() {
        Some(outside) if refused.len() == samples.len() => Err(ReturnedFault::Above(outside.clone())),
        Some(_) => {
            warnings
                .extend(refused.iter().map(|outside| format!("no certificate can be had for some names: {outside}")));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Checks the version of a root at the end of the chain.
fn check_last(ders: &[Vec<u8>], given: Option<&str>) -> Result<(), ReturnedFault> {
    let Some((last, [_, ..])) = ders.split_last() else { return Ok(()) };
    let given = given.map(pem::read_certificates).transpose().map_err(CeremonyFault::Pem)?;
    if given.is_none_or(|given| given.contains(last)) {
        check_version(last).map_err(CeremonyFault::Root)?;
    }
    Ok(())
}

/// Checks that the first certificate has the key of the request.
fn check_first(ders: &[Vec<u8>], spki: &[u8]) -> Result<(), ReturnedFault> {
    let parts = ders
        .iter()
        .enumerate()
        .map(|(at, der)| Parts::read(der).map_err(|error| IssuerFault::Unreadable(at + 1, reason(der, &error))));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    match parts.iter().position(|parts| parts.spki == spki) {
        // A self-signed certificate of the key is a root just the same.
        Some(0) if parts.first().is_some_and(|first| first.issuer == first.subject) => Err(ReturnedFault::Root),
        Some(0) => Ok(()),
        Some(at) => Err(ReturnedFault::Order(at + 1)),
        None if parts.first().is_some_and(|first| first.issuer == first.subject) => Err(ReturnedFault::Root),
        None => Err(ReturnedFault::Key),
    }
}

/// The root in PEM, removed from the end of the chain if present.
fn take_root(ders: &mut Vec<Vec<u8>>, given: Option<&str>) -> Result<String, ReturnedFault> {
    let last = ders.last().map(|der| Parts::read(der)).transpose()?;
    let ends = last.is_some_and(|last| last.issuer == last.subject);
    let own = ends.then(|| ders.pop()).flatten();
    match (given, own) {
        (None, None) => Err(ReturnedFault::NoRoot),
        (None, Some(own)) => Ok(pem::write_certificate(&own)?),
        (Some(given), None) => Ok(given.to_owned()),
        (Some(given), Some(own)) => {
            let same = pem::read_certificates(given).map_err(CeremonyFault::Pem)?.contains(&own);
            if same { Ok(given.to_owned()) } else { Err(ReturnedFault::OtherRoot) }
        }
    }
}

/// Checks the extensions of the issuer's certificate.
fn check_issuer(issuer: &Parts<'_>, wanted: &Constraints) -> Result<(), ReturnedFault> {
    let length = issuer.extension::<BasicConstraints>()?.and_then(|constraints| constraints.path_length);
    // Some CAs cannot set a path length; any other value is refused.
    if let Some(other @ 1..) = length {
        return Err(ReturnedFault::PathLength(other));
    }
    if !issuer.extension::<KeyUsage>()?.is_some_and(|usage| usage.crl_sign()) {
        return Err(ReturnedFault::NoCrlSign);
    }
    if issuer.extension::<SubjectKeyIdentifier>()?.is_none_or(|id| id.0.as_bytes().is_empty()) {
        return Err(ReturnedFault::NoKeyId);
    }
    let purposes: Option<ExtendedKeyUsage> = issuer.extension()?;
    if let Some(ExtendedKeyUsage(found)) = purposes
        && ![ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH].iter().any(|purpose| found.contains(purpose))
    {
        return Err(ReturnedFault::Purposes(found));
    }
    let found = match Constraints::of(issuer) {
        Ok(found) if found == *wanted => return Ok(()),
        Ok(found) => found.to_string(),
        Err(CeremonyFault::Constraints(found)) => found,
        Err(fault) => return Err(fault.into()),
    };
    Err(ReturnedFault::Constraints { wanted: wanted.to_string(), found })
}

#[cfg(test)]
mod tests;
