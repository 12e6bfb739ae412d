//! The challenge types.

use super::{dns_account01, dns_persist01, dns01};
use crate::values::Identifier;
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
