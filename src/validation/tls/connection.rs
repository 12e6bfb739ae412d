//! A TLS connection as a client, without I/O.

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

/// Maximum bytes of an encrypted record with its header
/// ([RFC 8446 §5.2](https://www.rfc-editor.org/rfc/rfc8446#section-5.2)).
const MAX_RECORD: usize = 5 + (1 << 14) + 256;

/// The parameters of the ClientHello.
pub(super) struct Hello {
    /// The server: a name, sent as SNI, or an address, not sent.
    pub server: ServerName<'static>,
    /// The only protocol offered by ALPN.
    pub protocol: &'static str,
    /// The offered signature schemes.
    pub schemes: Vec<SignatureScheme>,
    /// The present.
    pub now: Time,
}

/// A connection in progress.
pub(super) struct Connection {
    connection: UnbufferedClientConnection,
    witness: Arc<Witness>,
    /// Received bytes that are not processed yet.
    incoming: Vec<u8>,
    /// The request to send after the handshake; `None` ends the connection there.
    request: Option<Vec<u8>>,
    /// Application data of the server.
    received: Vec<u8>,
    /// Whether the handshake is complete.
    complete: bool,
    /// The result, after the end.
    ended: Option<Result<(), TlsFault>>,
}

impl Connection {
    /// Starts a connection for `request`, or only a handshake; returns the ClientHello too.
    ///
    /// # Errors
    /// Without randomness.
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

    /// Processes bytes of the server; returns bytes to send.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.incoming.extend_from_slice(bytes);
        self.advance()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Application data of the server so far.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Whether the server requested a client certificate.
    pub fn wants_certificate(&self) -> bool {
        self.witness.seen.lock().is_ok_and(|seen| seen.asked)
    }

    /// Closes the connection; returns bytes to send.
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

    /// Processes the received bytes; returns bytes to send.
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
                    // All received bytes are processed.
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
            // After a failure only the alert is written; nothing more is read.
            let alert = matches!(self.ended, Some(Err(_))) && self.connection.wants_write();
            if !alert && (!go_on || self.ended.is_some()) {
                return outgoing;
            }
        }
    }

    /// What the server presented, after the end of the connection.
    ///
    /// # Errors
    /// [`TlsFault`] for an incomplete handshake, or an alert of the server.
    pub fn finish(self) -> Result<PeerEvidence, TlsFault> {
        let protocol = self.connection.alpn_protocol().map(<[u8]>::to_vec);
        let mut seen = self.witness.seen.lock().map_err(|_| TlsFault::Client)?.clone();
        // A missing close_notify is tolerated: HTTP framing shows whether the response is complete.
        let over = if self.complete { Ok(()) } else { Err(TlsFault::Closed) };
        self.ended.unwrap_or(over).map_err(|fault| if seen.asked { fault.of_client_certificate() } else { fault })?;
        seen.protocol = protocol;
        Ok(seen)
    }
}

/// A stopped clock: nothing in a single connection depends on it.
#[derive(Debug)]
struct Stopped(UnixTime);

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

/// What a server presented in the handshake.
#[derive(Clone, Default)]
pub(super) struct PeerEvidence {
    /// The protocol selected by ALPN.
    pub protocol: Option<Vec<u8>>,
    /// Its certificate in DER.
    pub certificate: Option<Vec<u8>>,
    /// Its signature over the handshake.
    pub signed: Option<Signed>,
    /// Whether it requested a client certificate.
    pub asked: bool,
}

/// An unverified signature over a handshake.
#[derive(Clone)]
pub(super) struct Signed {
    pub tls13: bool,
    pub scheme: SignatureScheme,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

/// Records what rustls asks to verify, instead of verifying it.
struct Witness {
    schemes: Vec<SignatureScheme>,
    seen: Mutex<PeerEvidence>,
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Witness {
    fn note(&self, change: impl FnOnce(&mut PeerEvidence)) -> Result<(), Error> {
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
        // A poisoned lock only loses a note in a problem.
        let _noted = self.note(|seen| seen.asked = true);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
