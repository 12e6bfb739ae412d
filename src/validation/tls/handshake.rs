//! One TLS handshake as a client, without I/O.
//!
//! The server's certificate is nobody's but its own, so no chain is checked. Its signature over the handshake has to
//! be, or else anybody could show a certificate that they saw elsewhere. rustls wants that done at once; the platform's
//! cryptography, which has RSA and is fast, answers later. So the signature is kept aside: [`Shown::claim`], which the
//! caller has to check before anything that the server showed counts.

use super::connection::{Connection, Hello, Signed};
pub use super::fault::TlsFault;
use super::provider::schemes;
use super::signature::{Claim, KeyKind};
use crate::validation::outbound::Reaction;
use crate::values::Time;
use rustls::pki_types::{DnsName, ServerName};

/// The most bytes that a server may send: a handshake has a few thousand.
pub const MAX_BYTES: usize = 64 * 1024;

/// What a server showed in a complete handshake.
#[derive(Clone)]
pub struct Shown {
    /// The protocol that it selected by ALPN.
    pub protocol: Option<Vec<u8>>,
    /// Its own certificate, in DER.
    pub certificate: Vec<u8>,
    signed: Signed,
}

impl Shown {
    /// The signature by which the server proves to have the private key of `spki`, the public key in its certificate.
    /// To be checked, or anybody can show any certificate.
    ///
    /// # Errors
    /// [`TlsFault::Scheme`] when the signature does not belong to such a key.
    pub fn claim(&self, spki: &[u8]) -> Result<Claim, TlsFault> {
        let signed = &self.signed;
        let algorithm = KeyKind::of(spki).and_then(|kind| kind.handshake_algorithm(signed.scheme, signed.tls13));
        algorithm.and_then(|alg| Claim::new(alg, &signed.message, &signed.signature)).ok_or(TlsFault::Scheme)
    }
}

/// A handshake under way.
pub struct Handshake(Connection);

impl Handshake {
    /// Starts a handshake that names the host `server_name` (SNI) and offers `protocol`, and no other, by ALPN. Gives
    /// the ClientHello too, which is to be sent.
    ///
    /// # Errors
    /// When there is no randomness, or when `server_name` is no DNS name, which no identifier's is.
    pub fn start(server_name: &str, protocol: &'static str, now: Time) -> Result<(Self, Vec<u8>), TlsFault> {
        let name = DnsName::try_from(server_name.to_owned()).map_err(|_| TlsFault::Client)?;
        let hello = Hello { server: ServerName::DnsName(name), protocol, schemes: schemes(), now };
        let (connection, hello) = Connection::start(hello, None)?;
        Ok((Self(connection), hello))
    }

    /// Takes what the server sent, and says how to go on. After the handshake the connection ends: RFC 8737 §4 wants
    /// nothing more to be sent.
    pub fn receive(&mut self, bytes: &[u8]) -> Reaction {
        let answer = self.0.receive(bytes);
        if self.0.is_over() { Reaction::Close(answer) } else { Reaction::Send(answer) }
    }

    /// What came of it, once the connection is over.
    ///
    /// # Errors
    /// [`TlsFault`] when the handshake is not complete.
    pub fn finish(self) -> Result<Shown, TlsFault> {
        let seen = self.0.finish()?;
        match (seen.certificate, seen.signed) {
            (Some(certificate), Some(signed)) => Ok(Shown { protocol: seen.protocol, certificate, signed }),
            _ => Err(TlsFault::Misbehaved),
        }
    }
}
