//! The root and the intermediate of a test CA, to be signed by the host.
//!
//! The ceremony makes permanent ones on an operator's machine; these are made where the CA runs, and end with it.

use super::pem::{self, PemFault};
use super::serial::{SERIAL_RANDOM_BYTES, Serial};
use super::{sigalg, tbs};
use crate::values::{Id, SigAlg, Time};
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use core::time::Duration;

/// The algorithm of both keys.
pub const ALGORITHM: SigAlg = SigAlg::Es256;

const DAY: Duration = Duration::from_secs(86_400);

/// Validity of both: longer than any test puts its clock forward.
const VALIDITY: Duration = Duration::from_secs(30 * 365 * 86_400);

/// How long before its making a test CA begins, for clients with late clocks.
const BACKDATE: Duration = Duration::from_secs(3600);

/// Why a certificate of a test CA cannot be made; a text for the log.
#[derive(Debug, thiserror::Error)]
pub enum TestHierarchyFault {
    /// It cannot be encoded.
    #[error("a certificate of a test CA cannot be encoded: {0}")]
    Der(#[from] der::Error),
    /// It cannot be written as PEM.
    #[error("a certificate of a test CA cannot be written: {0}")]
    Pem(#[from] PemFault),
    /// Its signature has another form.
    #[error("the signature of a certificate of a test CA has another form")]
    Signature,
}

/// A test CA's names, keys and validity.
#[derive(Clone, Debug)]
pub struct TestHierarchy {
    root: (Vec<u8>, Vec<u8>),
    issuer: (Vec<u8>, Vec<u8>),
    /// The first instant of both.
    pub not_before: Time,
    /// The last second of both.
    pub not_after: Time,
}

impl TestHierarchy {
    /// Plans the test CA with this id and the public keys of its certificates.
    ///
    /// The keys are DER SubjectPublicKeyInfo: the root's, then the intermediate's.
    ///
    /// # Errors
    /// When a name cannot be encoded.
    pub fn new(id: &Id, root_spki: &[u8], issuer_spki: &[u8], now: Time) -> Result<Self, TestHierarchyFault> {
        let name = |what: &str| tbs::subject(Some(&format!("Selvedge TEST {what} {id}")));
        let not_before = Time::from_secs(now.minus(BACKDATE).secs());
        Ok(Self {
            root: (name("Root")?, root_spki.to_vec()),
            issuer: (name("Intermediate")?, issuer_spki.to_vec()),
            not_before,
            not_after: not_before.plus(VALIDITY).minus(Duration::from_secs(1)),
        })
    }

    /// The to-be-signed root, for its own key.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn root(&self, serial: [u8; SERIAL_RANDOM_BYTES]) -> Result<Vec<u8>, TestHierarchyFault> {
        self.certificate(&self.root, serial, (self.not_before, self.not_after), None)
    }

    /// The to-be-signed intermediate, for the root's key.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn issuer(&self, serial: [u8; SERIAL_RANDOM_BYTES]) -> Result<Vec<u8>, TestHierarchyFault> {
        self.certificate(&self.issuer, serial, (self.not_before, self.not_after), Some(0))
    }

    /// As [`TestHierarchy::issuer`], expired before the CA was made.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn expired_issuer(&self, serial: [u8; SERIAL_RANDOM_BYTES]) -> Result<Vec<u8>, TestHierarchyFault> {
        let end = self.not_before.minus(DAY);
        self.certificate(&self.issuer, serial, (end.minus(30 * DAY), end), Some(0))
    }

    fn certificate(
        &self,
        (subject, spki): &(Vec<u8>, Vec<u8>),
        serial: [u8; SERIAL_RANDOM_BYTES],
        (not_before, not_after): (Time, Time),
        path_length: Option<u8>,
    ) -> Result<Vec<u8>, TestHierarchyFault> {
        let mut extensions = vec![
            tbs::authority_key_id(&tbs::key_id(&self.root.1)?)?,
            tbs::subject_key_id(&tbs::key_id(spki)?)?,
            tbs::ca_key_usage()?,
            tbs::ca_constraints(path_length)?,
        ];
        if path_length.is_some() {
            extensions.push(tbs::extended_key_usage(&[ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH])?);
        }
        let fields = tbs::Fields {
            serial: &Serial::from_random(serial),
            algorithm: sigalg::identifier(ALGORITHM)?,
            issuer: &self.root.0,
            not_before,
            not_after,
            subject,
            spki,
            extensions,
        };
        Ok(fields.encode()?)
    }
}

/// Makes the certificate (PEM) of these to-be-signed bytes and their signature, raw `r || s`.
///
/// # Errors
/// When the signature has another form, or the certificate cannot be encoded.
pub fn seal(tbs: &[u8], signature: &[u8]) -> Result<String, TestHierarchyFault> {
    let signature = sigalg::to_x509(ALGORITHM, signature).ok_or(TestHierarchyFault::Signature)?;
    Ok(pem::write_certificate(&tbs::seal(tbs, sigalg::identifier(ALGORITHM)?, &signature)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Issuer;
    use crate::pki::testing::NOW;
    use crate::values::native_crypto::{NativeCrypto, NativeKey};
    use crate::values::x509::Parts;
    use futures_util::FutureExt;

    #[test]
    fn test_hierarchy_is_marked_and_verifies() {
        let keys = [1_u8, 2].map(|n| NativeKey::generate(ALGORITHM, &mut |bytes| bytes.fill(n)).unwrap());
        let [root_spki, issuer_spki] = [0, 1].map(|n: usize| keys[n].spki_der().unwrap());
        let id = Id::from_random([7; 16]);
        let plan = TestHierarchy::new(&id, &root_spki, &issuer_spki, NOW).unwrap();
        let signed = |tbs: Vec<u8>| seal(&tbs, &keys[0].sign(ALGORITHM, &tbs).unwrap()).unwrap();
        let root = signed(plan.root([1; 18]).unwrap());
        let issuer = signed(plan.issuer([2; 18]).unwrap());
        let root_der = pem::read_certificates(&root).unwrap().remove(0);
        let read = Issuer::from_pem_chain(&issuer).unwrap().below(&root_der).unwrap();
        read.check_signatures(&NativeCrypto).now_or_never().unwrap().unwrap();
        assert_eq!((read.faults(), read.check_time(NOW)), (&[][..], Ok(())));
        assert_eq!(read.name(), format!("Selvedge TEST Intermediate {id}"));
        assert!(Parts::read(&root_der).unwrap().subject.windows(4).any(|four| four == b"TEST"));
        let expired = Issuer::from_pem_chain(&signed(plan.expired_issuer([3; 18]).unwrap())).unwrap();
        assert!(expired.check_time(NOW).is_err());
        assert_eq!(expired.key_id(), read.key_id());
    }
}
