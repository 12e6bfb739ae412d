//! The transparency log: its key, and the readers of its entries.

use super::values::{Values, invalid};
use crate::tlog::note::KeyKind;
use crate::values::b64;

/// The settings of the transparency logs. Each issuer has one, with keys made of `LOG_KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The public key of `LOG_KEY`: the 32 octets of Ed25519.
    pub key: [u8; 32],
    /// The readers of entries.
    pub entries: EntryReaders,
}

/// A key that signs the checkpoints of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogKey {
    /// `LOG_KEY` itself: logs that began before each had keys of its own.
    Shared,
    /// A key that only the log of this origin has.
    Own(KeyKind, String),
}

impl LogKey {
    /// The keys of a log: for Ed25519, and for ML-DSA-44.
    pub fn of(origin: &str, has_own: bool) -> Vec<Self> {
        let own = |kind| Self::Own(kind, origin.to_owned());
        let first = if has_own { own(KeyKind::Ed25519) } else { Self::Shared };
        vec![first, own(KeyKind::MlDsa44Cosignature)]
    }

    /// Its kind.
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::Shared => KeyKind::Ed25519,
            Self::Own(kind, _) => *kind,
        }
    }

    /// What names an own key in its derivation, as the `info` of HKDF.
    ///
    /// The seed of an own key is HKDF-SHA-256 of the seed of `LOG_KEY`, without a salt
    /// ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)).
    pub fn info(&self) -> Option<String> {
        match self {
            Self::Shared => None,
            Self::Own(kind, origin) => Some(format!("selvedge/v1 log key {:02x}\n{origin}", kind.number())),
        }
    }
}

/// The readers of a log's entries. Everybody may read hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryReaders {
    /// Operators. Entries have the names of certificates.
    #[default]
    Operators,
    /// Everybody.
    Public,
}

impl EntryReaders {
    /// Reads `LOG_ENTRIES`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(value: Values<'_>) -> Result<Self, String> {
        match value("LOG_ENTRIES").as_deref() {
            None | Some("operators") => Ok(Self::Operators),
            Some("public") => Ok(Self::Public),
            Some(other) => Err(invalid("LOG_ENTRIES", other, "\"operators\" or \"public\"")),
        }
    }
}

impl Log {
    /// The log with this public key, which belongs to `LOG_KEY`.
    ///
    /// # Errors
    /// A sentence for the operator: `LOG_ENTRIES` is invalid.
    pub fn read(value: Values<'_>, key: [u8; 32]) -> Result<Self, String> {
        Ok(Self { key, entries: EntryReaders::read(value)? })
    }

    /// No log, before the host has read `LOG_KEY`.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn without_key(value: Values<'_>) -> Result<Option<Self>, String> {
        EntryReaders::read(value).map(|_| None)
    }

    /// Whether everybody may read entries.
    pub fn is_public(&self) -> bool {
        self.entries == EntryReaders::Public
    }

    /// The public key as text, base64url.
    pub fn key_text(&self) -> String {
        b64::encode(&self.key)
    }
}

/// The sentence for a `LOG_KEY` that cannot be used.
pub fn unusable_key(why: &str) -> String {
    format!(
        "LOG_KEY cannot be used: {why}. It has to be an Ed25519 private key, PKCS#8 \"PRIVATE KEY\" in PEM, as `openssl \
         genpkey -algorithm ed25519` makes one."
    )
}
