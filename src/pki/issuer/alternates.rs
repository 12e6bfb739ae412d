//! Alternate chains: other ways from the same leaf to other roots
//! ([RFC 8555 §7.4.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2)).

use super::chain::{Chain, ChainEnd, ReadChain};
use super::fault::IssuerFault;
use crate::pki::pem::{self, PemFault};
use crate::values::x509::Parts;
use x509_cert::ext::pkix::SubjectKeyIdentifier;

/// Maximum number of alternate chains, each one more request for a client that compares them.
pub const MAX_ALTERNATES: usize = 8;

/// Why alternate chains are refused; the text is a sentence. Chains are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlternateFault {
    /// The text is not a PEM file of certificates.
    #[error("the alternate chains are unreadable: {0}")]
    Pem(PemFault),
    /// More than [`MAX_ALTERNATES`]; how many.
    #[error("{0} alternate chains are more than the {max} allowed", max = MAX_ALTERNATES)]
    TooMany(usize),
    /// The first certificate has another key than the issuer.
    #[error(
        "the first certificate is not one for the issuer's key; each alternate chain begins with a certificate for that \
         key, signed by another CA"
    )]
    OtherKey,
    /// A chain's first certificate has another subject than the issuer.
    #[error("alternate chain {0} begins with a certificate whose subject is not the issuer's")]
    OtherName(usize),
    /// A chain's first certificate has another subject key identifier than the issuer.
    #[error("alternate chain {0} begins with a certificate whose subjectKeyIdentifier is not the issuer's")]
    OtherKeyId(usize),
    /// The certificates do not form a chain.
    #[error("alternate chain {0} is refused: {1}")]
    Chain(usize, IssuerFault),
}

/// The parts of an issuer that all its certificates share.
pub(in crate::pki) struct Identity<'a> {
    /// Its public key, DER SubjectPublicKeyInfo.
    pub spki: &'a [u8],
    /// Its subject, DER.
    pub subject: &'a [u8],
    /// Its subject key identifier.
    pub key_id: &'a [u8],
}

/// Reads alternate chains: each certificate with the issuer's key begins a new one.
///
/// The certificates above it follow, optionally with a root at the end.
///
/// # Errors
/// The first [`AlternateFault`] found.
pub(in crate::pki) fn read(issuer: &Identity<'_>, text: &str, read: ReadChain) -> Result<Vec<Chain>, AlternateFault> {
    let mut chains: Vec<Vec<Vec<u8>>> = Vec::new();
    for der in pem::read_certificates(text).map_err(AlternateFault::Pem)? {
        let begins = Parts::read(&der).is_ok_and(|parts| parts.spki == issuer.spki);
        match chains.last_mut() {
            Some(chain) if !begins => chain.push(der),
            _ if begins => chains.push(vec![der]),
            _ => return Err(AlternateFault::OtherKey),
        }
    }
    if chains.len() > MAX_ALTERNATES {
        return Err(AlternateFault::TooMany(chains.len()));
    }
    chains.iter().enumerate().map(|(at, ders)| alternate(issuer, at + 1, ders, read)).collect()
}

fn alternate(issuer: &Identity<'_>, nth: usize, ders: &[Vec<u8>], read: ReadChain) -> Result<Chain, AlternateFault> {
    let chain = read(ders, ChainEnd::OptionalRoot).map_err(|fault| AlternateFault::Chain(nth, fault))?;
    let unreadable = |error: der::Error| AlternateFault::Chain(nth, IssuerFault::Unreadable(1, error.to_string()));
    let first = Parts::read(chain.first_der()).map_err(unreadable)?;
    if first.subject != issuer.subject {
        return Err(AlternateFault::OtherName(nth));
    }
    let key_id: Option<SubjectKeyIdentifier> = first.extension().map_err(unreadable)?;
    if key_id.is_none_or(|key_id| key_id.0.as_bytes() != issuer.key_id) {
        return Err(AlternateFault::OtherKeyId(nth));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::testing::{authority, block_on, cross_signed, issuer};
    use crate::values::native_crypto::NativeCrypto;

    #[test]
    fn r02_certificate_of_issuer_key_begins_alternate_chain() {
        let (root, intermediate) = authority();
        let (other_root, cross) = cross_signed();
        let text =
            format!("{}{}{}{cross}{}", intermediate.certificate, root.certificate, cross, other_root.certificate);
        let issuer = issuer().with_alternates(&text).unwrap();
        let pems: Vec<_> = issuer.alternates().iter().map(|chain| chain.pem().to_owned()).collect();
        assert_eq!(
            pems,
            [
                format!("{}{}", intermediate.certificate, root.certificate),
                cross.clone(),
                format!("{cross}{}", other_root.certificate)
            ]
        );
        block_on(issuer.check_signatures(&NativeCrypto)).unwrap();
    }

    #[test]
    fn r02_mismatched_alternate_chain_is_refused_with_its_number() {
        let (root, intermediate) = authority();
        let (other_root, cross) = cross_signed();
        let fault = |text: &str| issuer().with_alternates(text).unwrap_err();
        assert!(matches!(fault(""), AlternateFault::Pem(_)));
        assert_eq!(fault(&root.certificate), AlternateFault::OtherKey);
        let wrong_root = format!("{cross}{}", root.certificate);
        assert_eq!(fault(&wrong_root), AlternateFault::Chain(1, IssuerFault::NotByRoot(1)));
        let root_within = format!("{cross}{}{}", other_root.certificate, other_root.certificate);
        assert_eq!(fault(&root_within), AlternateFault::Chain(1, IssuerFault::Root(2)));
        assert_eq!(fault(&cross.repeat(9)), AlternateFault::TooMany(9));
        let renamed = crate::pki::testing::renamed_issuer();
        assert_eq!(fault(&format!("{cross}{renamed}")), AlternateFault::OtherName(2));
        assert!(fault(&renamed).to_string().contains("alternate chain 1"));
        assert!(issuer().with_alternates(&intermediate.certificate).is_ok());
    }
}
