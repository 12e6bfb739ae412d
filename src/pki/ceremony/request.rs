//! CSRs ([RFC 2986](https://www.rfc-editor.org/rfc/rfc2986)): of clients, and of intermediates for
//! another organization's root.

use super::constraints::Constraints;
use super::fault::CeremonyFault;
use super::signer::{PURPOSES, intermediate_extensions, subject};
use crate::pki::csr::CsrFault;
use crate::pki::{csr, pem, sigalg};
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use const_oid::AssociatedOid;
use der::asn1::{BitString, SetOfVec};
use der::{Decode, Encode};
use futures_util::FutureExt;
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::ext::Extensions;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

/// Makes the CSR (PEM) of an intermediate, with all required extensions.
///
/// # Errors
/// [`CeremonyFault::CommonName`], and failures of cryptography or encoding.
pub fn create_issuer_csr(
    key: &NativeKey,
    common_name: &str,
    constraints: &Constraints,
) -> Result<String, CeremonyFault> {
    let subject = Name::from_der(&subject(common_name)?)?;
    let der = sign(key, subject, intermediate_extensions(&key.spki_der()?, PURPOSES, constraints)?)?;
    Ok(pem::write(pem::REQUEST, &der)?)
}

pub(super) fn sign(key: &NativeKey, subject: Name, extensions: Extensions) -> Result<Vec<u8>, CeremonyFault> {
    let info = CertReqInfo {
        version: Version::V1,
        subject,
        public_key: SubjectPublicKeyInfoOwned::from_der(&key.spki_der()?)?,
        attributes: SetOfVec::from_iter([ExtensionReq(extensions).try_into()?])?,
    };
    let raw = key.sign(key.algorithm(), &info.to_der()?)?;
    let signature = sigalg::to_x509(key.algorithm(), &raw).unwrap_or_default();
    let algorithm = sigalg::identifier(key.algorithm())?;
    Ok(CertReq { info, algorithm, signature: BitString::from_bytes(&signature)? }.to_der()?)
}

/// A verified CSR of an intermediate, with an accepted key.
#[derive(Clone, Debug)]
pub struct IssuerRequest {
    subject: Vec<u8>,
    spki: Vec<u8>,
    constraints: Constraints,
}

impl IssuerRequest {
    /// Reads a CSR from PEM.
    ///
    /// # Errors
    /// [`CeremonyFault::Pem`], [`CeremonyFault::Csr`], [`CeremonyFault::Constraints`] and [`CeremonyFault::Encoding`].
    pub fn read(text: &str) -> Result<Self, CeremonyFault> {
        let der = pem::read_request(text)?;
        // Native verification never waits for anything.
        csr::parse(&der)?.verify(&NativeCrypto).now_or_never().ok_or(CsrFault::Signature)??;
        let info = CertReq::from_der(&der)?.info;
        let mut extensions = Extensions::new();
        for attribute in info.attributes.iter().filter(|attribute| attribute.oid == ExtensionReq::OID) {
            for value in attribute.values.iter() {
                extensions.extend(value.decode_as::<ExtensionReq>()?.0);
            }
        }
        Ok(Self {
            subject: info.subject.to_der()?,
            spki: info.public_key.to_der()?,
            constraints: Constraints::in_extensions(&extensions)?,
        })
    }

    /// The requested subject in DER.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Its public key as DER SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The requested name constraints.
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }
}
