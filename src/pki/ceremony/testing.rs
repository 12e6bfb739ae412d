//! Certificates and CSRs that only tests make.

use super::disposable::{ALGORITHM, intermediate};
use super::fault::CeremonyFault;
use super::request::sign;
use super::signer::{CertAndKey, general_names, new_key};
use crate::pki::tbs;
use crate::values::Time;
use crate::values::native_crypto::NativeKey;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use x509_cert::name::Name;

/// As [`super::create_intermediate`], for these extended key usages.
///
/// # Errors
/// As [`super::create_intermediate`].
pub fn create_intermediate_for(
    root: &CertAndKey,
    common_name: &str,
    purposes: &[ObjectIdentifier],
    now: Time,
    years: u32,
) -> Result<CertAndKey, CeremonyFault> {
    intermediate(root, new_key(ALGORITHM)?, common_name, purposes, (now, years))
}

/// Makes a cross certificate: the name and key of the intermediate `of` below another root.
///
/// # Errors
/// As [`super::create_intermediate`].
pub fn cross_sign(
    root: &CertAndKey,
    of: &CertAndKey,
    common_name: &str,
    now: Time,
    years: u32,
) -> Result<CertAndKey, CeremonyFault> {
    let key = NativeKey::from_pkcs8_pem(&of.key)?;
    intermediate(root, key, common_name, &[ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH], (now, years))
}

/// Makes the CSR of a client for these DNS names, in DER.
///
/// It has no subject and one extension, and is signed by `key`.
///
/// # Errors
/// [`CeremonyFault::Name`], and failures of cryptography or encoding.
pub fn create_csr(key: &NativeKey, dns_names: &[&str]) -> Result<Vec<u8>, CeremonyFault> {
    sign(key, Name::default(), vec![tbs::alt_names(true, general_names(dns_names)?)?])
}
