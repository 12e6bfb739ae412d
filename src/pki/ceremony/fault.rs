//! Why a ceremony stopped.

use crate::pki::csr::CsrFault;
use crate::pki::issuer::IssuerFault;
use crate::pki::issuer::Outside;
pub(super) use crate::pki::leaf::MAX_COMMON_NAME;
use crate::pki::pem::PemFault;
use crate::values::identifier::NameFault;
use crate::values::{CryptoFailure, Time};
use core::fmt;

/// Why a ceremony stopped; [`fmt::Display`] is a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CeremonyFault {
    /// A common name that is empty or too long; its length in characters.
    CommonName(usize),
    /// A name that no server certificate can have.
    Name(String, NameFault),
    /// A server certificate without names.
    NoNames,
    /// The issuing certificate cannot be read.
    Pem(PemFault),
    /// The issuing certificate is no CA certificate.
    NotCa,
    /// A private key does not belong to its certificate.
    KeyMismatch,
    /// A wildcard where a suffix belongs: the suffix.
    WildcardSuffix(String),
    /// Name constraints of a form that is not written here: what they say.
    Constraints(String),
    /// What is wrong with a root that is to sign.
    Root(RootFault),
    /// What is wrong with a CSR.
    Csr(CsrFault),
    /// The root permits no certificates for a name that is asked for; why not.
    Above(Outside),
    /// Verifiers would refuse what is below the made certificate.
    Path(IssuerFault),
    /// The certificate would outlive its issuer: its end, and the issuer's.
    Outlives(Time, Time),
    /// The key could not be read, made or used.
    Crypto(CryptoFailure),
    /// The operating system gave no random bytes.
    Randomness(String),
    /// A certificate could not be read or written.
    Encoding(der::Error),
}

impl fmt::Display for CeremonyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommonName(length) => {
                write!(f, "a CA's common name has 1 to {MAX_COMMON_NAME} characters, not {length}")
            }
            Self::Name(name, fault) => write!(f, "the name {name:?} {fault}"),
            Self::NoNames => f.write_str("a server certificate needs at least one name or address"),
            Self::Pem(fault) => write!(f, "the certificate is unreadable: {fault}"),
            Self::NotCa => f.write_str("the issuing certificate is no CA certificate"),
            Self::KeyMismatch => f.write_str("the private key does not belong to the certificate"),
            Self::WildcardSuffix(suffix) => {
                write!(f, "a permitted name covers all names below it: write {suffix:?}, without the `*.`")
            }
            Self::Constraints(found) => {
                write!(f, "its name constraints are not of the form that is asked for: {found}")
            }
            Self::Root(fault) => fault.fmt(f),
            Self::Csr(fault) => fault.fmt(f),
            Self::Above(outside) => {
                write!(
                    f,
                    "the root's own name constraints do not permit what is asked for (RFC 5280 §4.2.1.10): {outside}"
                )
            }
            Self::Path(fault) => write!(f, "verifiers would refuse what is issued below this root: {fault}"),
            Self::Outlives(end, issuer_end) => write!(
                f,
                "the certificate would be valid until {}, longer than its issuer, which ends {}; choose a \
                 shorter life",
                end.rfc3339(),
                issuer_end.rfc3339()
            ),
            Self::Crypto(failure) => failure.fmt(f),
            Self::Randomness(reason) => write!(f, "the operating system gives no random bytes: {reason}"),
            Self::Encoding(error) => write!(f, "a certificate could not be read or written: {error}"),
        }
    }
}

impl std::error::Error for CeremonyFault {}

/// Why a certificate is no root under which an intermediate can be; a sentence about "the root".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootFault {
    /// More than one certificate in the file.
    Several(usize),
    /// An X.509 version that has no extensions; which one.
    Version(u8),
    /// Issued by another.
    NotSelfSigned,
    /// No CA certificate.
    NotCa,
    /// Its key may not sign certificates.
    NoCertSign,
    /// Its path length: fewer CAs may be below it than there are to be.
    PathLength {
        /// What it allows.
        allowed: u32,
        /// How many there are to be.
        wanted: usize,
    },
    /// Not valid yet: from when.
    NotYetValid(Time),
    /// Over: since when.
    Expired(Time),
}

impl fmt::Display for RootFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Several(count) => write!(f, "the root's file has {count} certificates; give the root alone"),
            Self::Version(found) => write!(
                f,
                "the root is an X.509 version {found} certificate, and only version 3 can say that it is a CA's \
                 (basicConstraints; RFC 5280 §4.1.2.1, §4.2.1.9), which many verifiers demand of a root: have the CA above \
                 renew it with the same key and name as version 3, or sign the request with another root"
            ),
            Self::NotSelfSigned => f.write_str(
                "the root is not self-signed: it is another's intermediate; give the certificate at the top, or have \
                 that CA sign a request (`selvedge issuer request`)",
            ),
            Self::NotCa => f.write_str("the root is no CA certificate (basicConstraints CA:TRUE)"),
            Self::NoCertSign => f.write_str("the root's key may not sign certificates (keyUsage keyCertSign)"),
            Self::PathLength { allowed, wanted } => write!(
                f,
                "the root allows {allowed} CAs below it (its pathLen), but {wanted} would be; a root with another \
                 pathLen, or none, is needed"
            ),
            Self::NotYetValid(from) => write!(f, "the root is valid from {} only", from.rfc3339()),
            Self::Expired(until) => {
                write!(f, "the root was valid until {}; it cannot be used any more", until.rfc3339())
            }
        }
    }
}

impl From<IssuerFault> for CeremonyFault {
    fn from(fault: IssuerFault) -> Self {
        Self::Path(fault)
    }
}

impl From<RootFault> for CeremonyFault {
    fn from(fault: RootFault) -> Self {
        Self::Root(fault)
    }
}

impl From<CsrFault> for CeremonyFault {
    fn from(fault: CsrFault) -> Self {
        Self::Csr(fault)
    }
}

impl From<CryptoFailure> for CeremonyFault {
    fn from(failure: CryptoFailure) -> Self {
        Self::Crypto(failure)
    }
}

impl From<der::Error> for CeremonyFault {
    fn from(error: der::Error) -> Self {
        Self::Encoding(error)
    }
}

impl From<PemFault> for CeremonyFault {
    fn from(fault: PemFault) -> Self {
        Self::Pem(fault)
    }
}
