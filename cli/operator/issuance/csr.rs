//! A CSR for one name.

use std::net::IpAddr;

use anyhow::{Context, Result};
use selvedge::pki::sigalg;
use selvedge::values::native_crypto::NativeKey;
use x509_cert::der::asn1::{BitString, Ia5String, OctetString, SetOfVec};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The CSR (DER) for this name, signed by its key.
///
/// # Errors
/// When it cannot be encoded, which does not happen for DNS names and addresses.
pub fn create(key: &NativeKey, name: &str) -> Result<Vec<u8>> {
    let names = SubjectAltName(vec![general_name(name)?]);
    let extension = Extension {
        extn_id: SubjectAltName::OID,
        // The subject is empty.
        critical: true,
        extn_value: OctetString::new(names.to_der()?)?,
    };
    let info = CertReqInfo {
        version: Version::V1,
        subject: Name::default(),
        public_key: SubjectPublicKeyInfoOwned::from_der(&key.spki_der()?)?,
        attributes: SetOfVec::from_iter([ExtensionReq(vec![extension]).try_into()?])?,
    };
    let raw = key.sign(key.algorithm(), &info.to_der()?)?;
    let signature = sigalg::to_x509(key.algorithm(), &raw).context("the signature has another length")?;
    let algorithm = sigalg::identifier(key.algorithm())?;
    Ok(CertReq { info, algorithm, signature: BitString::from_bytes(&signature)? }.to_der()?)
}

/// A DNS name or an address, as certificates have it.
///
/// # Errors
/// When the name is not ASCII.
pub fn general_name(name: &str) -> Result<GeneralName> {
    Ok(match name.parse::<IpAddr>() {
        Ok(address) => GeneralName::from(address),
        Err(_) => GeneralName::DnsName(Ia5String::new(name)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::x509::immediate;
    use selvedge::pki::ceremony::new_key;
    use selvedge::pki::csr;
    use selvedge::values::SigAlg;
    use selvedge::values::native_crypto::NativeCrypto;

    #[test]
    fn csr_is_what_the_authority_reads() {
        for name in ["a.example.test", "192.0.2.1", "2001:db8::1"] {
            let der = create(&new_key(SigAlg::Es256).unwrap(), name).unwrap();
            let verified = immediate(csr::parse(&der).unwrap().verify(&NativeCrypto)).unwrap().unwrap();
            let names: Vec<String> = verified.names().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(names, [name]);
        }
    }
}
