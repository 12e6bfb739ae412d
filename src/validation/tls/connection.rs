//! A TLS connection as a client, without I/O: bytes in, bytes out, and what the server showed.

use super::fault::TlsFault;
use super::provider::provider;
use crate::values::Time;
use core::time::Duration;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::fmt;
use std::sync::{Arc, Mutex};

/// The most bytes that one record has, encrypted and with its header
/// ([RFC 8446 §5.2](https://www.rfc-editor.org/rfc/rfc8446#section-5.2)).
const MAX_RECORD: usize = 5 + (1 << 14) + 256;

/// What a client says of itself.
pub(super) struct Hello {
    /// The server that is meant: a name, which goes into the ClientHello (SNI), or an address, which does not.
    pub server: ServerName<'static>,
    /// The only protocol that is offered by ALPN.
    pub protocol: &'static str,
    /// The signature schemes that are offered.
    pub schemes: Vec<SignatureScheme>,
    /// The present.
    pub now: Time,
}

/// A connection under way.
pub(super) struct Connection {
    connection: UnbufferedClientConnection,
    witness: Arc<Witness>,
    /// What was received and not understood yet.
    incoming: Vec<u8>,
    /// What is sent once the handshake is complete; without it the connection ends there.
    request: Option<Vec<u8>>,
    /// What the server sent behind the handshake.
    received: Vec<u8>,
    /// Whether the handshake is complete.
    complete: bool,
    /// How it ended.
    ended: Option<Result<(), TlsFault>>,
}

impl Connection {
    /// Starts a connection that is to carry `request`, or no more than a handshake. Gives the ClientHello too, which is to
    /// be sent.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn start(hello: Hello, request: Option<Vec<u8>>) -> Result<(Self, Vec<u8>), TlsFault> {
        let witness = Arc::new(Witness { schemes: hello.schemes, seen: Mutex::default() });
        let clock = Stopped(UnixTime::since_unix_epoch(Duration::from_secs(hello.now.secs())));
        let mut config = ClientConfig::builder_with_details(Arc::new(provider()), Arc::new(clock))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(witness.clone())
            .with_client_cert_resolver(witness.clone());
        config.alpn_protocols = vec![hello.protocol.as_bytes().to_vec()];
        config.resumption = Resumption::disabled();
        let connection = UnbufferedClientConnection::new(Arc::new(config), hello.server)?;
        let mut started = Self {
            connection,
            witness,
            incoming: Vec::new(),
            request,
            received: Vec::new(),
            complete: false,
            ended: None,
        };
        let hello = started.advance();
        Ok((started, hello))
    }

    /// Takes what the server sent. Gives what is to be sent.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.incoming.extend_from_slice(bytes);
        self.advance()
    }

    /// Whether nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// What the server sent behind the handshake so far.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Whether the server asked for a certificate of the client.
    pub fn wants_certificate(&self) -> bool {
        self.witness.seen.lock().is_ok_and(|seen| seen.asked)
    }

    /// Ends the connection. Gives what is to be sent.
    pub fn close(&mut self) -> Vec<u8> {
        let mut record = vec![0; MAX_RECORD];
        let UnbufferedStatus { state, .. } = self.connection.process_tls_records(&mut self.incoming);
        let written = match state {
            Ok(ConnectionState::WriteTraffic(mut state)) => state.queue_close_notify(&mut record).unwrap_or(0),
            _ => 0,
        };
        record.truncate(written);
        record
    }

    /// Goes as far as the bytes lead that are there. Gives those to be sent.
    fn advance(&mut self) -> Vec<u8> {
        let mut outgoing = Vec::new();
        let mut record = vec![0; MAX_RECORD];
        loop {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(&mut self.incoming);
            let (written, go_on) = match state {
                Ok(ConnectionState::EncodeTlsData(mut state)) => (state.encode(&mut record).unwrap_or(0), true),
                Ok(ConnectionState::TransmitTlsData(state)) => {
                    state.done();
                    (0, true)
                }
                Ok(ConnectionState::ReadTraffic(mut state)) => {
                    while let Some(Ok(data)) = state.next_record() {
                        self.received.extend_from_slice(data.payload);
                    }
                    (0, true)
                }
                Ok(ConnectionState::WriteTraffic(mut state)) => match (self.complete, self.request.take()) {
                    (false, Some(request)) => {
                        self.complete = true;
                        (state.encrypt(&request, &mut record).unwrap_or(0), true)
                    }
                    (false, None) => {
                        self.complete = true;
                        self.ended = Some(Ok(()));
                        (state.queue_close_notify(&mut record).unwrap_or(0), false)
                    }
                    // Everything is read that is there.
                    (true, _) => (0, false),
                },
                Ok(ConnectionState::BlockedHandshake) => (0, false),
                Ok(_) => {
                    self.ended = Some(if self.complete { Ok(()) } else { Err(TlsFault::Closed) });
                    (0, false)
                }
                Err(error) => {
                    self.ended = Some(Err(error.into()));
                    (0, false)
                }
            };
            outgoing.extend(record.iter().take(written));
            self.incoming.drain(..discard.min(self.incoming.len()));
            // An alert is sent also when all is over, but nothing is read then: rustls is not made to go on.
            let alert = matches!(self.ended, Some(Err(_))) && self.connection.wants_write();
            if !alert && (!go_on || self.ended.is_some()) {
                return outgoing;
            }
        }
    }

    /// What the server showed, once the connection is over.
    ///
    /// # Errors
    /// [`TlsFault`] when the handshake is not complete, or the server ended the connection by an alert.
    pub fn finish(self) -> Result<Seen, TlsFault> {
        let protocol = self.connection.alpn_protocol().map(<[u8]>::to_vec);
        let mut seen = self.witness.seen.lock().map_err(|_| TlsFault::Client)?.clone();
        // An end without close_notify is none to mind, as the answer says itself whether it is whole.
        let over = if self.complete { Ok(()) } else { Err(TlsFault::Closed) };
        self.ended.unwrap_or(over).map_err(|fault| if seen.asked { fault.of_client_certificate() } else { fault })?;
        seen.protocol = protocol;
        Ok(seen)
    }
}

/// A clock that does not go: nothing in a single connection depends on it.
#[derive(Debug)]
struct Stopped(UnixTime);

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

/// What a server showed.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The protocol that it selected by ALPN.
    pub protocol: Option<Vec<u8>>,
    /// Its own certificate, in DER.
    pub certificate: Option<Vec<u8>>,
    /// Its signature over the handshake.
    pub signed: Option<Signed>,
    /// Whether it asked for a certificate of the client.
    pub asked: bool,
}

/// A signature over a handshake, not checked.
#[derive(Clone)]
pub(super) struct Signed {
    pub tls13: bool,
    pub scheme: SignatureScheme,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

/// Writes down what rustls wants to have verified, and whether a client's certificate is asked for.
struct Witness {
    schemes: Vec<SignatureScheme>,
    seen: Mutex<Seen>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Witness {
    fn note(&self, change: impl FnOnce(&mut Seen)) -> Result<(), Error> {
        self.seen.lock().map(|mut seen| change(&mut seen)).map_err(|_| Error::FailedToGetCurrentTime)
    }

    fn sign(&self, tls13: bool, message: &[u8], dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
        let signature = dss.signature().to_vec();
        let signed = Signed { tls13, scheme: dss.scheme, message: message.to_vec(), signature };
        self.note(|seen| seen.signed = Some(signed))?;
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.note(|seen| seen.certificate = Some(end_entity.to_vec()))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.sign(false, message, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.sign(true, message, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl ResolvesClientCert for Witness {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // A lock that cannot be had only costs a word in a problem.
        let _noted = self.note(|seen| seen.asked = true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
