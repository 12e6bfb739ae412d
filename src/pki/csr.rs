//! Certificate signing requests ([RFC 2986](https://www.rfc-editor.org/rfc/rfc2986)) of finalize
//! requests.
//!
//! Only the public key and the names of a CSR are used. Other subject attributes and requested extensions (a CA
//! certificate, code signing) are ignored: the profile decides, and many tools request what their templates have. The TLS
//! feature extension (must-staple, [RFC 7633](https://www.rfc-editor.org/rfc/rfc7633)) needs OCSP: [`VerifiedCsr::names`]
//! refuses it, and [`VerifiedCsr::with_must_staple`] is for test machines.

mod fault;
mod names;

pub use fault::{CsrFault, MAX_CSR_BYTES, MAX_CSR_NAMES};
pub(super) use names::TLS_FEATURE;

use super::key::{PublicKey, check_spki};
use super::sigalg;
use crate::values::{Identifier, SigAlg, Verify};
use der::asn1::BitStringRef;
use der::{Decode, Reader, SliceReader};
use names::Requested;
use spki::AlgorithmIdentifierRef;
use std::collections::BTreeSet;

/// A parsed CSR with an accepted key; its signature is unverified.
#[derive(Clone, Debug)]
pub struct Csr {
    key: PublicKey,
    requested: Requested,
    algorithm: SigAlg,
    /// CertificationRequestInfo as received.
    info: Vec<u8>,
    /// In the form of the crypto ports.
    signature: Vec<u8>,
}

/// Reads a DER CSR and applies the key policy to its key.
///
/// # Errors
/// The first [`CsrFault`] found; [`VerifiedCsr::names`] checks the names.
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
        // Signatures are whole bytes.
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
    /// The subject's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks that the CSR is signed by its own key.
    ///
    /// # Errors
    /// [`CsrFault::Signature`], or [`CsrFault::Provider`] for a failure of the provider.
    pub async fn verify(self, crypto: &impl Verify) -> Result<VerifiedCsr, CsrFault> {
        let spki = self.key.spki_der();
        match crypto.verify(self.algorithm, spki, &self.info, &self.signature).await {
            Ok(true) => Ok(VerifiedCsr { key: self.key, requested: self.requested }),
            Ok(false) => Err(CsrFault::Signature),
            Err(failure) => Err(CsrFault::Provider(failure)),
        }
    }
}

/// A CSR with a verified signature, which proves possession of the private key.
#[derive(Clone, Debug)]
pub struct VerifiedCsr {
    key: PublicKey,
    requested: Requested,
}

impl VerifiedCsr {
    /// The subject's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The requested names as identifiers: common name and subject alternative names in one set ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).
    ///
    /// # Errors
    /// A name that is not an identifier, no names, or too many; a request for must-staple.
    pub fn names(&self) -> Result<BTreeSet<Identifier>, CsrFault> {
        match self.requested.must_staple()? {
            true => Err(CsrFault::TlsFeature),
            false => self.requested.identifiers(),
        }
    }

    /// The names in the CSR's order, DNS names first, and whether it asks for must-staple.
    ///
    /// # Errors
    /// As [`VerifiedCsr::names`], and for a TLS feature other than must-staple.
    pub fn with_must_staple(&self) -> Result<(Vec<Identifier>, bool), CsrFault> {
        Ok((self.requested.in_order()?, self.requested.must_staple()?))
    }

    /// The first common name of its subject that is an identifier.
    pub fn common_name(&self) -> Option<Identifier> {
        self.requested.common_name()
    }
}

#[cfg(test)]
mod tests;
