//! ML-DSA-44, which signs checkpoints of transparency logs.

use ml_dsa::{EncodedVerifyingKey, MlDsa44, Signature, SigningKey, VerifyingKey};

use crate::values::CryptoFailure;

/// Private ML-DSA-44 key, in memory.
pub struct MlDsa44Key(SigningKey<MlDsa44>);

impl MlDsa44Key {
    /// The key of a seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_seed(&(*seed).into()))
    }

    /// The 1,312 octets of the public key.
    pub fn public(&self) -> Vec<u8> {
        self.0.expanded_key().verifying_key().encode().to_vec()
    }

    /// Signs `message` with an empty context. The same message has the same signature.
    ///
    /// # Errors
    /// When no signature is found, which happens for no message in practice.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        let made = self.0.expanded_key().sign_deterministic(message, &[]);
        made.map(|made| made.encode().to_vec()).map_err(|fault| CryptoFailure(fault.to_string()))
    }
}

/// Whether `signature` is by this key. `false` for every fault.
pub(super) fn holds(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) =
        (EncodedVerifyingKey::<MlDsa44>::try_from(key), Signature::<MlDsa44>::try_from(signature))
    else {
        return false;
    };
    VerifyingKey::decode(&key).verify_with_context(message, &[], &signature)
}
