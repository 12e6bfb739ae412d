//! Certificates that another program issued.

use super::certificate::PresentedCertificate;
use super::issuer::{Issuer, readable_name};
use super::sigalg;
use crate::values::x509::Parts;
use crate::values::{CryptoFailure, Verify};
use std::collections::BTreeSet;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{BasicConstraints, CrlDistributionPoints, SubjectAltName};

/// Maximum number of names that are taken from a certificate.
const MAX_NAMES: usize = 500;

/// Maximum length of a name of another kind, in characters.
const MAX_NAME: usize = 255;

/// Whether it is the certificate of a CA.
///
/// # Errors
/// When its basicConstraints cannot be read.
pub fn is_ca(parts: &Parts<'_>) -> der::Result<bool> {
    Ok(parts.extension::<BasicConstraints>()?.is_some_and(|constraints| constraints.ca))
}

/// The name of its issuer, for people.
pub fn issuer_name(parts: &Parts<'_>) -> String {
    clean(&readable_name(parts.issuer).unwrap_or_default())
}

/// Its names as text.
///
/// They are identifiers of ACME and other names in the form of their kind, else the subject's.
///
/// # Errors
/// When its subjectAltName cannot be read.
pub fn names(parts: &Parts<'_>, presented: &PresentedCertificate) -> der::Result<Vec<String>> {
    let mut names: BTreeSet<String> = presented.names.iter().map(ToString::to_string).collect();
    if presented.has_other_names {
        let all = parts.extension::<SubjectAltName>()?.map(|all| all.0).unwrap_or_default();
        names.extend(all.iter().filter_map(|name| match name {
            GeneralName::DnsName(text) => Some(clean(&text.as_str().to_ascii_lowercase())),
            GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => Some(clean(text.as_str())),
            _ => None,
        }));
    }
    if names.is_empty() {
        names.insert(clean(&readable_name(parts.subject)?));
    }
    Ok(names.into_iter().take(MAX_NAMES).collect())
}

/// The URLs of its CRLs.
///
/// # Errors
/// When its cRLDistributionPoints cannot be read.
pub fn crl_urls(parts: &Parts<'_>) -> der::Result<Vec<String>> {
    let points = parts.extension::<CrlDistributionPoints>()?.map(|points| points.0).unwrap_or_default();
    let names = points.into_iter().filter_map(|point| match point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    let urls = names.flatten().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.as_str().to_owned()),
        _ => None,
    });
    Ok(urls.collect())
}

/// Whether an issuer's key signed it, under the issuer's name.
///
/// # Errors
/// A failure of the crypto provider.
pub async fn is_signed_by(parts: &Parts<'_>, issuer: &Issuer, crypto: &impl Verify) -> Result<bool, CryptoFailure> {
    let key = issuer.public_key();
    if parts.issuer != issuer.subject() {
        return Ok(false);
    }
    let Ok(algorithm) = sigalg::read(&parts.algorithm, key.kind()) else { return Ok(false) };
    let Some(raw) = sigalg::from_x509(algorithm, parts.signature) else { return Ok(false) };
    crypto.verify(algorithm, key.spki_der(), parts.tbs, &raw).await
}

/// Removes control characters, and what is beyond [`MAX_NAME`].
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect()
}
