//! P-256 certificates for tests and temporary CAs.

use super::constraints::Constraints;
use super::fault::CeremonyFault;
use super::root::Root;
use super::signer::{CertAndKey, DAY, Signer, general_names, intermediate_extensions, new_key, subject};
use crate::pki::key::KeyKind;
use crate::pki::{pem, tbs};
use crate::values::native_crypto::NativeKey;
use crate::values::x509::Parts;
use crate::values::{SigAlg, Time};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use core::net::IpAddr;
use der::Encode;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::RdnSequence;

/// The algorithm of all keys of this file.
pub(super) const ALGORITHM: SigAlg = SigAlg::Es256;

/// Makes a self-signed root with this common name.
///
/// It is valid for `years` of 365 days from an hour before `now`.
///
/// # Errors
/// [`CeremonyFault::CommonName`], and failures of cryptography or encoding.
pub fn create_root(common_name: &str, now: Time, years: u32) -> Result<CertAndKey, CeremonyFault> {
    let root = Root::create(ALGORITHM, common_name, now, years)?;
    Ok(CertAndKey { certificate: root.certificate().to_owned(), key: root.key().to_pkcs8_pem()? })
}

/// Makes an intermediate below `root`, for TLS servers and clients. It permits no CA below it.
///
/// # Errors
/// [`CeremonyFault::CommonName`], [`CeremonyFault::Outlives`], what is wrong with `root`, and failures of
/// cryptography or encoding.
pub fn create_intermediate(
    root: &CertAndKey,
    common_name: &str,
    now: Time,
    years: u32,
) -> Result<CertAndKey, CeremonyFault> {
    let purposes = [ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH];
    intermediate(root, new_key(ALGORITHM)?, common_name, &purposes, (now, years))
}

pub(super) fn intermediate(
    root: &CertAndKey,
    key: NativeKey,
    common_name: &str,
    purposes: &[ObjectIdentifier],
    (now, years): (Time, u32),
) -> Result<CertAndKey, CeremonyFault> {
    let issuer = Signer::read(root)?;
    let spki = key.spki_der()?;
    let mut extensions = vec![tbs::authority_key_id(&issuer.key_id)?];
    extensions.extend(intermediate_extensions(&spki, purposes, &Constraints::default())?);
    let period = issuer.period(now, DAY.saturating_mul(365).saturating_mul(years))?;
    let certificate = issuer.issue(&subject(common_name)?, &spki, period, extensions)?;
    Ok(CertAndKey { certificate, key: key.to_pkcs8_pem()? })
}

/// Makes a TLS server certificate for these DNS names and addresses.
///
/// `issuer` signs it; it is valid for `days` days.
///
/// # Errors
/// [`CeremonyFault::Name`], [`CeremonyFault::NoNames`], [`CeremonyFault::Outlives`], what is wrong with
/// `issuer`, and failures of cryptography or encoding.
pub fn create_server_leaf(
    issuer: &CertAndKey,
    dns_names: &[&str],
    addresses: &[IpAddr],
    now: Time,
    days: u32,
) -> Result<CertAndKey, CeremonyFault> {
    let signer = Signer::read(issuer)?;
    let mut names = general_names(dns_names)?;
    names.extend(addresses.iter().copied().map(GeneralName::from));
    if names.is_empty() {
        return Err(CeremonyFault::NoNames);
    }
    let key = new_key(ALGORITHM)?;
    let spki = key.spki_der()?;
    let extensions = vec![
        tbs::authority_key_id(&signer.key_id)?,
        tbs::leaf_key_usage(KeyKind::EcP256, true)?,
        tbs::leaf_constraints()?,
        tbs::extended_key_usage(&[ID_KP_SERVER_AUTH])?,
        tbs::alt_names(true, names)?,
    ];
    let period = signer.period(now, DAY.saturating_mul(days))?;
    let mut certificate = signer.issue(&RdnSequence::default().to_der()?, &spki, period, extensions)?;
    for der in pem::read_certificates(&issuer.certificate)? {
        let above = Parts::read(&der)?;
        if above.issuer != above.subject {
            certificate.push_str(&pem::write_certificate(&der)?);
        }
    }
    Ok(CertAndKey { certificate, key: key.to_pkcs8_pem()? })
}
