//! The TLS challenge: a certificate with the key authorization's digest, selected by ALPN
//! ([RFC 8737](https://www.rfc-editor.org/rfc/rfc8737)).
//!
//! It validates names and IP addresses ([RFC 8738 §6](https://www.rfc-editor.org/rfc/rfc8738#section-6)).

pub mod certificate;

use crate::validation::outbound::{Outbound, OutboundFault};
use crate::validation::outcome::{Failure, FailureKind};
use crate::validation::probe::Probe;
use crate::validation::reach::first_reached;
use crate::validation::subject::Subject;
use crate::validation::tls::handshake::{Handshake, HandshakeResult, MAX_BYTES, TlsFault};
use crate::validation::tls::signature::UnverifiedSignature;
use crate::values::quote::quote_octets;
use crate::values::{Identifier, Verify};
use certificate::{CertificateFault, ChallengeCertificate};
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use sha2::{Digest, Sha256};

/// The only offered protocol, which the server must select.
pub const PROTOCOL: &str = "acme-tls/1";

/// Connects to the identifier's host by TLS and judges its certificate.
///
/// # Errors
/// A failed handshake, or the fault of the certificate.
pub(super) async fn validate<O: Outbound + Verify>(probe: &Probe<'_, O>, subject: &Subject<'_>) -> Result<(), Failure> {
    let identifier = subject.identifier;
    let addresses = match identifier {
        Identifier::Dns(name) => probe.addresses(name).await?,
        Identifier::Ip(address) => probe.guard(&address.to_string(), vec![address.address()])?,
    };
    let name = server_name(identifier);
    let attempt = async |address, timeout| shake_hands(probe, identifier, &name, address, timeout).await;
    match first_reached(&addresses.usable, probe.config().time, attempt).await? {
        Ok((asked, shown)) => judge(probe.outbound(), &asked, &shown, subject).await,
        Err(unreached) => Err(unreached.failure(&format!("asked for the {PROTOCOL} certificate of {identifier}"))),
    }
}

/// The name of `identifier`'s host in the ClientHello (SNI).
///
/// SNI has no addresses, so an address is sent as its reverse-mapping name
/// ([RFC 8738 §6](https://www.rfc-editor.org/rfc/rfc8738#section-6)).
fn server_name(identifier: &Identifier) -> String {
    match identifier {
        Identifier::Dns(name) => name.as_str().to_owned(),
        Identifier::Ip(name) => match name.address() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(address) => {
                let nibbles = address.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
                nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
            }
        },
    }
}

/// The peer and identifier of a handshake; its text begins the details of failures.
struct HandshakeTarget<'a> {
    at: SocketAddr,
    identifier: &'a Identifier,
}

impl fmt::Display for HandshakeTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, port) = (self.at.ip(), self.at.port());
        write!(f, "asked {address} port {port} for the {PROTOCOL} certificate of {}", self.identifier)
    }
}

impl HandshakeTarget<'_> {
    fn failure(&self, kind: FailureKind, retry: bool, why: impl fmt::Display) -> Failure {
        Failure { kind, retry, detail: format!("{self}: {why}") }
    }

    fn tls(&self, fault: TlsFault) -> Failure {
        self.failure(FailureKind::Tls, fault.is_passing(), format_args!("it {fault}"))
    }

    fn certificate(&self, fault: &CertificateFault) -> Failure {
        let kind = match fault {
            CertificateFault::Unreadable(_) => FailureKind::IncorrectResponse,
            _ => FailureKind::Unauthorized,
        };
        self.failure(kind, false, format_args!("its certificate {fault}"))
    }
}

/// Performs one handshake. Inner error: the network; outer error: independent of the address.
async fn shake_hands<'a, O: Outbound>(
    probe: &Probe<'_, O>,
    identifier: &'a Identifier,
    name: &str,
    address: IpAddr,
    timeout: Duration,
) -> Result<Result<(HandshakeTarget<'a>, HandshakeResult), OutboundFault>, Failure> {
    let limits = probe.limits(timeout, MAX_BYTES)?;
    let asked = HandshakeTarget { at: SocketAddr::new(address, probe.config().tls_alpn_port), identifier };
    let now = probe.outbound().now();
    let started = Handshake::start(name, PROTOCOL, now);
    let (mut handshake, hello) = started.map_err(|fault| asked.tls(fault))?;
    let mut react = |bytes: &[u8]| handshake.receive(bytes);
    match probe.outbound().converse(asked.at, &hello, limits, &mut react).await {
        Ok(()) => match handshake.finish() {
            Ok(shown) => Ok(Ok((asked, shown))),
            Err(fault) => Err(asked.tls(fault)),
        },
        Err(fault) => Ok(Err(fault)),
    }
}

/// Checks that the result of a handshake proves control
/// ([RFC 8737 §3](https://www.rfc-editor.org/rfc/rfc8737#section-3)).
async fn judge<V: Verify>(
    crypto: &V,
    asked: &HandshakeTarget<'_>,
    shown: &HandshakeResult,
    subject: &Subject<'_>,
) -> Result<(), Failure> {
    if shown.protocol.as_deref() != Some(PROTOCOL.as_bytes()) {
        let selected = match &shown.protocol {
            Some(other) => format!("it selected the protocol {} by ALPN, not {PROTOCOL}", quote_octets(other)),
            None => format!("it speaks TLS, but did not select the protocol {PROTOCOL} by ALPN"),
        };
        // The responder may not have the challenge yet.
        return Err(asked.failure(FailureKind::Unauthorized, true, selected));
    }
    let expected = Sha256::digest(subject.key_authorization).into();
    let proof = ChallengeCertificate::read(&shown.certificate).map_err(|fault| asked.certificate(&fault))?;
    proof.judge(asked.identifier, &expected).map_err(|fault| asked.certificate(&fault))?;
    let handshake = shown.signature(proof.spki()).map_err(|fault| asked.tls(fault))?;
    if !holds(crypto, asked, proof.spki(), &handshake).await? {
        return Err(asked.failure(FailureKind::Tls, false, "it did not prove to have the key of its certificate"));
    }
    let itself = proof.self_signature().map_err(|fault| asked.certificate(&fault))?;
    if !holds(crypto, asked, proof.spki(), &itself).await? {
        return Err(asked.certificate(&CertificateFault::SelfSignature));
    }
    Ok(())
}

async fn holds<V: Verify>(
    crypto: &V,
    asked: &HandshakeTarget<'_>,
    spki: &[u8],
    claim: &UnverifiedSignature,
) -> Result<bool, Failure> {
    let UnverifiedSignature { algorithm, message, signature } = claim;
    let verified = crypto.verify(*algorithm, spki, message, signature).await;
    verified.map_err(|_| asked.failure(FailureKind::Tls, true, "its signature could not be checked just now"))
}

#[cfg(test)]
mod tests;
