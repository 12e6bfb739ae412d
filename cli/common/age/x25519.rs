//! Recipients and identities of age: X25519 keys.

use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::header::{FileKey, Stanza, base64, derive, unbase64};
use crate::common::host::random;

/// The kind of the stanzas, and the label of their keys.
const KIND: &str = "X25519";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// The beginnings of recipients and identities.
const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// A recipient: `age1…`.
#[derive(Clone, Debug)]
pub struct Recipient(PublicKey);

/// An identity: `AGE-SECRET-KEY-1…`.
pub struct Identity(StaticSecret);

fn decoded(text: &str, beginning: &str) -> Result<Zeroizing<[u8; 32]>> {
    let (found, bytes) = bech32::decode(text).map_err(|_| anyhow!("it has a typing error"))?;
    let bytes = Zeroizing::new(bytes);
    if found.to_lowercase() != beginning {
        bail!("it does not begin with {beginning}1");
    }
    let bytes = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| anyhow!("it has another length"))?;
    Ok(Zeroizing::new(bytes))
}

impl FromStr for Recipient {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = decoded(text, RECIPIENT).with_context(|| format!("{text:?} is not a recipient like age1…"))?;
        Ok(Self(PublicKey::from(*bytes)))
    }
}

impl Recipient {
    /// Wraps a file key for this recipient.
    pub(super) fn wrap(&self, key: &FileKey) -> Result<Stanza> {
        let ephemeral = StaticSecret::from(random::<32>()?);
        let share = PublicKey::from(&ephemeral);
        let wrapping = wrapping(&ephemeral, &self.0, &share, &self.0)?;
        let arguments = vec![KIND.to_owned(), base64(share.as_bytes())];
        Ok(Stanza { arguments, body: key.wrapped(&wrapping)? })
    }
}

impl Identity {
    /// Reads the identities of a file: one in each line, and comments.
    ///
    /// # Errors
    /// When a line is another, or none is an identity.
    pub fn all(text: &str) -> Result<Vec<Self>> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let all: Vec<Self> = lines
            .map(|line| decoded(line, IDENTITY).map(|bytes| Self(StaticSecret::from(*bytes))))
            .collect::<Result<_>>()
            .context("a line is not an identity like AGE-SECRET-KEY-1…")?;
        if all.is_empty() {
            bail!("it has no identity like AGE-SECRET-KEY-1…");
        }
        Ok(all)
    }

    /// Its recipient.
    pub fn recipient(&self) -> Recipient {
        Recipient(PublicKey::from(&self.0))
    }

    /// The file key of a stanza for this identity.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Option<FileKey> {
        let [kind, share] = stanza.arguments.as_slice() else { return None };
        if kind != KIND {
            return None;
        }
        let share = PublicKey::from(<[u8; 32]>::try_from(unbase64(share).ok()?).ok()?);
        let key = wrapping(&self.0, &share, &share, &self.recipient().0).ok()?;
        FileKey::unwrapped(&key, &stanza.body).ok()
    }
}

/// The key that wraps a file key.
fn wrapping(
    secret: &StaticSecret,
    other: &PublicKey,
    share: &PublicKey,
    to: &PublicKey,
) -> Result<Zeroizing<[u8; 32]>> {
    let shared = secret.diffie_hellman(other);
    if !shared.was_contributory() {
        bail!("a key of small order");
    }
    derive(shared.as_bytes(), &[share.as_bytes().as_slice(), to.as_bytes()].concat(), LABEL)
}
