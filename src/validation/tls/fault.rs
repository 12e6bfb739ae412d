//! Why a TLS connection came to nothing.

use rustls::{AlertDescription, Error};
use std::fmt;

/// What this client offers; [`super::provider`] has it.
const OFFER: &str = "this client, which offers TLS 1.3 and 1.2, AES-128-GCM with SHA-256 and AES-256-GCM with SHA-384, \
                     ECDHE on P-256 and P-384, and takes certificates with P-256, P-384, RSA and Ed25519 keys";

/// Why there was no handshake; a clause that follows the name of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The server refused all protocols that were offered.
    ProtocolRefused,
    /// The server ended the handshake with this alert.
    Alert(AlertDescription),
    /// The server asked for a certificate of the client, got none, and ended the connection.
    ClientCertificate,
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
            Self::ClientCertificate | Self::NoTls | Self::Incompatible | Self::Misbehaved | Self::Scheme => false,
        }
    }

    /// The fault of a server that asked for a certificate of the client and went on so.
    pub(super) fn of_client_certificate(self) -> Self {
        match self {
            Self::Alert(_) | Self::Closed => Self::ClientCertificate,
            other => other,
        }
    }
}

/// Whether a server says by this alert that nothing which was offered will do
/// ([RFC 8446 §6.2](https://www.rfc-editor.org/rfc/rfc8446#section-6.2)).
fn is_of_negotiation(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity
    )
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProtocolRefused => "refused the protocol that was offered by ALPN",
            Self::Alert(alert) => {
                write!(f, "ended the handshake with the TLS alert {alert:?} ({})", u8::from(*alert))?;
                return if is_of_negotiation(*alert) {
                    write!(f, ": it may have nothing in common with {OFFER}")
                } else {
                    Ok(())
                };
            }
            Self::ClientCertificate => {
                "asked for a client certificate, which a validation has none of, and ended the connection: it has to \
                 answer without one"
            }
            Self::NoTls => "sent something that is no TLS handshake",
            Self::Incompatible => return write!(f, "has nothing in common with {OFFER}"),
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
            Error::AlertReceived(AlertDescription::CertificateRequired) => Self::ClientCertificate,
            Error::AlertReceived(alert) => Self::Alert(alert),
            Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => Self::NoTls,
            Error::PeerIncompatible(_) => Self::Incompatible,
            Error::FailedToGetRandomBytes => Self::Client,
            _ => Self::Misbehaved,
        }
    }
}
