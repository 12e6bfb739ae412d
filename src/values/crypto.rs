//! Ports for checking and for making signatures.
//!
//! On Workers both are WebCrypto, in native tests RustCrypto. ECDSA signatures cross these ports as raw
//! `r || s` of fixed width (the form of JWS and WebCrypto); [`super::ecdsa`] converts X.509's DER form.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Signature algorithm with its hash: the union of those of JWS, CSRs and TLS servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigAlg {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-256 with SHA-384: some CSRs, never JWS.
    EcP256Sha384,
    /// ECDSA on P-256 with SHA-512: some CSRs, never JWS.
    EcP256Sha512,
    /// ECDSA on P-384 with SHA-256: some CSRs, never JWS.
    EcP384Sha256,
    /// ECDSA on P-384 with SHA-512: some CSRs, never JWS.
    EcP384Sha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256, a salt of the hash's length: TLS, never JWS or CSRs.
    Ps256,
    /// RSASSA-PSS with SHA-384, likewise.
    Ps384,
    /// RSASSA-PSS with SHA-512, likewise.
    Ps512,
    /// Ed25519.
    Ed25519,
}

/// Failure of the crypto provider, not of the signature; the text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("crypto provider failed: {0}")]
pub struct CryptoFailure(pub String);

/// Derives 32 octets from a secret by HKDF-SHA-256 ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).
///
/// An empty salt is that of a derivation without one.
///
/// # Errors
/// When the implementation refuses, which 32 octets do not make it do.
pub fn hkdf_sha256(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoFailure> {
    let mut key = Zeroizing::new([0; 32]);
    let expanded = Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut *key);
    expanded.map_err(|error| CryptoFailure(format!("a key cannot be derived: {error}")))?;
    Ok(key)
}

/// Checks signatures.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Verify {
    /// Checks that `signature` over `message` is by the key `spki` (DER SubjectPublicKeyInfo) under `alg`.
    ///
    /// `Ok(false)` also for a signature of the wrong length or a key that does not fit `alg`; `Err` only when
    /// the provider could not do its work.
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure>;

    /// Checks that `signature` over `message` is by this ML-DSA-44 key, with an empty context.
    ///
    /// The key is the 1,312 octets of [FIPS 204](https://doi.org/10.6028/NIST.FIPS.204). `None` where the provider does
    /// not have the algorithm.
    ///
    /// # Errors
    /// When the provider could not do its work.
    async fn verify_ml_dsa_44(
        &self,
        _key: &[u8],
        _message: &[u8],
        _signature: &[u8],
    ) -> Result<Option<bool>, CryptoFailure> {
        Ok(None)
    }
}

/// Signs with the issuer's private key, which never leaves the implementation.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait Sign {
    /// The algorithm that [`Sign::sign`] uses.
    fn algorithm(&self) -> SigAlg;

    /// The signature over `message`; ECDSA as raw `r || s`.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;
}
