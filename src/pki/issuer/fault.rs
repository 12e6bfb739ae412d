//! Why a chain cannot be an issuer's.

use super::path_fault::{PathFault, PathPosition, PathRule};
use crate::pki::key::{KeyFault, KeyKind};
use crate::pki::pem::PemFault;
use crate::pki::sigalg::AlgorithmFault;
use crate::values::{CryptoFailure, Time};

/// Why a chain cannot be an issuer's.
///
/// The message is a sentence about "the issuer chain" for the operator. Certificates are counted from 1, the issuer's
/// own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerFault {
    /// The text is not a PEM file of certificates.
    #[error("the issuer chain is unreadable: {0}")]
    Pem(PemFault),
    /// A certificate is unreadable; the parser's reason.
    #[error("certificate {0} of the issuer chain is unreadable: {1}")]
    Unreadable(usize, String),
    /// A certificate of the chain is not a CA certificate.
    #[error("certificate {0} of the issuer chain is not a CA certificate (basicConstraints CA:TRUE)")]
    NotCa(usize),
    /// A certificate of the chain lacks keyCertSign.
    #[error("certificate {0} of the issuer chain lacks the key usage keyCertSign")]
    NoCertSign(usize),
    /// The issuer certificate lacks cRLSign.
    #[error("the issuer certificate lacks the key usage cRLSign, which revocation lists need")]
    NoCrlSign,
    /// The issuer certificate has no subject key identifier, which every leaf repeats.
    #[error("the issuer certificate has no subjectKeyIdentifier, which every leaf repeats")]
    NoKeyId,
    /// The key policy refuses a key.
    #[error("the key of certificate {0} of the issuer chain {1}")]
    Key(usize, KeyFault),
    /// The issuer's key is of an accepted kind, but not of one that signs leaves.
    #[error("the issuer certificate's key is {0}; issuers sign with P-256, P-384 or RSA")]
    KeyKind(KeyKind),
    /// A certificate is self-signed; the chain is served without its root.
    #[error(
        "certificate {0} of the issuer chain is self-signed; give the intermediate and leave the root out, clients have \
         it already"
    )]
    Root(usize),
    /// A certificate is not issued by the one after it.
    #[error(
        "certificate {0} of the issuer chain is not issued by certificate {next}; give the intermediate first, then the \
         certificate above it",
        next = .0 + 1
    )]
    Order(usize),
    /// The last certificate is not issued by the root, by name or by signature. Its number.
    #[error(
        "certificate {0} of the issuer chain, its last, is not issued by the root (RFC 5280 §6.1.3): a certificate in \
         between is missing, or it is another root"
    )]
    NotByRoot(usize),
    /// The key policy refuses the root's key.
    #[error("the key of the root {0}")]
    RootKey(KeyFault),
    /// The root is not valid at present: first and last second of its validity.
    #[error("the root is valid from {from} until {until}", from = .0.rfc3339(), until = .1.rfc3339())]
    RootTime(Time, Time),
    /// A rule of path validation is broken.
    #[error("{0}")]
    Path(PathFault),
    /// A certificate's signature is not by the one after it.
    #[error("the signature of certificate {0} of the issuer chain is not by certificate {next}", next = .0 + 1)]
    Signature(usize),
    /// A certificate's signature algorithm is not supported.
    #[error("in certificate {0} of the issuer chain, {1}")]
    Algorithm(usize, AlgorithmFault),
    /// A certificate is not valid yet; the first second of its validity.
    #[error("certificate {0} of the issuer chain is valid from {from} only", from = .1.rfc3339())]
    NotYetValid(usize, Time),
    /// A certificate has expired; the last second of its validity.
    #[error("certificate {0} of the issuer chain was valid until {until}; renew it", until = .1.rfc3339())]
    Expired(usize, Time),
    /// The crypto provider failed, independent of the chain.
    #[error("{0}")]
    Provider(CryptoFailure),
}

impl PathPosition {
    /// The fault of an unreadable certificate at this position.
    pub(in crate::pki) fn unreadable(self, error: &der::Error) -> IssuerFault {
        match self {
            Self::Chain(nth) => IssuerFault::Unreadable(nth, error.to_string()),
            Self::Root => IssuerFault::Path(PathFault { at: self, rule: PathRule::Unreadable(error.to_string()) }),
        }
    }
}
