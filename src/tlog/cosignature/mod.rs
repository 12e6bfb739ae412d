//! What keys sign in a checkpoint, and what their signatures are checked against.

#[cfg(test)]
mod tests;

use super::checkpoint::Checkpoint;
use super::note::{KeyKind, Signature, VerifierKey};
use super::tree::Hash;
use crate::values::{CryptoFailure, SigAlg, Time, Verify};

/// The DER before the octets of an Ed25519 key ([RFC 8410 §4](https://www.rfc-editor.org/rfc/rfc8410#section-4)).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The DER before the octets of an ML-DSA-44 key ([RFC 9881 §4](https://www.rfc-editor.org/rfc/rfc9881#section-4)).
const ML_DSA_44_SPKI: [u8; 22] = [
    0x30, 0x82, 0x05, 0x32, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x03, 0x82,
    0x05, 0x21, 0x00,
];

/// Length of a time, in octets.
const TIME_LEN: usize = 8;

/// The latest time that a cosignature may have, in seconds.
const LATEST: u64 = i64::MAX.unsigned_abs();

/// Signature algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    Ed25519,
    /// ML-DSA-44 with an empty context.
    MlDsa44,
}

impl Algorithm {
    /// The algorithm of keys of a kind.
    pub const fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => Self::Ed25519,
            KeyKind::MlDsa44Cosignature => Self::MlDsa44,
        }
    }
}

/// A check of a signature that is left to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The octets of the public key.
    pub key: Vec<u8>,
    /// What is signed.
    pub message: Vec<u8>,
    /// The signature alone.
    pub signature: Vec<u8>,
    /// The time that the signature vouches for, if it has one.
    pub time: Option<Time>,
}

impl Check {
    /// The key as DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> Vec<u8> {
        let header: &[u8] = match self.algorithm {
            Algorithm::Ed25519 => &ED25519_SPKI,
            Algorithm::MlDsa44 => &ML_DSA_44_SPKI,
        };
        [header, &self.key].concat()
    }

    /// Does the check. `None` when the provider does not have the algorithm.
    ///
    /// # Errors
    /// When the provider could not do its work.
    pub async fn holds(&self, crypto: &impl Verify) -> Result<Option<bool>, CryptoFailure> {
        match self.algorithm {
            Algorithm::Ed25519 => {
                crypto.verify(SigAlg::Ed25519, &self.spki(), &self.message, &self.signature).await.map(Some)
            }
            Algorithm::MlDsa44 => crypto.verify_ml_dsa_44(&self.key, &self.message, &self.signature).await,
        }
    }
}

/// The message that a key signs for a checkpoint. `time` is part of it unless the kind is [`KeyKind::Ed25519`].
///
/// `None` for a name or an origin that is too long for the message.
pub fn message(key: &VerifierKey, checkpoint: &Checkpoint, time: Time) -> Option<Vec<u8>> {
    match key.kind() {
        KeyKind::Ed25519 => Some(checkpoint.to_string().into_bytes()),
        KeyKind::Ed25519Cosignature => Some(format!("cosignature/v1\ntime {}\n{checkpoint}", time.secs()).into_bytes()),
        KeyKind::MlDsa44Cosignature => {
            subtree_message(key.name(), time.secs(), &checkpoint.origin, (0, checkpoint.size), &checkpoint.root)
        }
    }
}

/// The message of an ML-DSA-44 cosignature for the leaves from `range.0` to before `range.1`.
pub fn subtree_message(cosigner: &str, seconds: u64, origin: &str, range: (u64, u64), hash: &Hash) -> Option<Vec<u8>> {
    let mut message = b"subtree/v1\n\0".to_vec();
    message.push(u8::try_from(cosigner.len()).ok()?);
    message.extend(cosigner.as_bytes());
    message.extend(seconds.to_be_bytes());
    message.push(u8::try_from(origin.len()).ok()?);
    message.extend(origin.as_bytes());
    message.extend(range.0.to_be_bytes());
    message.extend(range.1.to_be_bytes());
    message.extend(hash.as_bytes());
    Some(message)
}

/// The note's signature, made of that over [`message`] with the same time.
pub fn signature(key: &VerifierKey, time: Time, made: &[u8]) -> Signature {
    let octets = match key.kind() {
        KeyKind::Ed25519 => made.to_vec(),
        KeyKind::Ed25519Cosignature | KeyKind::MlDsa44Cosignature => [&time.secs().to_be_bytes()[..], made].concat(),
    };
    Signature::of(key, octets)
}

/// What has to be checked of a signature that claims to be by `key`.
///
/// `None` when its form is wrong already.
pub fn check(key: &VerifierKey, checkpoint: &Checkpoint, signature: &Signature) -> Option<Check> {
    let (time, octets) = match key.kind() {
        KeyKind::Ed25519 => (None, signature.octets.as_slice()),
        KeyKind::Ed25519Cosignature | KeyKind::MlDsa44Cosignature => {
            let (seconds, octets) = signature.octets.split_first_chunk::<TIME_LEN>()?;
            let seconds = u64::from_be_bytes(*seconds);
            // A time of zero says nothing of the tree being the newest; no cosignature of a checkpoint has it.
            ((1..=LATEST).contains(&seconds).then_some(Some(seconds))?, octets)
        }
    };
    let named = signature.id == key.id() && signature.name == key.name();
    if !named || octets.len() != key.kind().signature_len() {
        return None;
    }
    // Seconds, not a Time: the latest ones have no milliseconds.
    let message = match (key.kind(), time) {
        (KeyKind::Ed25519Cosignature, Some(seconds)) => {
            format!("cosignature/v1\ntime {seconds}\n{checkpoint}").into_bytes()
        }
        (KeyKind::MlDsa44Cosignature, Some(seconds)) => {
            subtree_message(key.name(), seconds, &checkpoint.origin, (0, checkpoint.size), &checkpoint.root)?
        }
        _ => message(key, checkpoint, Time::from_secs(0))?,
    };
    Some(Check {
        algorithm: Algorithm::of(key.kind()),
        key: key.key().to_vec(),
        message,
        signature: octets.to_vec(),
        time: time.map(Time::from_secs),
    })
}
