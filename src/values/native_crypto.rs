//! The crypto ports by RustCrypto, for native tests and the companion.
//!
//! Only [`NativeKey`] makes keys, and only from random bytes that its caller passes in.

mod ml_dsa_44;
#[cfg(any(test, feature = "testing"))]
mod testing;

use super::crypto::{CryptoFailure, SigAlg, Verify};
use core::fmt;
use ed25519_dalek::pkcs8::KeypairBytes;
pub use ml_dsa_44::MlDsa44Key;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::elliptic_curve::Generate;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::rand_core::{Infallible, TryCryptoRng, TryRng};
use rsa::{Pkcs1v15Sign, Pss, traits::PublicKeyParts};
use sha2::{Digest, Sha256, Sha384, Sha512};
#[cfg(any(test, feature = "testing"))]
pub use testing::NativeSigner;

/// Size of the RSA keys of [`NativeKey::generate`]. The smallest accepted size is the fastest.
const DEFAULT_RSA_BITS: usize = 2048;

/// [`Verify`] by RustCrypto.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeCrypto;

impl Verify for NativeCrypto {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        Ok(holds(alg, spki, message, signature).is_some())
    }

    async fn verify_ml_dsa_44(
        &self,
        key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<Option<bool>, CryptoFailure> {
        Ok(Some(ml_dsa_44::holds(key, message, signature)))
    }
}

/// `Some` when the signature is valid, `None` for every fault.
fn holds(alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let digest = digest(alg, message);
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => {
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(spki).ok()?;
            key.verify_prehash(&digest, &p256::ecdsa::Signature::from_slice(signature).ok()?).ok()
        }
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => {
            let key = p384::ecdsa::VerifyingKey::from_public_key_der(spki).ok()?;
            key.verify_prehash(&digest, &p384::ecdsa::Signature::from_slice(signature).ok()?).ok()
        }
        SigAlg::Rs256 | SigAlg::Rs384 | SigAlg::Rs512 => rsa_key(spki)?.verify(pkcs1v15(alg)?, &digest, signature).ok(),
        SigAlg::Ps256 => rsa_key(spki)?.verify(Pss::<Sha256>::new(), &digest, signature).ok(),
        SigAlg::Ps384 => rsa_key(spki)?.verify(Pss::<Sha384>::new(), &digest, signature).ok(),
        SigAlg::Ps512 => rsa_key(spki)?.verify(Pss::<Sha512>::new(), &digest, signature).ok(),
        SigAlg::Ed25519 => {
            let key = ed25519_dalek::VerifyingKey::from_public_key_der(spki).ok()?;
            key.verify_strict(message, &ed25519_dalek::Signature::from_slice(signature).ok()?).ok()
        }
    }
}

fn rsa_key(spki: &[u8]) -> Option<rsa::PublicKey> {
    rsa::PublicKey::from_public_key_der(spki).ok()
}

/// The digest that `alg` signs; for Ed25519, which signs the message itself, the message.
fn digest(alg: SigAlg, message: &[u8]) -> Vec<u8> {
    match alg {
        SigAlg::Es256 | SigAlg::EcP384Sha256 | SigAlg::Rs256 | SigAlg::Ps256 => Sha256::digest(message).to_vec(),
        SigAlg::Es384 | SigAlg::EcP256Sha384 | SigAlg::Rs384 | SigAlg::Ps384 => Sha384::digest(message).to_vec(),
        SigAlg::Rs512 | SigAlg::Ps512 | SigAlg::EcP256Sha512 | SigAlg::EcP384Sha512 => Sha512::digest(message).to_vec(),
        SigAlg::Ed25519 => message.to_vec(),
    }
}

/// The RSASSA-PKCS1-v1_5 scheme with the hash of `alg`; `None` when `alg` is another.
fn pkcs1v15(alg: SigAlg) -> Option<Pkcs1v15Sign> {
    match alg {
        SigAlg::Rs256 => Some(Pkcs1v15Sign::new::<Sha256>()),
        SigAlg::Rs384 => Some(Pkcs1v15Sign::new::<Sha384>()),
        SigAlg::Rs512 => Some(Pkcs1v15Sign::new::<Sha512>()),
        _ => None,
    }
}

/// Private key of any supported kind, in memory.
///
/// Made for tests (account keys, CSR keys) and for the companion's disposable CAs.
#[derive(Clone)]
pub struct NativeKey(Inner);

#[derive(Clone)]
enum Inner {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    Rsa(Box<rsa::PrivateKey>),
    Ed25519(ed25519_dalek::SigningKey),
}

impl NativeKey {
    /// Generates a key that signs under `alg` from bytes of `fill`. RSA keys have 2048 bits.
    ///
    /// # Errors
    /// When RSA key generation fails, which it does not for usable random bytes.
    pub fn generate(alg: SigAlg, fill: &mut impl FnMut(&mut [u8])) -> Result<Self, CryptoFailure> {
        let mut bytes = RandomBytes(fill);
        match alg {
            SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => {
                Ok(Self(Inner::P256(p256::SecretKey::generate_from_rng(&mut bytes))))
            }
            SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => {
                Ok(Self(Inner::P384(p384::SecretKey::generate_from_rng(&mut bytes))))
            }
            SigAlg::Rs256 | SigAlg::Rs384 | SigAlg::Rs512 | SigAlg::Ps256 | SigAlg::Ps384 | SigAlg::Ps512 => {
                Self::generate_rsa(DEFAULT_RSA_BITS, fill)
            }
            SigAlg::Ed25519 => {
                let mut seed = [0; 32];
                fill(&mut seed);
                Ok(Self(Inner::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))))
            }
        }
    }

    /// Generates an RSA key with a modulus of `bits` bits (at least 1024) and exponent 65537.
    ///
    /// # Errors
    /// When no key of that size can be made.
    pub fn generate_rsa(bits: usize, fill: &mut impl FnMut(&mut [u8])) -> Result<Self, CryptoFailure> {
        let key = rsa::PrivateKey::new(&mut RandomBytes(fill), bits).map_err(failure)?;
        Ok(Self(Inner::Rsa(Box::new(key))))
    }

    /// Reads an unencrypted PKCS#8 key (`BEGIN PRIVATE KEY`).
    ///
    /// # Errors
    /// When the text has no private key of that form, or its kind is not supported.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, CryptoFailure> {
        let block = super::pem::private_key(pem).map_err(failure)?;
        let label = block.label();
        if label != "PRIVATE KEY" {
            return Err(CryptoFailure(format!("a PEM of type {label:?}, not \"PRIVATE KEY\" (PKCS#8)")));
        }
        let der = zeroize::Zeroizing::new(block.der().map_err(failure)?);
        p256::SecretKey::from_pkcs8_der(&der)
            .map(Inner::P256)
            .or_else(|_| p384::SecretKey::from_pkcs8_der(&der).map(Inner::P384))
            .or_else(|_| ed25519_dalek::SigningKey::from_pkcs8_der(&der).map(Inner::Ed25519))
            .or_else(|_| rsa::PrivateKey::from_pkcs8_der(&der).map(|key| Inner::Rsa(Box::new(key))))
            .map(Self)
            .map_err(|_| CryptoFailure("the private key is not a P-256, P-384, RSA or Ed25519 key".to_owned()))
    }

    /// The key as unencrypted PKCS#8 PEM, with LF line ends.
    ///
    /// # Errors
    /// Encoding failures, which do not happen for keys made here.
    pub fn to_pkcs8_pem(&self) -> Result<String, CryptoFailure> {
        let document = match &self.0 {
            Inner::P256(key) => key.to_pkcs8_der(),
            Inner::P384(key) => key.to_pkcs8_der(),
            Inner::Rsa(key) => key.to_pkcs8_der(),
            // Without the public key: with it the structure is version 2, which OpenSSL 3.0 does not read.
            Inner::Ed25519(key) => KeypairBytes { secret_key: key.to_bytes(), public_key: None }.to_pkcs8_der(),
        };
        let pem = document.map_err(failure)?.to_pem("PRIVATE KEY", LineEnding::LF).map_err(failure)?;
        Ok(pem.to_string())
    }

    /// The public key as DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// Encoding failures, which do not happen for keys made here.
    pub fn spki_der(&self) -> Result<Vec<u8>, CryptoFailure> {
        let document = match &self.0 {
            Inner::P256(key) => key.public_key().to_public_key_der(),
            Inner::P384(key) => key.public_key().to_public_key_der(),
            Inner::Rsa(key) => key.as_public_key().to_public_key_der(),
            Inner::Ed25519(key) => key.verifying_key().to_public_key_der(),
        };
        Ok(document.map_err(failure)?.into_vec())
    }

    /// The default algorithm of this key: the curve's own hash for ECDSA, SHA-256 for RSA.
    pub fn algorithm(&self) -> SigAlg {
        match &self.0 {
            Inner::P256(_) => SigAlg::Es256,
            Inner::P384(_) => SigAlg::Es384,
            Inner::Rsa(_) => SigAlg::Rs256,
            Inner::Ed25519(_) => SigAlg::Ed25519,
        }
    }

    /// Signs `message`: ECDSA gives raw `r || s`, 64 bytes for P-256 and 96 for P-384.
    ///
    /// # Errors
    /// When this key cannot sign under `alg`.
    pub fn sign(&self, alg: SigAlg, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        let digest = digest(alg, message);
        match (&self.0, alg) {
            (Inner::P256(key), SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512) => {
                let signature: Result<p256::ecdsa::Signature, _> =
                    p256::ecdsa::SigningKey::from(key).sign_prehash(&digest);
                Ok(signature.map_err(failure)?.to_vec())
            }
            (Inner::P384(key), SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512) => {
                let signature: Result<p384::ecdsa::Signature, _> =
                    p384::ecdsa::SigningKey::from(key).sign_prehash(&digest);
                Ok(signature.map_err(failure)?.to_vec())
            }
            (Inner::Rsa(key), SigAlg::Rs256 | SigAlg::Rs384 | SigAlg::Rs512) => {
                let scheme = pkcs1v15(alg).ok_or_else(|| misfit(self, alg))?;
                key.sign(scheme, &digest).map_err(failure)
            }
            (Inner::Ed25519(key), SigAlg::Ed25519) => Ok(ed25519_dalek::Signer::sign(key, message).to_bytes().to_vec()),
            _ => Err(misfit(self, alg)),
        }
    }
}

impl fmt::Debug for NativeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Inner::P256(_) => "NativeKey(P-256)",
            Inner::P384(_) => "NativeKey(P-384)",
            Inner::Rsa(key) => return write!(f, "NativeKey(RSA {})", key.size() * 8),
            Inner::Ed25519(_) => "NativeKey(Ed25519)",
        })
    }
}

/// Random bytes from a closure, in the form that key generation takes.
struct RandomBytes<'a, F>(&'a mut F);

impl<F: FnMut(&mut [u8])> TryRng for RandomBytes<'_, F> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        (self.0)(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        (self.0)(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        (self.0)(dst);
        Ok(())
    }
}

impl<F: FnMut(&mut [u8])> TryCryptoRng for RandomBytes<'_, F> {}

fn failure(error: impl fmt::Display) -> CryptoFailure {
    CryptoFailure(error.to_string())
}

fn misfit(key: &NativeKey, alg: SigAlg) -> CryptoFailure {
    CryptoFailure(format!("{key:?} cannot sign under {alg:?}"))
}

#[cfg(test)]
mod tests;
