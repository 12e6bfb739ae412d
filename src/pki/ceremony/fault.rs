//! Why a ceremony stopped.

use super::MAX_COMMON_NAME;
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
            Self::Outlives(end, issuer_end) => write!(
                f,
                "the certificate would be valid until {}, longer than its issuer, which ends {}",
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
