//! The CA's secret: keys of nonces, page proofs and external account keys derive from it.

use crate::records::acme::nonce;
use core::fmt;
use core::ops::Deref;

/// Label of the derivation from the configured secret, its only use.
const DERIVATION_LABEL: &[u8] = b"selvedge base url v1\0";

/// The secret of one CA; `Debug` is redacted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// The secret of the CA at this `BASE_URL`, derived from `NONCE_KEY`.
    ///
    /// Two CAs with the same `NONCE_KEY` do not accept each other's nonces, external account keys and page proofs.
    pub fn of(configured: &[u8; 32], base_url: &str) -> Self {
        Self(nonce::derived(configured, DERIVATION_LABEL, base_url.as_bytes()))
    }
}

impl From<[u8; 32]> for NonceKey {
    /// A CA's derived secret, for tests.
    fn from(octets: [u8; 32]) -> Self {
        Self(octets)
    }
}

impl Deref for NonceKey {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NonceKey(secret)")
    }
}
