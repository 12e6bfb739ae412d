//! The TLS client of tls-alpn-01 and of redirects to https.
//!
//! It uses rustls, for a handshake or one request.

mod aead;
mod connection;
mod exchange;
mod fault;
pub mod handshake;
mod provider;
mod random;
pub mod session;
pub mod signature;

#[cfg(test)]
mod tests;
