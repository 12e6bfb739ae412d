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
    read(key, signature).is_some_and(|(key, signature)| key.verify_with_context(message, &[], &signature))
}

/// A key and a signature of their lengths, which are well formed.
fn read(key: &[u8], signature: &[u8]) -> Option<(VerifyingKey<MlDsa44>, Signature<MlDsa44>)> {
    let key = EncodedVerifyingKey::<MlDsa44>::try_from(key).ok()?;
    Some((VerifyingKey::decode(&key), Signature::try_from(signature).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::b64;
    use serde_json::Value;

    /// Octets before a message that is signed with an empty context (FIPS 204, algorithm 3).
    const NO_CONTEXT: [u8; 2] = [0, 0];

    fn octets(value: &Value) -> Vec<u8> {
        b64::decode_padded(value.as_str().unwrap()).unwrap()
    }

    fn holds_internally(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
        read(key, signature).is_some_and(|(key, signature)| key.verify_internal(message, &signature))
    }

    #[test]
    fn signatures_hold_and_fail_as_nist_says() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/fixtures/acvp-ml-dsa-44.json")).unwrap();
        let key = octets(&vectors["key"]);
        let tests = vectors["tests"].as_array().unwrap();
        for test in tests {
            let held = holds_internally(&key, &octets(&test["message"]), &octets(&test["signature"]));
            assert_eq!(held, test["passes"].as_bool().unwrap(), "{}: {}", test["id"], test["reason"]);
            // As a message with an empty context it is another one.
            assert!(!holds(&key, &octets(&test["message"]), &octets(&test["signature"])), "{}", test["id"]);
        }
        let count = |passes: bool| tests.iter().filter(|test| test["passes"] == passes).count();
        assert_eq!((count(true), count(false)), (3, 12));
    }

    #[test]
    fn a_message_is_that_of_the_vectors_behind_an_empty_context() {
        let (key, message) = (MlDsa44Key::from_seed(&[5; 32]), b"a message");
        let made = key.sign(message).unwrap();
        assert!(holds(&key.public(), message, &made));
        assert!(holds_internally(&key.public(), &[&NO_CONTEXT[..], message].concat(), &made));
        assert!(!holds_internally(&key.public(), message, &made));
        for cut in [&made[1..], &made[..made.len() - 1], &[]] {
            assert!(!holds(&key.public(), message, cut));
        }
        assert!(!holds(&key.public()[1..], message, &made));
    }
}
