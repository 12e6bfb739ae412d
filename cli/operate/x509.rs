//! Certificates and signatures as the checks of an operator need them.

use der::Decode;
use futures_util::FutureExt;
use selvedge::pki::key::check_spki;
use selvedge::pki::sigalg;
use selvedge::values::Verify;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::x509::Parts;
use spki::AlgorithmIdentifierRef;
use x509_cert::name::Name;

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
        let holds = || {
            let key = check_spki(spki).ok()?;
            let alg = sigalg::read(&self.algorithm, key.kind()).ok()?;
            let raw = sigalg::from_x509(alg, self.signature)?;
            ready(NativeCrypto.verify(alg, spki, self.tbs, &raw))?.ok()
        };
        holds().unwrap_or(false)
    }
}

/// The result of a future that waits for nothing, as all of native cryptography; `None` if it did wait.
pub fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

/// What people call the owner of this Name (DER): its common name, or its organization.
pub fn called(name: &[u8]) -> String {
    let read = || {
        let name = Name::from_der(name).ok()?;
        let found = name.common_name().ok()?.map(|text| text.value().into_owned());
        found.or_else(|| Some(name.organization().ok()??.value().into_owned()))
    };
    read().unwrap_or_else(|| "an authority without a name".to_owned())
}
