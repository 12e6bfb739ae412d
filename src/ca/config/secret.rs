//! The CA's own secret, under the MACs of nonces and of URLs, and of which operators' external account keys are made.

use crate::records::acme::nonce;
use core::fmt;
use core::ops::Deref;

/// What the secret of the configuration is used for itself: nothing but this.
const PURPOSE: &[u8] = b"selvedge base url v1\0";

/// The secret of one CA; shown, it says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceKey([u8; 32]);

impl NonceKey {
    /// The secret of the CA at this `BASE_URL`, made of `NONCE_KEY`.
    ///
    /// All that is made with it is good at that CA alone: of two that have one `NONCE_KEY` between them, neither takes the
    /// other's nonces, external account keys and URLs.
    pub fn of(configured: &[u8; 32], base_url: &str) -> Self {
        Self(nonce::derived(configured, PURPOSE, base_url.as_bytes()))
    }
}

impl From<[u8; 32]> for NonceKey {
    /// A secret that is one CA's already, as tests have it.
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
