//! The issuer: the intermediate certificate whose key signs leaves, and what is served after each leaf.

use super::key::{KeyFault, KeyKind, PublicKey, check_spki};
use super::pem::{self, PemFault};
use super::serial::hex;
use super::sigalg::{self, AlgorithmFault};
use crate::values::x509::Parts;
use crate::values::{CryptoFailure, SigAlg, Time, Verify};
use const_oid::ObjectIdentifier;
use core::fmt;
use der::Decode;
use sha2::{Digest, Sha256};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

/// Bytes of the key's hash in [`Issuer::id`]: enough to tell the issuers of one CA apart.
const ID_HASH_BYTES: usize = 8;

/// Why a chain cannot be an issuer's; [`fmt::Display`] is a sentence about "the issuer chain" for the operator.
/// Certificates are counted from 1, the issuer's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerFault {
    /// The text is no PEM file of certificates.
    Pem(PemFault),
    /// A certificate cannot be read; the parser's reason.
    Unreadable(usize, String),
    /// A certificate in the chain is no CA certificate.
    NotCa(usize),
    /// A CA certificate's key may not sign certificates.
    NoCertSign(usize),
    /// The issuer certificate has no subject key identifier, to which leaves have to point.
    NoKeyId,
    /// A key is refused by the key policy.
    Key(usize, KeyFault),
    /// The issuer's key is of an accepted kind, but issuers sign with P-256.
    KeyKind(KeyKind),
    /// A certificate is self-signed, and the chain is served without its root.
    Root(usize),
    /// A certificate's issuer is not the certificate after it.
    Order(usize),
    /// A certificate's signature is not by the certificate after it.
    Signature(usize),
    /// A certificate is signed with an algorithm that is not checked here.
    Algorithm(usize, AlgorithmFault),
    /// A certificate is not valid yet: since when it will be.
    NotYetValid(usize, Time),
    /// A certificate is over: until when it was valid.
    Expired(usize, Time),
    /// The crypto provider failed, which says nothing about the chain.
    Provider(CryptoFailure),
}

impl fmt::Display for IssuerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(fault) => write!(f, "the issuer chain is unreadable: {fault}"),
            Self::Unreadable(nth, reason) => write!(f, "certificate {nth} of the issuer chain is unreadable: {reason}"),
            Self::NotCa(nth) => {
                write!(f, "certificate {nth} of the issuer chain is no CA certificate (basicConstraints CA:TRUE)")
            }
            Self::NoCertSign(nth) => write!(f, "certificate {nth} of the issuer chain lacks the key usage keyCertSign"),
            Self::NoKeyId => f.write_str("the issuer certificate has no subjectKeyIdentifier, to which leaves point"),
            Self::Key(nth, fault) => write!(f, "the key of certificate {nth} of the issuer chain {fault}"),
            Self::KeyKind(kind) => write!(f, "the issuer certificate's key is {kind}; issuers sign with P-256"),
            Self::Root(nth) => write!(
                f,
                "certificate {nth} of the issuer chain is self-signed; give the intermediate and leave the root out, \
                 clients have it already"
            ),
            Self::Order(nth) => write!(
                f,
                "certificate {nth} of the issuer chain is not issued by certificate {}; give the intermediate first, \
                 then the certificate above it",
                nth + 1
            ),
            Self::Signature(nth) => {
                write!(f, "the signature of certificate {nth} of the issuer chain is not by certificate {}", nth + 1)
            }
            Self::Algorithm(nth, fault) => write!(f, "in certificate {nth} of the issuer chain, {fault}"),
            Self::NotYetValid(nth, from) => {
                write!(f, "certificate {nth} of the issuer chain is valid from {} only", from.rfc3339())
            }
            Self::Expired(nth, until) => {
                write!(f, "certificate {nth} of the issuer chain was valid until {}; renew it", until.rfc3339())
            }
            Self::Provider(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for IssuerFault {}

/// A CA certificate that passed the checks for being an issuer, with those above it but without the root.
#[derive(Clone, Debug)]
pub struct Issuer {
    links: Vec<Link>,
    subject: Vec<u8>,
    key: PublicKey,
    key_id: Vec<u8>,
    purposes: Option<Vec<ObjectIdentifier>>,
    chain_pem: String,
    name: String,
}

/// One certificate of the chain.
#[derive(Clone, Debug)]
struct Link {
    der: Vec<u8>,
    not_before: Time,
    not_after: Time,
}

impl Issuer {
    /// Reads a PEM chain: the issuer's certificate first, each next one the issuer of the one before, no root.
    ///
    /// Neither the time nor signatures are checked; see [`Issuer::check_time`] and [`Issuer::check_chain`].
    ///
    /// # Errors
    /// The first [`IssuerFault`] found.
    pub fn from_pem_chain(chain_pem: &str) -> Result<Self, IssuerFault> {
        let ders = pem::read_certificates(chain_pem).map_err(IssuerFault::Pem)?;
        let chain = ders.iter().enumerate().map(|(at, der)| read(at + 1, der)).collect::<Result<Vec<_>, _>>()?;
        for (at, pair) in chain.windows(2).enumerate() {
            if let [below, above] = pair {
                check_link(at + 1, below, above)?;
            }
        }
        let first = chain.first().ok_or(IssuerFault::Pem(PemFault::Empty))?;
        let key = check_spki(first.spki).map_err(|fault| IssuerFault::Key(1, fault))?;
        if key.kind() != KeyKind::EcP256 {
            return Err(IssuerFault::KeyKind(key.kind()));
        }
        let unreadable = |error: der::Error| IssuerFault::Unreadable(1, error.to_string());
        let key_id: SubjectKeyIdentifier =
            first.extension().map_err(unreadable)?.filter(has_bytes).ok_or(IssuerFault::NoKeyId)?;
        let purposes: Option<ExtendedKeyUsage> = first.extension().map_err(unreadable)?;
        let links = chain.iter().zip(&ders).map(|(parts, der)| Link {
            der: der.clone(),
            not_before: parts.not_before,
            not_after: parts.not_after,
        });
        Ok(Self {
            links: links.collect(),
            subject: first.subject.to_vec(),
            key,
            key_id: key_id.0.into_bytes().into(),
            purposes: purposes.map(|usage| usage.0),
            chain_pem: ders
                .iter()
                .map(|der| pem::write_certificate(der))
                .collect::<Result<_, _>>()
                .map_err(unreadable)?,
            name: readable_name(first.subject).map_err(unreadable)?,
        })
    }

    /// Whether every certificate of the chain is valid at `now`.
    ///
    /// # Errors
    /// [`IssuerFault::NotYetValid`] or [`IssuerFault::Expired`].
    pub fn check_time(&self, now: Time) -> Result<(), IssuerFault> {
        for (at, link) in self.links.iter().enumerate() {
            if now < link.not_before {
                return Err(IssuerFault::NotYetValid(at + 1, link.not_before));
            }
            // notAfter is the last second in which it is valid.
            if now.secs() > link.not_after.secs() {
                return Err(IssuerFault::Expired(at + 1, link.not_after));
            }
        }
        Ok(())
    }

    /// Checks the signature of each certificate of the chain by the one after it.
    ///
    /// # Errors
    /// [`IssuerFault::Signature`], [`IssuerFault::Algorithm`], [`IssuerFault::Key`] or [`IssuerFault::Provider`].
    pub async fn check_chain(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        for (at, pair) in self.links.windows(2).enumerate() {
            let [below, above] = pair else { continue };
            let (below, above) = (read(at + 1, &below.der)?, read(at + 2, &above.der)?);
            let key = check_spki(above.spki).map_err(|fault| IssuerFault::Key(at + 2, fault))?;
            let alg =
                sigalg::read(&below.algorithm, key.kind()).map_err(|fault| IssuerFault::Algorithm(at + 1, fault))?;
            let raw = sigalg::from_x509(alg, below.signature).ok_or(IssuerFault::Signature(at + 1))?;
            if !crypto.verify(alg, above.spki, below.tbs, &raw).await.map_err(IssuerFault::Provider)? {
                return Err(IssuerFault::Signature(at + 1));
            }
        }
        Ok(())
    }

    /// Whether this DER SubjectPublicKeyInfo is the issuer's: the signing key has to match its certificate.
    pub fn matches_public_key(&self, spki_der: &[u8]) -> bool {
        self.key.spki_der() == spki_der
    }

    /// The issuer certificate's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The algorithm with which the issuer signs.
    pub fn algorithm(&self) -> SigAlg {
        SigAlg::Es256
    }

    /// The subject of the issuer certificate, in DER, which is every leaf's issuer field.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The subject key identifier of the issuer certificate, which is every leaf's authority key identifier.
    pub fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// Whether the issuer certificate lets its leaves have this extended key usage.
    pub fn allows(&self, purpose: ObjectIdentifier) -> bool {
        self.purposes.as_ref().is_none_or(|purposes| purposes.contains(&purpose))
    }

    /// The chain that follows each leaf, as strict PEM: the issuer certificate first, no root.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The issuer certificate in DER, which the caIssuers URL serves.
    pub fn certificate_der(&self) -> &[u8] {
        self.links.first().map_or(&[], |link| &link.der)
    }

    /// The first second in which the whole chain is valid.
    pub fn not_before(&self) -> Time {
        self.links.iter().map(|link| link.not_before).max().unwrap_or(Time::from_millis(0))
    }

    /// The last second in which the whole chain is valid.
    pub fn not_after(&self) -> Time {
        self.links.iter().map(|link| link.not_after).min().unwrap_or(Time::from_millis(0))
    }

    /// A short name made of the key: 16 characters of hexadecimal. It survives a renewal of the certificate.
    pub fn id(&self) -> String {
        let mut hash = Sha256::digest(self.key.spki_der()).to_vec();
        hash.truncate(ID_HASH_BYTES);
        hex(&hash)
    }

    /// The subject's common name, or its organization where it has none.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Reads the `nth` certificate and checks that it is a CA's and no root.
fn read(nth: usize, der: &[u8]) -> Result<Parts<'_>, IssuerFault> {
    let unreadable = |error: der::Error| IssuerFault::Unreadable(nth, error.to_string());
    let parts = Parts::read(der).map_err(unreadable)?;
    if parts.issuer == parts.subject {
        return Err(IssuerFault::Root(nth));
    }
    let constraints: Option<BasicConstraints> = parts.extension().map_err(unreadable)?;
    if !constraints.is_some_and(|constraints| constraints.ca) {
        return Err(IssuerFault::NotCa(nth));
    }
    let usage: Option<KeyUsage> = parts.extension().map_err(unreadable)?;
    if !usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(IssuerFault::NoCertSign(nth));
    }
    Ok(parts)
}

/// Whether `above` is, by name and key identifier, the issuer of `below`, the `nth` certificate.
fn check_link(nth: usize, below: &Parts<'_>, above: &Parts<'_>) -> Result<(), IssuerFault> {
    let unreadable = |error: der::Error| IssuerFault::Unreadable(nth, error.to_string());
    let authority: Option<AuthorityKeyIdentifier> = below.extension().map_err(unreadable)?;
    let key_id: Option<SubjectKeyIdentifier> = above.extension().map_err(unreadable)?;
    let ids_differ = match (authority.and_then(|authority| authority.key_identifier), key_id) {
        (Some(wanted), Some(has)) => wanted != has.0,
        _ => false,
    };
    if below.issuer != above.subject || ids_differ { Err(IssuerFault::Order(nth)) } else { Ok(()) }
}

fn has_bytes(key_id: &SubjectKeyIdentifier) -> bool {
    !key_id.0.as_bytes().is_empty()
}

fn readable_name(subject: &[u8]) -> der::Result<String> {
    let name = Name::from_der(subject)?;
    // Not `to_string`: it knows every attribute by name, by a table of 90 kB.
    let called = name.common_name()?.or(name.organization()?);
    Ok(called.map_or_else(|| "an authority without a name".to_owned(), |text| text.value().into_owned()))
}

#[cfg(test)]
mod tests;
