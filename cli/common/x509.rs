//! Names and native cryptography as the checks of an operator need them.

use futures_util::FutureExt;
use selvedge::pki::issuer::readable_name;
use selvedge::values::x509::Parts;
use x509_cert::ext::pkix::CrlDistributionPoints;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

/// The result of a future that waits for nothing, as all of native cryptography; `None` if it did wait.
pub fn immediate<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

/// What people call the owner of this Name (DER): its common name, or its organization.
pub fn display_name(name: &[u8]) -> String {
    readable_name(name).unwrap_or_else(|_| "an authority without a name".to_owned())
}

/// The URLs at which a certificate (DER) says its CRL is (RFC 5280 §4.2.1.13).
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
