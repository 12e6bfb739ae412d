//! Why a chain cannot be an issuer's.

use super::path_fault::{At, PathFault, Rule};
use crate::pki::key::{KeyFault, KeyKind};
use crate::pki::pem::PemFault;
use crate::pki::sigalg::AlgorithmFault;
use crate::values::{CryptoFailure, Time};
use core::fmt;

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
    /// The issuer certificate's key may not sign CRLs.
    NoCrlSign,
    /// The issuer certificate has no subject key identifier, to which leaves have to point.
    NoKeyId,
    /// A key is refused by the key policy.
    Key(usize, KeyFault),
    /// The issuer's key is of an accepted kind, but issuers sign with P-256, P-384 or RSA.
    KeyKind(KeyKind),
    /// A certificate is self-signed, and the chain is served without its root.
    Root(usize),
    /// A certificate's issuer is not the certificate after it.
    Order(usize),
    /// The last certificate is not issued by the root, by name or by signature; its number.
    NotByRoot(usize),
    /// The root's key is refused by the key policy.
    RootKey(KeyFault),
    /// The root is not valid: from when until when it is.
    RootTime(Time, Time),
    /// A rule of path validation is broken.
    Path(PathFault),
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
            Self::NoCrlSign => f.write_str(
                "the issuer certificate lacks the key usage cRLSign, without which revocations cannot be told",
            ),
            Self::NoKeyId => f.write_str("the issuer certificate has no subjectKeyIdentifier, to which leaves point"),
            Self::Key(nth, fault) => write!(f, "the key of certificate {nth} of the issuer chain {fault}"),
            Self::KeyKind(kind) => {
                write!(f, "the issuer certificate's key is {kind}; issuers sign with P-256, P-384 or RSA")
            }
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
            Self::NotByRoot(nth) => write!(
                f,
                "certificate {nth} of the issuer chain, its last, is not issued by the root (RFC 5280 §6.1.3): a \
                 certificate in between is missing, or it is another root"
            ),
            Self::RootKey(fault) => write!(f, "the key of the root {fault}"),
            Self::RootTime(from, until) => {
                write!(f, "the root is valid from {} until {}", from.rfc3339(), until.rfc3339())
            }
            Self::Path(fault) => fault.fmt(f),
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

impl At {
    /// That it cannot be read.
    pub(in crate::pki) fn unreadable(self, error: &der::Error) -> IssuerFault {
        match self {
            Self::Chain(nth) => IssuerFault::Unreadable(nth, error.to_string()),
            Self::Root => IssuerFault::Path(PathFault { at: self, rule: Rule::Unreadable(error.to_string()) }),
        }
    }
}
