//! Names and CRL addresses in certificates, and native cryptography without waiting.

use futures_util::FutureExt;
use selvedge::pki::issuer::readable_name;
use selvedge::values::x509::Parts;
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

/// The result of a future that is ready at once; `None` otherwise. Native cryptography is ready at once.
pub fn immediate<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

/// A display name for a Name (DER): its common name, or its organization.
pub fn display_name(name: &[u8]) -> String {
    readable_name(name).unwrap_or_else(|_| "an authority without a name".to_owned())
}

/// The CRL distribution points of a certificate (DER; RFC 5280 §4.2.1.13).
pub fn crl_urls(der: &[u8]) -> Vec<String> {
    let points = Parts::read(der).ok().and_then(|parts| parts.extension::<CrlDistributionPoints>().ok().flatten());
    let names = points.into_iter().flat_map(|points| points.0).filter_map(|point| match point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    let url = |name| match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.as_str().to_owned()),
        _ => None,
    };
    names.flatten().filter_map(url).collect()
}
