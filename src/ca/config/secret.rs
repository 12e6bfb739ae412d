//! The CA's secret: keys of nonces, page proofs and external account keys derive from it.

use super::values::Values;
use crate::records::acme::nonce;
use crate::values::b64;
use core::fmt;
use core::ops::Deref;

/// Label of the derivation from the configured secret, its only use.
const DERIVATION_LABEL: &[u8] = b"selvedge base url v1\0";

/// The secret of one CA, and the previous one while both count; `Debug` is redacted.
///
/// It is dereferenced to the present one, with which everything new is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceKey {
    present: [u8; 32],
    previous: Option<[u8; 32]>,
}

impl NonceKey {
    /// Reads `NONCE_KEY` and `NONCE_KEY_PREVIOUS` of the CA at this `BASE_URL`; `None` without the first.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(value: Values<'_>, base_url: &str) -> Result<Option<Self>, String> {
        let read = |name: &str| value(name).map(|text| configured(name, &text)).transpose();
        let (Some(present), previous) = (read("NONCE_KEY")?, read("NONCE_KEY_PREVIOUS")?) else { return Ok(None) };
        if previous == Some(present) {
            return Err("NONCE_KEY_PREVIOUS is the same key as NONCE_KEY; store the new key in NONCE_KEY \
                        (`selvedge nonce-key new` makes one), or delete NONCE_KEY_PREVIOUS."
                .to_owned());
        }
        let derive = |key: [u8; 32]| nonce::derived(&key, DERIVATION_LABEL, base_url.as_bytes());
        Ok(Some(Self { present: derive(present), previous: previous.map(derive) }))
    }

    /// The secret of the CA below this one at another `BASE_URL`.
    ///
    /// Two CAs with the same `NONCE_KEY` do not accept each other's nonces, external account keys and page proofs.
    #[must_use]
    pub fn below(&self, base_url: &str) -> Self {
        let derive = |key: [u8; 32]| nonce::derived(&key, DERIVATION_LABEL, base_url.as_bytes());
        Self { present: derive(self.present), previous: self.previous.map(derive) }
    }

    /// The same, with a previous secret that counts as well.
    #[must_use]
    pub fn with_previous(self, previous: Self) -> Self {
        Self { previous: Some(previous.present), ..self }
    }

    /// The secrets that count, the present one first.
    pub fn all(&self) -> impl Iterator<Item = &[u8; 32]> {
        core::iter::once(&self.present).chain(&self.previous)
    }

    /// Whether there is a previous secret.
    pub fn has_previous(&self) -> bool {
        self.previous.is_some()
    }
}

fn configured(name: &str, text: &str) -> Result<[u8; 32], String> {
    let key = b64::decode_secret(text.trim()).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    key.ok_or_else(|| format!("{name} is not 32 random bytes in unpadded base64url (43 characters)."))
}

impl From<[u8; 32]> for NonceKey {
    /// A CA's derived secret, for tests.
    fn from(octets: [u8; 32]) -> Self {
        Self { present: octets, previous: None }
    }
}

impl Deref for NonceKey {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.present
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(secret)")
    }
}
