//! The CA's own secret, under the MACs of nonces and of URLs, and of which operators' external account keys are made.

use core::fmt;
use core::ops::Deref;

/// The secret, which shows itself to nobody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NonceKey([u8; 32]);

impl From<[u8; 32]> for NonceKey {
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
