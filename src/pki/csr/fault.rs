//! Refusals of CSRs, and the limits that they name.

use crate::pki::key::KeyFault;
use crate::pki::sigalg::AlgorithmFault;
use crate::values::CryptoFailure;
use crate::values::identifier::NameFault;
use crate::values::quote::quote;

/// Maximum number of different names in one CSR, the common name included.
pub const MAX_CSR_NAMES: usize = 100;

/// Bytes of a dNSName of 253 characters with its tag and length.
const LONGEST_NAME: usize = 256;

/// Bytes of everything else in a CSR.
///
/// An RSA key and a signature of 4096 bits take 1.1 kB, a template's extensions a few hundred bytes.
const REST: usize = 7 * 1024;

/// Maximum length of a CSR, in bytes: the names of every order fit in
/// ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).
pub const MAX_CSR_BYTES: usize = MAX_CSR_NAMES * LONGEST_NAME + REST;

/// Why a CSR is refused. The message is a sentence about "the CSR" for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrFault {
    /// Longer than [`MAX_CSR_BYTES`]; how long.
    #[error("the CSR is {0} bytes long; at most {max} are read", max = MAX_CSR_BYTES)]
    TooLong(usize),
    /// Not a DER CertificationRequest; the parser's reason.
    #[error("the CSR is not a DER CertificationRequest: {0}")]
    Unreadable(der::Error),
    /// The key policy refuses the public key.
    #[error("the CSR's key {0}")]
    Key(KeyFault),
    /// The signature algorithm is refused.
    #[error("the CSR cannot be checked: {0}")]
    Algorithm(AlgorithmFault),
    /// The signature is not by the CSR's own key.
    #[error("the CSR's signature is not by the key in it")]
    Signature,
    /// The crypto provider failed: the only fault that is not the client's.
    #[error("{0}")]
    Provider(CryptoFailure),
    /// The extension request, or the subject alternative names, appear twice.
    #[error("the CSR has {0} more than once")]
    Repeated(&'static str),
    /// No name at all.
    #[error("the CSR asks for no name, neither a subjectAltName nor a common name")]
    NoNames,
    /// More different names than [`MAX_CSR_NAMES`].
    #[error("the CSR asks for {0} names; a certificate has at most {max}", max = MAX_CSR_NAMES)]
    TooManyNames(usize),
    /// A DNS name that cannot be in a certificate.
    #[error("the CSR asks for the name {name}, which {1}", name = quote(.0))]
    Name(String, NameFault),
    /// A common name that is not a DNS name.
    #[error(
        "the CSR's common name {name} {1}; leave it empty, or repeat one of the order's names there",
        name = quote(.0)
    )]
    CommonName(String, NameFault),
    /// A common name in an unsupported character set.
    #[error("the CSR's common name is in an encoding that is not read")]
    CommonNameEncoding,
    /// An IP address of a wrong length, or IPv4 within IPv6. In hexadecimal or as text.
    #[error("the CSR asks for the IP address {0}, which no certificate can have")]
    Ip(String),
    /// A subject alternative name of another kind; the kind.
    #[error("the CSR asks for a subjectAltName of kind {0}; certificates here are for DNS names and IP addresses")]
    OtherName(&'static str),
    /// The TLS feature extension.
    #[error(
        "the CSR asks for the TLS feature extension (must-staple, RFC 7633), but this CA has no OCSP whose answers a \
         server could staple; make the CSR without it"
    )]
    TlsFeature,
}
