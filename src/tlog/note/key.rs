//! Keys of verifiers.

use crate::values::{b64, edwards, hex, quote};
use core::fmt;
use sha2::{Digest, Sha256};

/// The first octets of a hash over a key and its name.
pub type KeyId = [u8; 4];

/// Kind of a key, which says what is signed and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// Ed25519 over the text of a note.
    Ed25519,
    /// Ed25519 over a time and the text of a checkpoint.
    Ed25519Cosignature,
    /// ML-DSA-44 over a time, a name and a tree.
    MlDsa44Cosignature,
}

impl KeyKind {
    /// Its number in a key and its id.
    pub const fn number(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Ed25519Cosignature => 4,
            Self::MlDsa44Cosignature => 6,
        }
    }

    /// Length of a public key, in octets.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => 32,
            Self::MlDsa44Cosignature => 1312,
        }
    }

    /// Length of a signature without a time, in octets.
    pub const fn signature_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::Ed25519Cosignature => 64,
            Self::MlDsa44Cosignature => 2420,
        }
    }

    /// The kind with this number, if it is one of these.
    const fn of(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Ed25519),
            4 => Some(Self::Ed25519Cosignature),
            6 => Some(Self::MlDsa44Cosignature),
            _ => None,
        }
    }
}

/// Public key with its name; as text `name+id+key`, in hex and base64.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    key: Vec<u8>,
}

/// Reason why a text is not a verifier key; a clause without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It is not of three parts.
    #[error("{0} is not a key of the form NAME+ID+KEY, with 8 hex digits and base64")]
    Form(String),
    /// The name is empty, or has a space or a plus sign.
    #[error("{0} is not a key's name: it is empty, or has a space or a plus sign")]
    Name(String),
    /// No such kind of key is known here.
    #[error("its kind is {0:02x}; those that are read are 01 and 04 (Ed25519), and 06 (ML-DSA-44)")]
    Kind(u8),
    /// Not a key of its length, or a point that proves nothing.
    #[error("its {found} bytes are not a key of kind {:02x}, which has {}", .kind.number(), .kind.key_len())]
    Key {
        /// Its kind.
        kind: KeyKind,
        /// The length found.
        found: usize,
    },
    /// The id belongs to another key or name.
    #[error("its id is {found}, and that of this key and name is {right}: a part was changed")]
    Id {
        /// The id in the text.
        found: String,
        /// The id of the key.
        right: String,
    },
}

impl VerifierKey {
    /// A key with a name.
    ///
    /// # Errors
    /// When the name or the key is not one.
    pub fn new(name: &str, kind: KeyKind, key: &[u8]) -> Result<Self, KeyFault> {
        if !is_name(name) {
            return Err(KeyFault::Name(quote::quote(name)));
        }
        let proves =
            <&[u8; 32]>::try_from(key).map_or(true, |key| edwards::is_canonical(key) && !edwards::has_small_order(key));
        if key.len() != kind.key_len() || !proves {
            return Err(KeyFault::Key { kind, found: key.len() });
        }
        Ok(Self { name: name.to_owned(), kind, key: key.to_vec() })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// A [`KeyFault`]: also for an id of another key, and for kinds of keys that are not known here.
    pub fn parse(text: &str) -> Result<Self, KeyFault> {
        let form = || KeyFault::Form(quote::quote(text));
        let (name, rest) = text.split_once('+').ok_or_else(form)?;
        let (id, key) = rest.split_once('+').ok_or_else(form)?;
        let found = hex::decode(id).filter(|found| found.len() == size_of::<KeyId>()).ok_or_else(form)?;
        let octets = b64::decode_padded(key).ok_or_else(form)?;
        let (number, octets) = octets.split_first().ok_or_else(form)?;
        let kind = KeyKind::of(*number).ok_or(KeyFault::Kind(*number))?;
        let key = Self::new(name, kind, octets)?;
        let right = key.id();
        if found != right {
            return Err(KeyFault::Id { found: id.to_owned(), right: hex::encode(&right) });
        }
        Ok(key)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind.
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Its octets.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Its id, by which signatures name it.
    pub fn id(&self) -> KeyId {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', self.kind.number()])
            .chain_update(&self.key)
            .finalize();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = b64::encode_padded(&[&[self.kind.number()], &self.key[..]].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(&self.id()))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({}+{})", self.name, hex::encode(&self.id()))
    }
}

/// Whether a key may have this name: not empty, without spaces and plus signs.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}
