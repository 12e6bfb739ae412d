//! What the operator decides about validation.

use super::guard::AddressPolicy;
use core::time::Duration;

/// What the operator decides about validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The port of http-01. RFC 8555 knows 80 only; tests use others.
    pub http01_port: u16,
    /// The port of tls-alpn-01. RFC 8737 knows 443 only; tests use others.
    pub tls_alpn_port: u16,
    /// Which addresses may be connected to.
    pub policy: AddressPolicy,
    /// For one try at one address; a whole validation has twice as long.
    pub time: Duration,
    /// How often a validation is tried in all, while it fails for a passing reason.
    pub tries: u32,
    /// How long until it is tried again.
    pub pause: Duration,
}

impl Config {
    /// The ports that a redirect may lead to: those of the web, and what stands for them in tests.
    pub fn web_ports(&self) -> [u16; 4] {
        [80, 443, self.http01_port, self.tls_alpn_port]
    }
}

impl Default for Config {
    /// What a CA on the Internet has: ports 80 and 443, public addresses, and a retry after 5 seconds (RFC 8555 §8.2).
    fn default() -> Self {
        Self {
            http01_port: 80,
            tls_alpn_port: 443,
            policy: AddressPolicy::default(),
            time: Duration::from_secs(10),
            tries: 3,
            pause: Duration::from_secs(5),
        }
    }
}
