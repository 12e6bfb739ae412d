//! Certificate signing requests ([RFC 2986](https://www.rfc-editor.org/rfc/rfc2986)), which an order's
//! finalize brings.
//!
//! Two things are taken from a CSR: its public key and the names that it asks for. Other subject attributes
//! and other requested extensions (a CA certificate, code signing) are read over and have no effect, for the profile says
//! what a certificate is for, and many tools ask for what their templates have. One is refused: the TLS feature extension
//! (must-staple, [RFC 7633](https://www.rfc-editor.org/rfc/rfc7633)), on which its sender would rely and which needs OCSP.

mod names;

use super::key::{KeyFault, PublicKey, check_spki};
use super::sigalg::{self, AlgorithmFault};
use crate::values::identifier::NameFault;
use crate::values::quote::quote;
use crate::values::{CryptoFailure, Identifier, SigAlg, Verify};
use core::fmt;
use der::asn1::BitStringRef;
use der::{Decode, Reader, SliceReader};
use names::Requested;
use spki::AlgorithmIdentifierRef;
use std::collections::BTreeSet;

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
            Self::Name(name, fault) => write!(f, "the CSR asks for the name {}, which {fault}", quote(name)),
            Self::CommonName(name, fault) => write!(
                f,
                "the CSR's common name {} {fault}; leave it empty, or repeat one of the order's names there",
                quote(name)
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

/// A CSR that was read, with an acceptable key; its signature is not checked yet.
#[derive(Clone, Debug)]
pub struct Csr {
    key: PublicKey,
    requested: Requested,
    algorithm: SigAlg,
    /// CertificationRequestInfo as received.
    info: Vec<u8>,
    /// As the crypto ports carry it.
    signature: Vec<u8>,
}

/// Reads a DER CSR and applies the key policy to its key.
///
/// # Errors
/// The first [`CsrFault`] found. What names it asks for is judged in [`VerifiedCsr::names`].
pub fn parse(der: &[u8]) -> Result<Csr, CsrFault> {
    if der.len() > MAX_CSR_BYTES {
        return Err(CsrFault::TooLong(der.len()));
    }
    let (info, algorithm, signature) = outer(der).map_err(CsrFault::Unreadable)?;
    let parts = inner(info).map_err(CsrFault::Unreadable)?;
    let key = check_spki(parts.spki).map_err(CsrFault::Key)?;
    let algorithm = sigalg::read(&algorithm, key.kind()).map_err(CsrFault::Algorithm)?;
    let requested = names::read(parts.subject, parts.attributes)?;
    let signature = sigalg::from_x509(algorithm, signature).ok_or(CsrFault::Signature)?;
    Ok(Csr { key, requested, algorithm, info: info.to_vec(), signature })
}

/// `CertificationRequest`: its info, its signature algorithm and its signature.
fn outer(der: &[u8]) -> der::Result<(&[u8], AlgorithmIdentifierRef<'_>, &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|r| {
        let info = r.tlv_bytes()?;
        let algorithm = AlgorithmIdentifierRef::decode(r)?;
        let signature = BitStringRef::decode(r)?;
        // Every signature is whole bytes.
        Ok::<_, der::Error>((info, algorithm, signature.as_bytes().unwrap_or_default()))
    })?;
    reader.finish()?;
    Ok(parts)
}

/// The parts of a `CertificationRequestInfo`, each with its header.
struct Info<'a> {
    subject: &'a [u8],
    spki: &'a [u8],
    attributes: Option<&'a [u8]>,
}

fn inner(info: &[u8]) -> der::Result<Info<'_>> {
    let mut reader = SliceReader::new(info)?;
    let parts = reader.sequence(|r| {
        // Version 1 is the only one (RFC 2986 §4.1) and some clients write another number.
        let _version = u8::decode(r)?;
        let (subject, spki) = (r.tlv_bytes()?, r.tlv_bytes()?);
        // The attributes are mandatory even when empty, and still some clients leave them out.
        let attributes = if r.is_finished() { None } else { Some(r.tlv_bytes()?) };
        Ok::<_, der::Error>(Info { subject, spki, attributes })
    })?;
    reader.finish()?;
    Ok(parts)
}

impl Csr {
    /// The key that the certificate is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks that the CSR is signed by its own key.
    ///
    /// # Errors
    /// [`CsrFault::Signature`], or [`CsrFault::Provider`] when the check could not be made.
    pub async fn verify(self, crypto: &impl Verify) -> Result<VerifiedCsr, CsrFault> {
        let spki = self.key.spki_der();
        match crypto.verify(self.algorithm, spki, &self.info, &self.signature).await {
            Ok(true) => Ok(VerifiedCsr { key: self.key, requested: self.requested }),
            Ok(false) => Err(CsrFault::Signature),
            Err(failure) => Err(CsrFault::Provider(failure)),
        }
    }
}

/// A CSR whose sender has proven to hold the private key.
#[derive(Clone, Debug)]
pub struct VerifiedCsr {
    key: PublicKey,
    requested: Requested,
}

impl VerifiedCsr {
    /// The key that the certificate is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The names that the CSR asks for, in the form of identifiers: common name and subject alternative names
    /// are one set ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).
    ///
    /// # Errors
    /// The first name that no certificate here can have, none, or too many.
    pub fn names(&self) -> Result<BTreeSet<Identifier>, CsrFault> {
        self.requested.identifiers()
    }

    /// The first common name of its subject that is an identifier.
    pub fn common_name(&self) -> Option<Identifier> {
        self.requested.common_name()
    }
}

#[cfg(test)]
mod tests;
