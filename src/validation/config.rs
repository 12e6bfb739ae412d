//! The configuration of validation.

use super::guard::AddressPolicy;
use core::time::Duration;

/// The configuration of validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The port of http-01. RFC 8555 allows only 80; tests use others.
    pub http01_port: u16,
    /// The port of tls-alpn-01. RFC 8737 allows only 443; tests use others.
    pub tls_alpn_port: u16,
    /// The addresses that validations may connect to.
    pub policy: AddressPolicy,
    /// Timeout per address; a whole validation has twice as long.
    pub time: Duration,
    /// Maximum number of attempts while failures are temporary.
    pub tries: u32,
    /// Delay between attempts.
    pub pause: Duration,
}

impl Config {
    /// The ports that redirects may lead to. Those of the web, and their replacements in tests.
    pub fn web_ports(&self) -> [u16; 4] {
        [80, 443, self.http01_port, self.tls_alpn_port]
    }
}

impl Default for Config {
    /// The defaults of a public CA.
    ///
    /// Ports 80 and 443, public addresses, and a retry after 5 seconds (RFC 8555 §8.2).
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
