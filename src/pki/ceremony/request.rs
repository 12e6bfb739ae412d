//! The CSR of a client.

use super::{CeremonyFault, general_names};
use crate::pki::{sigalg, tbs};
use crate::values::native_crypto::NativeKey;
use der::asn1::{BitString, SetOfVec};
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

/// Makes the CSR of a client for these DNS names, in DER: no subject, one extension, signed by `key`.
///
/// # Errors
/// [`CeremonyFault::Name`], and failures of the machinery.
pub fn create_csr(key: &NativeKey, dns_names: &[&str]) -> Result<Vec<u8>, CeremonyFault> {
    let extensions = ExtensionReq(vec![tbs::critical_alt_names(general_names(dns_names)?)?]);
    let info = CertReqInfo {
        version: Version::V1,
        subject: Name::default(),
        public_key: SubjectPublicKeyInfoOwned::from_der(&key.spki_der()?)?,
        attributes: SetOfVec::from_iter([extensions.try_into()?])?,
    };
    let raw = key.sign(key.algorithm(), &info.to_der()?)?;
    let signature = sigalg::to_x509(key.algorithm(), &raw).unwrap_or_default();
    let algorithm = sigalg::identifier(key.algorithm())?;
    Ok(CertReq { info, algorithm, signature: BitString::from_bytes(&signature)? }.to_der()?)
}
