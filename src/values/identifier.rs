//! ACME identifiers ([RFC 8555 §9.7.7](https://www.rfc-editor.org/rfc/rfc8555#section-9.7.7)).

use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// Identifier of an order, in the form of the certificate.
///
/// Its wire form is RFC 8555's `{"type":"dns","value":"www.example.org"}`, or RFC 8738's
/// `{"type":"ip","value":"192.0.2.1"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
pub enum Identifier {
    /// A DNS name in lower case, perhaps beginning with `*.`.
    Dns(DnsName),
    /// An IP address ([RFC 8738 §3](https://www.rfc-editor.org/rfc/rfc8738#section-3)).
    Ip(IpName),
}

/// IP address of an `ip` identifier: never an IPv4-mapped IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IpName(IpAddr);

/// Fault of an `ip` identifier; the message is a clause that follows the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IpFault {
    /// Not an IP address: a range, a zone, a port, a name.
    #[error("is not one IPv4 or IPv6 address")]
    NotAnAddress,
    /// Not the canonical spelling of RFC 8738; the address.
    #[error("is not in canonical form (RFC 5952); write {0}")]
    Spelling(IpAddr),
    /// An IPv4-mapped IPv6 address; the IPv4 address in it.
    #[error("is an IPv4 address within IPv6; write {0}")]
    Mapped(IpAddr),
}

impl IpName {
    /// Parses an address in canonical form: dotted decimal, or RFC 5952 §4.
    ///
    /// # Errors
    /// [`IpFault`].
    pub fn parse(text: &str) -> Result<Self, IpFault> {
        let address: IpAddr = text.parse().map_err(|_| IpFault::NotAnAddress)?;
        let name = Self::try_from(address)?;
        if address.to_string() == text { Ok(name) } else { Err(IpFault::Spelling(address)) }
    }

    /// Reads the octets of an iPAddress (RFC 5280 §4.2.1.6).
    ///
    /// `None` for a wrong number of octets, and for an IPv4-mapped IPv6 address.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
        let address = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()?;
        Self::try_from(address).ok()
    }

    /// The address.
    pub fn address(self) -> IpAddr {
        self.0
    }

    /// The octets of an iPAddress: 4 or 16.
    pub fn octets(self) -> Vec<u8> {
        match self.0 {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        }
    }
}

impl TryFrom<IpAddr> for IpName {
    type Error = IpFault;

    fn try_from(address: IpAddr) -> Result<Self, IpFault> {
        match address {
            IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(Ok(Self(address)), |v4| Err(IpFault::Mapped(v4.into()))),
            IpAddr::V4(_) => Ok(Self(address)),
        }
    }
}

impl TryFrom<String> for IpName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|fault| format!("{text:?} {fault}"))
    }
}

impl From<IpName> for String {
    fn from(name: IpName) -> String {
        name.0.to_string()
    }
}

impl fmt::Display for IpName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// DNS name of a certificate: lower-case A-labels, no trailing dot, optional leading `*.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsName(String);

/// Fault of a DNS name; the message is a clause that follows the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Empty text.
    #[error("is empty")]
    Empty,
    /// More than 253 characters.
    #[error("is longer than 253 characters")]
    TooLong,
    /// A dot at the end.
    #[error("ends with a dot; leave it out")]
    TrailingDot,
    /// Two dots in a row, or a leading one.
    #[error("has an empty label (two dots in a row or a leading dot)")]
    EmptyLabel,
    /// A label of more than 63 characters.
    #[error("has a label longer than 63 characters")]
    LabelTooLong,
    /// A character other than letters, digits and hyphens.
    #[error("has a character other than letters, digits, hyphens and dots")]
    Character,
    /// Characters outside ASCII: the client has to send A-labels.
    #[error("has non-ASCII characters; send internationalised names as A-labels (xn--…)")]
    NotAscii,
    /// A hyphen begins or ends a label.
    #[error("has a label that begins or ends with a hyphen")]
    Hyphen,
    /// Hyphens at positions 3 and 4 of a label that is not a valid A-label (RFC 5891 §4.2.3.1).
    #[error("has a label with hyphens at its third and fourth place that is no valid A-label")]
    ReservedLabel,
    /// A right-to-left label next to a forbidden one (RFC 5893 §2).
    #[error("has a right-to-left label beside one that RFC 5893 does not allow there")]
    Bidi,
    /// A `*` that is not the whole first label, or is the only label.
    #[error("has a `*` that is not the whole first label of a longer name")]
    Wildcard,
    /// An IP address, also to URL parsers: its last label is a number.
    #[error(
        "is an IP address, or ends in a number (decimal or 0x…) as only an IP address does, and is no dns \
         identifier"
    )]
    IpAddress,
}

impl DnsName {
    /// Parses a name and converts it to lower case.
    ///
    /// # Errors
    /// The first [`NameFault`] found; nothing but the case is repaired.
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        let name = text.to_ascii_lowercase();
        if name.is_empty() {
            return Err(NameFault::Empty);
        }
        if !name.is_ascii() {
            return Err(NameFault::NotAscii);
        }
        if name.len() > 253 {
            return Err(NameFault::TooLong);
        }
        if name.ends_with('.') {
            return Err(NameFault::TrailingDot);
        }
        let base = name.strip_prefix("*.").unwrap_or(&name);
        if base.contains('*') {
            return Err(NameFault::Wildcard);
        }
        base.split('.').try_for_each(check_label)?;
        if ends_in_a_number(base) {
            return Err(NameFault::IpAddress);
        }
        if !is_a_domain(base) {
            return Err(NameFault::Bidi);
        }
        Ok(Self(name))
    }

    /// The name as text, with its `*.`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks whether the name is `suffix` or a subdomain of it.
    pub fn ends_in(&self, suffix: &str) -> bool {
        self.0.strip_suffix(suffix).is_some_and(|head| head.is_empty() || head.ends_with('.'))
    }

    /// Whether the name begins with `*.`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// The name without `*.`: the identifier of its authorization (RFC 8555 §7.1.4).
    pub fn base(&self) -> DnsName {
        Self(self.0.strip_prefix("*.").unwrap_or(&self.0).to_owned())
    }
}

/// Checks whether URL parsers read the name as an IPv4 address.
///
/// They do if its last label is a number: all digits, or hexadecimal after `0x`; `0x` alone is one too
/// ([WHATWG URL](https://url.spec.whatwg.org/#ends-in-a-number-checker)). `127.0.0.0x2` and `0x7f000002` are connected
/// to without a DNS query.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|b| b.is_ascii_digit())
}

/// Checks that valid labels are valid together, by the Bidi rule of
/// [RFC 5893 §2](https://www.rfc-editor.org/rfc/rfc5893#section-2).
///
/// URL parsers refuse other names as hosts.
fn is_a_domain(name: &str) -> bool {
    let internationalised = name.split('.').any(|label| label.starts_with("xn--"));
    !internationalised || idna::domain_to_ascii(name).is_ok_and(|back| back == name)
}

/// Checks a label: letters, digits, inner hyphens; a reserved form only as a valid A-label.
fn check_label(label: &str) -> Result<(), NameFault> {
    if label.is_empty() {
        return Err(NameFault::EmptyLabel);
    }
    if label.len() > 63 {
        return Err(NameFault::LabelTooLong);
    }
    if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(NameFault::Character);
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(NameFault::Hyphen);
    }
    if label.get(2..4) == Some("--") && !is_a_label(label) {
        return Err(NameFault::ReservedLabel);
    }
    Ok(())
}

/// Checks that an `xn--` label decodes to a U-label and encodes back to itself (RFC 5891 §5.4).
fn is_a_label(label: &str) -> bool {
    if !label.starts_with("xn--") {
        return false;
    }
    let (unicode, decoded) = idna::domain_to_unicode(label);
    decoded.is_ok() && unicode != label && idna::domain_to_ascii_strict(&unicode).is_ok_and(|back| back == label)
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DnsName> for String {
    fn from(name: DnsName) -> String {
        name.0
    }
}

impl TryFrom<String> for DnsName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|fault| format!("{text:?} {fault}"))
    }
}

impl Identifier {
    /// The identifier for `text`: an address, or else a name.
    ///
    /// # Errors
    /// As [`DnsName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameFault> {
        Self::ip(text).or_else(|_| Self::dns(text))
    }

    /// The `dns` identifier for `text`.
    ///
    /// # Errors
    /// As [`DnsName::parse`].
    pub fn dns(text: &str) -> Result<Self, NameFault> {
        DnsName::parse(text).map(Self::Dns)
    }

    /// The `ip` identifier for `text`.
    ///
    /// # Errors
    /// As [`IpName::parse`].
    pub fn ip(text: &str) -> Result<Self, IpFault> {
        IpName::parse(text).map(Self::Ip)
    }

    /// The identifier type's name on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
        }
    }

    /// The identifier's value on the wire.
    pub fn value(&self) -> Cow<'_, str> {
        match self {
            Self::Dns(name) => name.as_str().into(),
            Self::Ip(name) => name.to_string().into(),
        }
    }

    /// Checks whether it is a wildcard name.
    pub fn is_wildcard(&self) -> bool {
        match self {
            Self::Dns(name) => name.is_wildcard(),
            Self::Ip(_) => false,
        }
    }

    /// The identifier of its authorization: a wildcard's base (RFC 8555 §7.1.4), else itself.
    pub fn base(&self) -> Identifier {
        match self {
            Self::Dns(name) => Self::Dns(name.base()),
            Self::Ip(name) => Self::Ip(*name),
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value())
    }
}

#[cfg(test)]
mod tests;
