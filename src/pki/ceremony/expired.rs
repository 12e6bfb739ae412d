//! Expired certificates of an intermediate, for tests of clients.

use super::fault::CeremonyFault;
use super::signer::{CertAndKey, DAY, Signer, first_certificate};
use crate::values::Time;
use crate::values::x509::Parts;

/// How long ago it expired, in days.
const ENDED: u32 = 1;

/// How long it was valid, in days.
const LENGTH: u32 = 30;

/// The validity of an expired certificate at `now`.
pub(super) fn expired_period(now: Time) -> (Time, Time) {
    let end = Time::from_secs(now.minus(DAY.saturating_mul(ENDED)).secs());
    (end.minus(DAY.saturating_mul(LENGTH)), end)
}

/// Issues a certificate like the first of `certificate` (PEM), which expired a day before `now`.
///
/// `above` has to be the CA that issued that one. Names, key and extensions are the same, so only its validity differs.
///
/// # Errors
/// What is wrong with either, and failures of cryptography or encoding.
pub fn expired_twin(above: &CertAndKey, certificate: &str, now: Time) -> Result<String, CeremonyFault> {
    let signer = Signer::read(above)?;
    let der = first_certificate(certificate)?;
    let parts = Parts::read(&der)?;
    signer.issue(parts.subject, parts.spki, expired_period(now), parts.extensions.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::ceremony::{create_intermediate, create_root, is_issued_by};
    use crate::pki::pem;
    use crate::pki::testing::NOW;

    #[test]
    fn expired_twin_differs_in_its_validity_only() {
        let root = create_root("root", NOW, 10).unwrap();
        let issuer = create_intermediate(&root, "issuer", NOW, 5).unwrap();
        let twin = expired_twin(&root, &issuer.certificate, NOW).unwrap();
        let read = |text: &str| pem::read_certificates(text).unwrap().remove(0);
        let (issuer, twin, root) = (read(&issuer.certificate), read(&twin), read(&root.certificate));
        let [real, old, above] = [&issuer, &twin, &root].map(|der| Parts::read(der).unwrap());
        assert!(old.not_after < NOW && old.not_before < old.not_after && real.not_after > NOW);
        assert_eq!((old.subject, old.spki, old.issuer), (real.subject, real.spki, real.issuer));
        assert_eq!(old.extensions, real.extensions);
        assert!(is_issued_by(&old, &above));
    }
}
