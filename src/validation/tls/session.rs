//! One request and its answer over TLS, without I/O, with a server whose certificate is not looked at.
//!
//! http-01 begins with plain http, so whoever can change what goes over the network can do so before there is TLS: a
//! certificate would add nothing, and the server may be there to get its first one. RFC 8555 §8.3 leaves redirects to the
//! CA; Let's Encrypt follows them to https so too.

use super::connection::{Connection, Hello};
use super::fault::TlsFault;
use super::provider::all_schemes;
use crate::validation::outbound::Reaction;
use crate::values::Time;
use core::net::IpAddr;
use rustls::pki_types::{DnsName, ServerName};

/// The protocol that is offered by ALPN.
const PROTOCOL: &str = "http/1.1";

/// A server as the client names it.
pub enum Peer<'a> {
    /// By its name, which goes into the ClientHello.
    Name(&'a str),
    /// By its address, which does not ([RFC 6066 §3](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
    Address(IpAddr),
}

/// A request under way.
pub struct Session(Connection);

impl Session {
    /// Starts a connection to `peer` that is to carry `request`. Gives the ClientHello too, which is to be sent.
    ///
    /// # Errors
    /// When there is no randomness, or when the name is no DNS name.
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

    /// Takes what the server sent, and says how to go on. `done` says of the answer so far whether it is enough.
    pub fn receive(&mut self, bytes: &[u8], done: &mut dyn FnMut(&[u8]) -> bool) -> Reaction {
        let mut answer = self.0.receive(bytes);
        if self.0.is_over() {
            return Reaction::Close(answer);
        }
        if !self.0.received().is_empty() && done(self.0.received()) {
            answer.extend(self.0.close());
            return Reaction::Close(answer);
        }
        Reaction::Send(answer)
    }

    /// What the server answered so far.
    pub fn received(&self) -> &[u8] {
        self.0.received()
    }

    /// Whether the server asked for a certificate of the client.
    pub fn wants_certificate(&self) -> bool {
        self.0.wants_certificate()
    }

    /// The answer, once the connection is over.
    ///
    /// # Errors
    /// [`TlsFault`] when there was no handshake, or the server ended the connection by an alert.
    pub fn finish(self) -> Result<Vec<u8>, TlsFault> {
        let received = self.0.received().to_vec();
        self.0.finish().map(|_| received)
    }
}
