//! The TLS client of tls-alpn-01: rustls, with the little cryptography that it needs, and no more than a handshake.

mod aead;
mod exchange;
pub mod handshake;
mod provider;
pub mod signature;

#[cfg(test)]
mod tests;
