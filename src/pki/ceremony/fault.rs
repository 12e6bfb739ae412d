//! Why a ceremony stopped.

use crate::pki::csr::CsrFault;
use crate::pki::issuer::IssuerFault;
use crate::pki::issuer::NameConstraintFault;
pub(super) use crate::pki::leaf::MAX_COMMON_NAME;
use crate::pki::pem::PemFault;
use crate::values::identifier::NameFault;
use crate::values::{CryptoFailure, Time};

/// Why a ceremony stopped; the text is a sentence for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyFault {
    /// A common name that is empty or too long; its length in characters.
    #[error("a CA's common name has 1 to {max} characters, not {0}", max = MAX_COMMON_NAME)]
    CommonName(usize),
    /// A name that no server certificate can have.
    #[error("the name {0:?} {1}")]
    Name(String, NameFault),
    /// A server certificate without names.
    #[error("a server certificate needs at least one name or address")]
    NoNames,
    /// The issuing certificate is unreadable.
    #[error("the certificate is unreadable: {0}")]
    Pem(PemFault),
    /// The issuing certificate is not a CA certificate.
    #[error("the issuing certificate is not a CA certificate")]
    NotCa,
    /// A private key and a certificate that do not belong together.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// A wildcard instead of a suffix: the suffix.
    #[error("a permitted name covers all names below it: write {0:?}, without the `*.`")]
    WildcardSuffix(String),
    /// Name constraints of another form than those made here; their text.
    #[error("its name constraints are not of the form that was requested: {0}")]
    Constraints(String),
    /// The certificate cannot be the root that signs.
    #[error("{0}")]
    Root(RootFault),
    /// The CSR is refused.
    #[error("{0}")]
    Csr(CsrFault),
    /// The root's name constraints exclude a requested name.
    #[error("the root's own name constraints do not permit the requested ones (RFC 5280 §4.2.1.10): {0}")]
    Above(NameConstraintFault),
    /// Verifiers would refuse certificates below the new one.
    #[error("verifiers would refuse what is issued below this root: {0}")]
    Path(IssuerFault),
    /// A validity beyond the issuer's: its end, and the issuer's.
    #[error(
        "the certificate would be valid until {end}, longer than its issuer, which ends {issuer}; choose a shorter life",
        end = .0.rfc3339(),
        issuer = .1.rfc3339()
    )]
    Outlives(Time, Time),
    /// The key could not be read, made or used.
    #[error("{0}")]
    Crypto(CryptoFailure),
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Randomness(String),
    /// A certificate could not be read or written.
    #[error("a certificate could not be read or written: {0}")]
    Encoding(der::Error),
}

/// Why a certificate cannot be the root above an intermediate.
///
/// The message is a sentence about "the root".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootFault {
    /// More than one certificate in the file.
    #[error("the root's file has {0} certificates; give the root alone")]
    Several(usize),
    /// An X.509 version without extensions; the version.
    #[error(
        "the root is an X.509 version {0} certificate, and only version 3 can say that it is a CA's (basicConstraints; \
         RFC 5280 §4.1.2.1, §4.2.1.9), which many verifiers demand of a root: have the CA above renew it with the same \
         key and name as version 3, or sign the request with another root"
    )]
    Version(u8),
    /// Issued by another CA.
    #[error(
        "the root is not self-signed: it is another's intermediate; give the certificate at the top, or have that CA sign \
         a request (`selvedge issuer request`)"
    )]
    NotSelfSigned,
    /// Not a CA certificate.
    #[error("the root is not a CA certificate (basicConstraints CA:TRUE)")]
    NotCa,
    /// A key usage without keyCertSign.
    #[error("the root's key may not sign certificates (keyUsage keyCertSign)")]
    NoCertSign,
    /// A path length that allows fewer CAs below it than requested.
    #[error(
        "the root allows {allowed} CAs below it (its pathLen), but {wanted} would be; a root with another pathLen, or \
         none, is needed"
    )]
    PathLength {
        /// The number of CAs that it allows.
        allowed: u32,
        /// The number of CAs requested.
        wanted: usize,
    },
    /// Not valid yet; the first second of its validity.
    #[error("the root is valid from {from} only", from = .0.rfc3339())]
    NotYetValid(Time),
    /// Expired; the last second of its validity.
    #[error("the root was valid until {until}; it cannot be used any more", until = .0.rfc3339())]
    Expired(Time),
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
