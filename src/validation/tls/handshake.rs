//! One TLS handshake as a client, without I/O.
//!
//! The certificate is self-signed, so no chain is checked. The server's signature over the handshake must be, or a copied
//! certificate would do. rustls expects a synchronous check, but the platform's cryptography is asynchronous. So callers
//! check [`HandshakeResult::signature`] before they use anything else of the result.

use super::connection::{Connection, Hello, Signed};
pub use super::fault::TlsFault;
use super::provider::schemes;
use super::signature::{TlsKeyKind, UnverifiedSignature};
use crate::validation::outbound::Reaction;
use crate::values::Time;
use rustls::pki_types::{DnsName, ServerName};

/// Maximum bytes from a server; a handshake has a few thousand.
pub const MAX_BYTES: usize = 64 * 1024;

/// The result of a complete handshake.
#[derive(Clone)]
pub struct HandshakeResult {
    /// The protocol selected by ALPN.
    pub protocol: Option<Vec<u8>>,
    /// The server's certificate in DER.
    pub certificate: Vec<u8>,
    signed: Signed,
}

impl HandshakeResult {
    /// The server's unverified handshake signature, for the public key `spki` of its certificate.
    ///
    /// Callers must verify it, which proves possession of the key.
    ///
    /// # Errors
    /// [`TlsFault::Scheme`] for a signature that does not fit the key.
    pub fn signature(&self, spki: &[u8]) -> Result<UnverifiedSignature, TlsFault> {
        let signed = &self.signed;
        let algorithm = TlsKeyKind::of(spki).and_then(|kind| kind.handshake_algorithm(signed.scheme, signed.tls13));
        algorithm
            .and_then(|alg| UnverifiedSignature::new(alg, &signed.message, &signed.signature))
            .ok_or(TlsFault::Scheme)
    }
}

/// A handshake in progress.
pub struct Handshake(Connection);

impl Handshake {
    /// Starts a handshake with SNI `server_name` and ALPN `protocol`; returns the ClientHello too.
    ///
    /// # Errors
    /// Without randomness, or if `server_name` is not a DNS name.
    pub fn start(server_name: &str, protocol: &'static str, now: Time) -> Result<(Self, Vec<u8>), TlsFault> {
        let name = DnsName::try_from(server_name.to_owned()).map_err(|_| TlsFault::Client)?;
        let hello = Hello { server: ServerName::DnsName(name), protocol, schemes: schemes(), now };
        let (connection, hello) = Connection::start(hello, None)?;
        Ok((Self(connection), hello))
    }

    /// Processes bytes of the server.
    ///
    /// The connection ends after the handshake: RFC 8737 §4 permits no application data.
    pub fn receive(&mut self, bytes: &[u8]) -> Reaction {
        let answer = self.0.receive(bytes);
        if self.0.has_ended() { Reaction::Close(answer) } else { Reaction::Send(answer) }
    }

    /// The result, after the end of the connection.
    ///
    /// # Errors
    /// [`TlsFault`] for an incomplete handshake.
    pub fn finish(self) -> Result<HandshakeResult, TlsFault> {
        let seen = self.0.finish()?;
        match (seen.certificate, seen.signed) {
            (Some(certificate), Some(signed)) => Ok(HandshakeResult { protocol: seen.protocol, certificate, signed }),
            _ => Err(TlsFault::Misbehaved),
        }
    }
}
