//! Why a CSR is refused, and the limits that a refusal names.

use crate::pki::key::KeyFault;
use crate::pki::sigalg::AlgorithmFault;
use crate::values::CryptoFailure;
use crate::values::identifier::NameFault;
use core::fmt;

/// Most different names in one CSR, the common name included.
pub const MAX_CSR_NAMES: usize = 100;

/// A dNSName of 253 characters with its tag and length.
const LONGEST_NAME: usize = 256;

/// All else in a CSR: an RSA key and a signature of 4096 bits take 1.1 kB, a template's extensions a few hundred bytes.
const REST: usize = 7 * 1024;

/// Longest CSR that is read, in bytes: what an order can be for fits in
/// ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).
pub const MAX_CSR_BYTES: usize = MAX_CSR_NAMES * LONGEST_NAME + REST;

/// Why a CSR is refused; [`fmt::Display`] is a sentence about "the CSR" for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsrFault {
    /// Longer than [`MAX_CSR_BYTES`]; how long.
    TooLong(usize),
    /// Not a DER CertificationRequest; the parser's reason.
    Unreadable(der::Error),
    /// The public key is refused.
    Key(KeyFault),
    /// The signature algorithm is refused.
    Algorithm(AlgorithmFault),
    /// The signature is not by the CSR's own key.
    Signature,
    /// The crypto provider failed: the one fault that is not the client's.
    Provider(CryptoFailure),
    /// The extensions are requested twice, or the subject alternative names are there twice.
    Repeated(&'static str),
    /// No name at all.
    NoNames,
    /// More different names than [`MAX_CSR_NAMES`].
    TooManyNames(usize),
    /// A DNS name that cannot be in a certificate.
    Name(String, NameFault),
    /// A common name that is no DNS name.
    CommonName(String, NameFault),
    /// A common name in a character set that is not read.
    CommonNameEncoding,
    /// An IP address that cannot be in a certificate, in hex or as text: of a wrong length, or IPv4 within IPv6.
    Ip(String),
    /// A subject alternative name of another kind; what kind.
    OtherName(&'static str),
    /// The TLS feature extension.
    TlsFeature,
}

impl fmt::Display for CsrFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => write!(f, "the CSR is {length} bytes long; at most {MAX_CSR_BYTES} are read"),
            Self::Unreadable(error) => write!(f, "the CSR is not a DER CertificationRequest: {error}"),
            Self::Key(fault) => write!(f, "the CSR's key {fault}"),
            Self::Algorithm(fault) => write!(f, "the CSR cannot be checked: {fault}"),
            Self::Signature => f.write_str("the CSR's signature is not by the key in it"),
            Self::Provider(failure) => failure.fmt(f),
            Self::Repeated(what) => write!(f, "the CSR has {what} more than once"),
            Self::NoNames => f.write_str("the CSR asks for no name, neither a subjectAltName nor a common name"),
            Self::TooManyNames(count) => {
                write!(f, "the CSR asks for {count} names; a certificate has at most {MAX_CSR_NAMES}")
            }
            Self::Name(name, fault) => write!(f, "the CSR asks for the name {:?}, which {fault}", beginning(name)),
            Self::CommonName(name, fault) => write!(
                f,
                "the CSR's common name {:?} {fault}; leave it empty, or repeat one of the order's names there",
                beginning(name)
            ),
            Self::CommonNameEncoding => f.write_str("the CSR's common name is in an encoding that is not read"),
            Self::Ip(address) => write!(f, "the CSR asks for the IP address {address}, which no certificate can have"),
            Self::OtherName(kind) => write!(
                f,
                "the CSR asks for a subjectAltName of kind {kind}; certificates here are for DNS names and IP addresses"
            ),
            Self::TlsFeature => f.write_str(
                "the CSR asks for the TLS feature extension (must-staple, RFC 7633), but this CA has no OCSP whose \
                 answers a server could staple; make the CSR without it",
            ),
        }
    }
}

impl std::error::Error for CsrFault {}

/// As much of a foreign text as is repeated in a refusal.
fn beginning(text: &str) -> String {
    const MAX_SHOWN: usize = 80;
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
