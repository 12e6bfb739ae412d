//! A signer for tests; the Worker's own is WebCrypto's.

use super::{Inner, NativeKey};
use crate::values::crypto::{CryptoFailure, SigAlg, Sign};

/// [`Sign`]: what signs certificates and CRLs outside the Worker.
#[derive(Clone, Debug)]
pub struct NativeSigner(NativeKey);

impl NativeSigner {
    /// The signer with the key of an unencrypted PKCS#8 PEM.
    ///
    /// # Errors
    /// As [`NativeKey::from_pkcs8_pem`], and for a key of a kind that issuers do not have.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, CryptoFailure> {
        Self::new(NativeKey::from_pkcs8_pem(pem)?)
    }

    /// The signer with this key.
    ///
    /// # Errors
    /// When the key is of a kind that issuers do not have: Ed25519, which the usual clients do not verify.
    pub fn new(key: NativeKey) -> Result<Self, CryptoFailure> {
        match &key.0 {
            Inner::P256(_) | Inner::P384(_) | Inner::Rsa(_) => Ok(Self(key)),
            Inner::Ed25519(_) => {
                Err(CryptoFailure(format!("{key:?} cannot be an issuer key: P-256, P-384 or RSA is what issuers have")))
            }
        }
    }

    /// The signer's public key as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`NativeKey::spki_der`].
    pub fn spki_der(&self) -> Result<Vec<u8>, CryptoFailure> {
        self.0.spki_der()
    }
}

impl Sign for NativeSigner {
    fn algorithm(&self) -> SigAlg {
        self.0.algorithm()
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        self.0.sign(self.0.algorithm(), message)
    }
}
