//! The challenge types: a module for each, and its row in [`Method`].
//!
//! The compiler names every place that a new variant needs.

pub mod dns01;
pub mod dns_account01;
pub mod dns_persist01;
pub mod http01;
pub mod tlsalpn01;

use super::config::Config;
use super::outbound::Outbound;
use super::outcome::{Failure, FailureKind, Outcome};
use super::probe::Probe;
use super::subject::Subject;
use crate::values::identifier::IpName;
use crate::values::{Identifier, Verify};
use core::fmt;

/// Maximum length of a DNS name, in characters (RFC 1035 §2.3.4: 255 octets on the wire).
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
    /// All challenge types in the order of their offer.
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

    /// Whether it can prove control of `identifier`, given as in the order with its `*.`.
    ///
    /// A host proves nothing about other names, so only DNS challenges are for wildcards. The record below a long name
    /// would have a name too long for DNS.
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

    /// Characters before the name in the record's owner name, with the last dot.
    fn owner_prefix(self) -> usize {
        match self {
            Self::Http01 | Self::TlsAlpn01 => 0,
            Self::Dns01 => dns01::LABEL.len() + 1,
            Self::DnsAccount01 => dns_account01::LABEL_LENGTH + 1 + dns01::LABEL.len() + 1,
            Self::DnsPersist01 => dns_persist01::LABEL.len() + 1,
        }
    }

    /// Whether it is offered by default.
    ///
    /// Some clients fail the whole authorization at a challenge without a token.
    pub fn offered_by_default(self) -> bool {
        self.has_token()
    }

    /// Whether its challenges have a token and a key authorization.
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

/// Tries once to validate an identifier by `method`, within about twice [`Config::time`].
pub async fn validate<O: Outbound + Verify>(
    outbound: &O,
    config: &Config,
    method: Method,
    subject: &Subject<'_>,
) -> Outcome {
    let probe = Probe::start(outbound, config);
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

/// The failure of a challenge type that is not offered for addresses ([`Method::fits`]).
fn unfit(method: Method, address: &IpName) -> Failure {
    let detail = format!("{method} cannot prove control of the IP address {address}");
    Failure { kind: FailureKind::IncorrectResponse, detail, retry: false }
}
