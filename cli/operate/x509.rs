//! Certificates and signatures as the checks of an operator need them.

use futures_util::FutureExt;
use selvedge::pki::ceremony;
use selvedge::pki::issuer::readable_name;
use selvedge::values::x509::Parts;
use spki::AlgorithmIdentifierRef;

/// What was signed, how, and the signature as X.509 carries it.
pub struct Signed<'a> {
    /// The signed bytes.
    pub tbs: &'a [u8],
    /// The algorithm.
    pub algorithm: AlgorithmIdentifierRef<'a>,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> From<&Parts<'a>> for Signed<'a> {
    fn from(parts: &Parts<'a>) -> Self {
        Self { tbs: parts.tbs, algorithm: parts.algorithm, signature: parts.signature }
    }
}

impl Signed<'_> {
    /// Whether it is signed by this key, DER SubjectPublicKeyInfo. A key or an algorithm that is not accepted signs
    /// nothing.
    pub fn is_by(&self, spki: &[u8]) -> bool {
        ceremony::is_signed_by(self.tbs, &self.algorithm, self.signature, spki)
    }
}

/// The result of a future that waits for nothing, as all of native cryptography; `None` if it did wait.
pub fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

/// What people call the owner of this Name (DER): its common name, or its organization.
pub fn called(name: &[u8]) -> String {
    readable_name(name).unwrap_or_else(|_| "an authority without a name".to_owned())
}
