//! One TLS handshake as a client, without I/O: bytes in, bytes out, and what the server showed.
//!
//! The server's certificate is nobody's but its own, so no chain is checked. Its signature over the handshake has to
//! be, or else anybody could show a certificate that they saw elsewhere. rustls wants that done at once; the platform's
//! cryptography, which has RSA and is fast, answers later. So the signature is kept aside: [`Shown::claim`], which the
//! caller has to check before anything that the server showed counts.

use super::provider::{provider, schemes};
use super::signature::{Claim, KeyKind};
use crate::validation::outbound::Reaction;
use crate::values::Time;
use core::time::Duration;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::fmt;
use std::sync::{Arc, Mutex};

/// The most bytes that a server may send: a handshake has a few thousand.
pub const MAX_BYTES: usize = 64 * 1024;

/// The most bytes that one record has, encrypted and with its header
/// ([RFC 8446 §5.2](https://www.rfc-editor.org/rfc/rfc8446#section-5.2)).
const MAX_RECORD: usize = 5 + (1 << 14) + 256;

/// Why there was no handshake; a clause that follows the name of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The server refused all protocols that were offered.
    ProtocolRefused,
    /// The server ended the handshake with this alert.
    Alert(AlertDescription),
    /// What it sent is no TLS.
    NoTls,
    /// It has no version, cipher suite, group or signature scheme in common with this client.
    Incompatible,
    /// It broke the protocol.
    Misbehaved,
    /// It closed the connection before the handshake was complete.
    Closed,
    /// It proved to have the key of its certificate with a signature that cannot be checked.
    Scheme,
    /// The client itself could not go on, for lack of randomness.
    Client,
}

impl TlsFault {
    /// Whether it may be over in a while: the responder is late, and whoever answers in its place knows nothing of
    /// this.
    pub fn is_passing(self) -> bool {
        match self {
            Self::ProtocolRefused | Self::Alert(_) | Self::Closed | Self::Client => true,
            Self::NoTls | Self::Incompatible | Self::Misbehaved | Self::Scheme => false,
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProtocolRefused => "refused the protocol that was offered by ALPN",
            Self::Alert(alert) => {
                return write!(f, "ended the handshake with the TLS alert {alert:?} ({})", u8::from(*alert));
            }
            Self::NoTls => "sent something that is no TLS handshake",
            Self::Incompatible => {
                "has nothing in common with this client: TLS 1.3 or 1.2, AES-128-GCM with SHA-256, P-256, and a \
                 certificate with a P-256, P-384, RSA or Ed25519 key"
            }
            Self::Misbehaved => "broke the TLS protocol",
            Self::Closed => "closed the connection before the TLS handshake was complete",
            Self::Scheme => "signed the handshake in a way that does not belong to the key of its certificate",
            Self::Client => "was given up: no randomness",
        })
    }
}

impl std::error::Error for TlsFault {}

impl From<Error> for TlsFault {
    fn from(error: Error) -> Self {
        match error {
            Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Self::ProtocolRefused,
            Error::AlertReceived(alert) => Self::Alert(alert),
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Self::NoTls,
            Error::PeerIncompatible(_) => Self::Incompatible,
            Error::FailedToGetRandomBytes => Self::Client,
            _ => Self::Misbehaved,
        }
    }
}

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

#[derive(Clone)]
struct Signed {
    tls13: bool,
    scheme: SignatureScheme,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// A handshake under way.
pub struct Handshake {
    connection: UnbufferedClientConnection,
    witness: Arc<Witness>,
    /// What was received and not understood yet.
    incoming: Vec<u8>,
    /// How it ended.
    ended: Option<Result<(), TlsFault>>,
}

impl Handshake {
    /// Starts a handshake that names the host `server_name` (SNI) and offers `protocol`, and no other, by ALPN. Gives
    /// the ClientHello too, which is to be sent.
    ///
    /// # Errors
    /// When there is no randomness, or when `server_name` is no DNS name, which no identifier's is.
    pub fn start(server_name: &str, protocol: &[u8], now: Time) -> Result<(Self, Vec<u8>), TlsFault> {
        let name = DnsName::try_from(server_name.to_owned()).map_err(|_| TlsFault::Client)?;
        let witness = Arc::new(Witness::default());
        let clock = Stopped(UnixTime::since_unix_epoch(Duration::from_secs(now.secs())));
        let mut config = ClientConfig::builder_with_details(Arc::new(provider()), Arc::new(clock))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(witness.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        config.resumption = Resumption::disabled();
        let connection = UnbufferedClientConnection::new(Arc::new(config), ServerName::DnsName(name))?;
        let mut handshake = Self { connection, witness, incoming: Vec::new(), ended: None };
        let hello = handshake.advance();
        Ok((handshake, hello))
    }

    /// Takes what the server sent, and says how to go on. After the handshake the connection ends: RFC 8737 §4 wants
    /// nothing more to be sent.
    pub fn receive(&mut self, bytes: &[u8]) -> Reaction {
        self.incoming.extend_from_slice(bytes);
        let answer = self.advance();
        if self.ended.is_some() { Reaction::Close(answer) } else { Reaction::Send(answer) }
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
                Ok(ConnectionState::WriteTraffic(mut state)) => {
                    self.ended = Some(Ok(()));
                    (state.queue_close_notify(&mut record).unwrap_or(0), false)
                }
                Ok(ConnectionState::BlockedHandshake) => (0, false),
                Ok(_) => {
                    self.ended = Some(Err(TlsFault::Closed));
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

    /// What came of it, once the connection is over.
    ///
    /// # Errors
    /// [`TlsFault`] when the handshake is not complete.
    pub fn finish(self) -> Result<Shown, TlsFault> {
        self.ended.unwrap_or(Err(TlsFault::Closed))?;
        let protocol = self.connection.alpn_protocol().map(<[u8]>::to_vec);
        let seen = self.witness.0.lock().map_err(|_| TlsFault::Client)?;
        match (&seen.certificate, &seen.signed) {
            (Some(certificate), Some(signed)) => {
                Ok(Shown { protocol, certificate: certificate.clone(), signed: signed.clone() })
            }
            _ => Err(TlsFault::Misbehaved),
        }
    }
}

/// A clock that does not go: nothing in a single handshake depends on it.
#[derive(Debug)]
struct Stopped(UnixTime);

impl TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

/// Writes down what rustls wants to have verified.
#[derive(Default)]
struct Witness(Mutex<Seen>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

#[derive(Default)]
struct Seen {
    certificate: Option<Vec<u8>>,
    signed: Option<Signed>,
}

impl Witness {
    fn note(&self, change: impl FnOnce(&mut Seen)) -> Result<(), Error> {
        self.0.lock().map(|mut seen| change(&mut seen)).map_err(|_| Error::FailedToGetCurrentTime)
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
        schemes()
    }
}
