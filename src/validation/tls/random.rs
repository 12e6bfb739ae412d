//! The randomness of the TLS client.

use rustls::crypto::{GetRandomFailed, SecureRandom};

/// The platform's CSPRNG.
#[derive(Debug)]
pub struct Platform;

impl SecureRandom for Platform {
    #[allow(clippy::disallowed_methods, reason = "rustls wants its randomness as a static, which no port can be")]
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buf).map_err(|_| GetRandomFailed)
    }
}
