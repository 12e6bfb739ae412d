//! Validation: does whoever holds this account key control that name?
//!
//! Protocol only. What is asked of the network goes through the small port [`outbound::Outbound`]; what comes
//! back is judged by pure functions. Nothing here knows an ACME record: names, tokens and key authorizations
//! come in as values, and an [`Outcome`] goes out, which `ca` turns into challenge state and problems.
//!
//! A new challenge type is a module beside [`http01`], [`dns01`] and [`tlsalpn01`], and a row in [`Method`]: the compiler
//! names every place. [`caa`] asks the other question: whether the name's owner lets this CA issue at all.

pub mod caa;
pub mod cloudflare;
pub mod dns;
pub mod dns01;
pub mod dns_account01;
pub mod dns_persist01;
#[cfg(test)]
pub(crate) mod fake;
pub mod guard;
pub mod http01;
pub mod http1;
pub mod issue_value;
#[cfg(test)]
mod network_faults;
pub mod outbound;
pub mod probe;
pub mod quote;
pub mod reach;
pub mod target;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tls;
pub mod tlsalpn01;
pub mod txt;

use crate::values::identifier::IpName;
use crate::values::{Identifier, Time, Verify};
use core::time::Duration;
use guard::AddressPolicy;
use outbound::Outbound;
use std::fmt;

/// What the operator decides about validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The port of http-01. RFC 8555 knows 80 only; tests use others.
    pub http01_port: u16,
    /// The port of tls-alpn-01. RFC 8737 knows 443 only; tests use others.
    pub tls_alpn_port: u16,
    /// Which addresses may be connected to.
    pub policy: AddressPolicy,
    /// For one try at one address; a whole validation has twice as long.
    pub time: Duration,
    /// How often a validation is tried in all, while it fails for a passing reason.
    pub tries: u32,
    /// How long until it is tried again.
    pub pause: Duration,
}

impl Config {
    /// The ports that a redirect may lead to: those of the web, and what stands for them in tests.
    pub fn web_ports(&self) -> [u16; 4] {
        [80, 443, self.http01_port, self.tls_alpn_port]
    }
}

impl Default for Config {
    /// What a CA on the Internet has: ports 80 and 443, public addresses, and a retry after 5 seconds (RFC 8555 §8.2).
    fn default() -> Self {
        Self {
            http01_port: 80,
            tls_alpn_port: 443,
            policy: AddressPolicy::default(),
            time: Duration::from_secs(10),
            tries: 3,
            pause: Duration::from_secs(5),
        }
    }
}

/// The longest name that DNS can ask for, in characters (RFC 1035 §2.3.4: 255 octets on the wire).
const MAX_DNS_NAME: usize = 253;

/// The challenge types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// [RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)
    Http01,
    /// [RFC 8555 §8.4](https://www.rfc-editor.org/rfc/rfc8555#section-8.4)
    Dns01,
    /// [RFC 8737](https://www.rfc-editor.org/rfc/rfc8737)
    TlsAlpn01,
    /// [draft-ietf-acme-dns-account-label](https://datatracker.ietf.org/doc/draft-ietf-acme-dns-account-label/03/)
    DnsAccount01,
    /// [draft-ietf-acme-dns-persist](https://datatracker.ietf.org/doc/draft-ietf-acme-dns-persist/02/)
    DnsPersist01,
}

impl Method {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 5] = [Self::Http01, Self::Dns01, Self::TlsAlpn01, Self::DnsAccount01, Self::DnsPersist01];

    /// The challenge type's name
    /// ([IANA's registry](https://www.iana.org/assignments/acme#acme-validation-methods)).
    pub fn name(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::DnsAccount01 => "dns-account-01",
            Self::DnsPersist01 => "dns-persist-01",
        }
    }

    /// The challenge type with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it can prove control of `identifier`, given as in the order: with its `*.`.
    ///
    /// A host under a name says nothing about the names beside it, so wildcards are for DNS alone. A record below a long
    /// name has a name that is too long for DNS.
    pub fn fits(self, identifier: &Identifier) -> bool {
        match (self, identifier) {
            (Self::Http01 | Self::TlsAlpn01, Identifier::Dns(name)) => !name.is_wildcard(),
            (Self::Http01 | Self::TlsAlpn01, Identifier::Ip(_)) => true,
            (Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01, Identifier::Dns(name)) => {
                self.owner_prefix() + name.base().as_str().len() <= MAX_DNS_NAME
            }
            // RFC 8738 §7
            (Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01, Identifier::Ip(_)) => false,
        }
    }

    /// How many characters, the last dot among them, come before a name in that of the record that proves it.
    fn owner_prefix(self) -> usize {
        match self {
            Self::Http01 | Self::TlsAlpn01 => 0,
            Self::Dns01 => dns01::LABEL.len() + 1,
            Self::DnsAccount01 => dns_account01::LABEL_LENGTH + 1 + dns01::LABEL.len() + 1,
            Self::DnsPersist01 => dns_persist01::LABEL.len() + 1,
        }
    }

    /// Whether it is offered where nothing asks for it in particular. A challenge without a token makes some shipped
    /// clients give up on the whole authorization.
    pub fn offered_by_default(self) -> bool {
        self.has_token()
    }

    /// Whether its challenges have a token, and thus a key authorization.
    pub fn has_token(self) -> bool {
        match self {
            Self::Http01 | Self::Dns01 | Self::TlsAlpn01 | Self::DnsAccount01 => true,
            Self::DnsPersist01 => false,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How one try to validate ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Control is proven.
    Valid,
    /// Control is proven, and the proof must not be relied on from then on.
    ValidUntil(Time),
    /// It is not, this time.
    Failed(Failure),
}

/// Why control is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it went wrong.
    pub kind: FailureKind,
    /// What was looked up, expected and found, for the person who asked; quotes little of what others sent,
    /// and that escaped.
    pub detail: String,
    /// Whether the same try may succeed later without anybody mending a mistake: a late record or file, a
    /// server that is down ([RFC 8555 §8.2](https://www.rfc-editor.org/rfc/rfc8555#section-8.2)).
    pub retry: bool,
}

/// Where a validation went wrong: the error types of
/// [RFC 8555 §6.7](https://www.rfc-editor.org/rfc/rfc8555#section-6.7) that are for validations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// `dns`: the name could not be looked up, or does not exist.
    Dns,
    /// `connection`: no address could be connected to, or none may be.
    Connection,
    /// `incorrectResponse`: what came back breaks the protocol: no HTTP, too large, a redirect not followed.
    IncorrectResponse,
    /// `unauthorized`: a proper answer that is not the proof. Clients try another challenge type on this one.
    Unauthorized,
    /// `tls`: no TLS handshake, of tls-alpn-01 or with an https server that a redirect led to.
    Tls,
    /// `malformed`: a record that is meant as the proof breaks its syntax.
    Malformed,
    /// `caa`: the name's owner lets others issue and not this CA, or whether that is so cannot be found out.
    Caa,
}

/// What is to be validated, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The identifier as in its authorization: without `*.`.
    pub identifier: &'a Identifier,
    /// Whether the wildcard below the identifier is meant.
    pub wildcard: bool,
    /// The challenge's token; empty for a challenge that has none.
    pub token: &'a str,
    /// `token` `.` thumbprint ([RFC 8555 §8.1](https://www.rfc-editor.org/rfc/rfc8555#section-8.1)).
    pub key_authorization: &'a str,
    /// The URL of the account that asks.
    pub account: &'a str,
    /// What a persistent record may say.
    pub persist: dns_persist01::Expected<'a>,
}

/// Tries once to validate control of an identifier by `method`. Takes at most about twice [`Config::time`].
pub async fn validate<O: Outbound + Verify>(
    outbound: &O,
    config: &Config,
    method: Method,
    subject: &Subject<'_>,
) -> Outcome {
    let probe = probe::Probe::start(outbound, config);
    let result = match (method, subject.identifier) {
        (Method::Http01, _) => http01::validate(&probe, subject).await.map(|()| None),
        (Method::Dns01, Identifier::Dns(name)) => dns01::validate(&probe, name, subject).await.map(|()| None),
        (Method::TlsAlpn01, _) => tlsalpn01::validate(&probe, subject).await.map(|()| None),
        (Method::DnsAccount01, Identifier::Dns(name)) => {
            dns_account01::validate(&probe, name, subject).await.map(|()| None)
        }
        (Method::DnsPersist01, Identifier::Dns(name)) => dns_persist01::validate(&probe, name, subject).await,
        (Method::Dns01 | Method::DnsAccount01 | Method::DnsPersist01, Identifier::Ip(address)) => {
            Err(unfit(method, address))
        }
    };
    match result {
        Ok(None) => Outcome::Valid,
        Ok(Some(until)) => Outcome::ValidUntil(until),
        Err(failure) => Outcome::Failed(failure),
    }
}

/// A challenge that was never offered for an address ([Method::fits]).
fn unfit(method: Method, address: &IpName) -> Failure {
    let detail = format!("{method} cannot prove control of the IP address {address}");
    Failure { kind: FailureKind::IncorrectResponse, detail, retry: false }
}

#[cfg(test)]
mod tests;
