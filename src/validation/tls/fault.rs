//! Failures of TLS handshakes.

use rustls::{AlertDescription, Error};

/// The offer of this client, from [`super::provider`].
const OFFER: &str = "this client, which offers TLS 1.3 and 1.2, AES-128-GCM with SHA-256 and AES-256-GCM with SHA-384, \
                     ECDHE on P-256 and P-384, and takes certificates with P-256, P-384, RSA and Ed25519 keys";

/// Why a TLS handshake failed. The message is a clause that follows the name of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// The server refused all offered protocols.
    #[error("refused the protocol that was offered by ALPN")]
    ProtocolRefused,
    /// The server ended the handshake with this alert.
    #[error("{}", alert(*.0))]
    Alert(AlertDescription),
    /// The server requires a client certificate.
    #[error(
        "asked for a client certificate, which a validation has none of, and ended the connection: it has to answer \
         without one"
    )]
    ClientCertificate,
    /// The server's bytes are not TLS.
    #[error("sent something that is no TLS handshake")]
    NoTls,
    /// No common version, cipher suite, group or signature scheme.
    #[error("has nothing in common with {offer}", offer = OFFER)]
    Incompatible,
    /// The server broke the protocol.
    #[error("broke the TLS protocol")]
    Misbehaved,
    /// The server closed the connection before the handshake was complete.
    #[error("closed the connection before the TLS handshake was complete")]
    Closed,
    /// The server's handshake signature does not fit the key of its certificate.
    #[error("signed the handshake in a way that does not belong to the key of its certificate")]
    Scheme,
    /// The client failed, for lack of randomness.
    #[error("was given up: no randomness")]
    Client,
}

/// The text of [`TlsFault::Alert`].
fn alert(alert: AlertDescription) -> String {
    let common =
        if is_of_negotiation(alert) { format!(": it may have nothing in common with {OFFER}") } else { String::new() };
    format!("ended the handshake with the TLS alert {alert:?} ({}){common}", u8::from(alert))
}

impl TlsFault {
    /// Whether it may be temporary, since the responder may start late.
    pub fn is_passing(self) -> bool {
        match self {
            Self::ProtocolRefused | Self::Alert(_) | Self::Closed | Self::Client => true,
            Self::ClientCertificate | Self::NoTls | Self::Incompatible | Self::Misbehaved | Self::Scheme => false,
        }
    }

    /// The fault, for a server that requested a client certificate.
    pub(super) fn of_client_certificate(self) -> Self {
        match self {
            Self::Alert(_) | Self::Closed => Self::ClientCertificate,
            other => other,
        }
    }
}

/// Whether an alert means that nothing offered is acceptable
/// ([RFC 8446 §6.2](https://www.rfc-editor.org/rfc/rfc8446#section-6.2)).
fn is_of_negotiation(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity
    )
}

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
