//! One request over TLS, without I/O, ignoring the certificate of the server.
//!
//! http-01 begins with plain http, so a network attacker can act before TLS: checking the certificate adds nothing, and
//! the server may be about to get its first one. RFC 8555 §8.3 leaves redirects to the CA; Let's Encrypt does the same.

use super::connection::{Connection, Hello};
use super::fault::TlsFault;
use super::provider::all_schemes;
use crate::validation::outbound::Reaction;
use crate::values::Time;
use core::net::IpAddr;
use rustls::pki_types::{DnsName, ServerName};

/// The protocol offered by ALPN.
const PROTOCOL: &str = "http/1.1";

/// The name of a server in the ClientHello.
pub enum Peer<'a> {
    /// A name, sent as SNI.
    Name(&'a str),
    /// An address, not sent ([RFC 6066 §3](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
    Address(IpAddr),
}

/// A request in progress.
pub struct Session(Connection);

impl Session {
    /// Starts a connection to `peer` for `request`; returns the ClientHello too.
    ///
    /// # Errors
    /// Without randomness, or if the name is not a DNS name.
    pub fn start(peer: &Peer<'_>, request: Vec<u8>, now: Time) -> Result<(Self, Vec<u8>), TlsFault> {
        let server = match peer {
            Peer::Name(name) => {
                ServerName::DnsName(DnsName::try_from((*name).to_owned()).map_err(|_| TlsFault::Client)?)
            }
            Peer::Address(address) => ServerName::try_from(address.to_string()).map_err(|_| TlsFault::Client)?,
        };
        let hello = Hello { server, protocol: PROTOCOL, schemes: all_schemes(), now };
        let (connection, hello) = Connection::start(hello, Some(request))?;
        Ok((Self(connection), hello))
    }

    /// Processes bytes of the server; `done` decides whether the response is complete.
    pub fn receive(&mut self, bytes: &[u8], done: &mut dyn FnMut(&[u8]) -> bool) -> Reaction {
        let mut answer = self.0.receive(bytes);
        if self.0.has_ended() {
            return Reaction::Close(answer);
        }
        if !self.0.received().is_empty() && done(self.0.received()) {
            answer.extend(self.0.close());
            return Reaction::Close(answer);
        }
        Reaction::Send(answer)
    }

    /// The response so far.
    pub fn received(&self) -> &[u8] {
        self.0.received()
    }

    /// Whether the server requested a client certificate.
    pub fn wants_certificate(&self) -> bool {
        self.0.wants_certificate()
    }

    /// The response, after the end of the connection.
    ///
    /// # Errors
    /// [`TlsFault`] for an incomplete handshake, or an alert of the server.
    pub fn finish(self) -> Result<Vec<u8>, TlsFault> {
        let received = self.0.received().to_vec();
        self.0.finish().map(|_| received)
    }
}
