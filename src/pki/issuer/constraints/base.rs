//! Bases of subtrees, and the names compared with them.

use super::directory::Directory;
use crate::values::Identifier;
use crate::values::identifier::IpName;
use core::fmt;
use core::net::IpAddr;
use x509_cert::ext::pkix::name::GeneralName;

/// The base of a subtree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SubtreeBase {
    /// A DNS name in lower case, with the names below it. With a leading dot, only those.
    Dns(String),
    /// Address and mask, 4 or 16 octets each.
    Ip(Vec<u8>, Vec<u8>),
    /// A prefix of directory names.
    Directory(Directory),
    /// A mailbox or a host in lower case. With a leading dot, all hosts below it.
    Email(String),
    /// The host of URIs in lower case. With a leading dot, all hosts below it.
    Uri(String),
    /// A kind of name without defined subtrees; the kind.
    Other(&'static str),
}

/// A name compared with bases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConstrainedName {
    /// A DNS name in lower case, perhaps a wildcard.
    Dns(String),
    /// An address, 4 or 16 octets.
    Ip(Vec<u8>),
    /// A directory name.
    Directory(Directory),
    /// A mailbox, in lower case.
    Email(String),
    /// A URI, in lower case.
    Uri(String),
    /// Another kind.
    Other(&'static str),
}

impl From<&Identifier> for ConstrainedName {
    fn from(name: &Identifier) -> Self {
        match name {
            Identifier::Dns(name) => Self::Dns(name.as_str().to_owned()),
            Identifier::Ip(name) => Self::Ip(name.octets().to_vec()),
        }
    }
}

impl From<&GeneralName> for ConstrainedName {
    fn from(name: &GeneralName) -> Self {
        match name {
            GeneralName::DnsName(name) => Self::Dns(name.as_str().to_ascii_lowercase()),
            GeneralName::IpAddress(octets) => Self::Ip(octets.as_bytes().to_vec()),
            GeneralName::DirectoryName(name) => Self::Directory(Directory::from(name)),
            GeneralName::Rfc822Name(name) => Self::Email(name.as_str().to_ascii_lowercase()),
            GeneralName::UniformResourceIdentifier(name) => Self::Uri(name.as_str().to_ascii_lowercase()),
            GeneralName::OtherName(_) => Self::Other("otherName"),
            GeneralName::EdiPartyName(_) => Self::Other("ediPartyName"),
            GeneralName::RegisteredId(_) => Self::Other("registeredID"),
        }
    }
}

impl fmt::Display for ConstrainedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Email(name) | Self::Uri(name) => f.write_str(name),
            Self::Ip(octets) => match IpName::from_octets(octets) {
                Some(name) => write!(f, "{}", name.address()),
                None => f.write_str("an invalid address"),
            },
            Self::Directory(name) => name.fmt(f),
            Self::Other(kind) => write!(f, "a name of kind {kind}"),
        }
    }
}

impl SubtreeBase {
    /// Reads a base.
    ///
    /// # Errors
    /// The fault (RFC 5280 §4.2.1.10), as a clause about "the constraint".
    pub(super) fn read(name: &GeneralName) -> Result<Self, String> {
        let lower = |text: &str| text.to_ascii_lowercase();
        match name {
            GeneralName::DnsName(name) => host_or_below(name.as_str(), true).map(Self::Dns),
            GeneralName::IpAddress(octets) => range(octets.as_bytes()),
            GeneralName::DirectoryName(name) => Ok(Self::Directory(Directory::from(name))),
            GeneralName::Rfc822Name(name) => match name.as_str().split_once('@') {
                Some((local, host))
                    if !local.is_empty() && host_or_below(host, false).is_ok_and(|h| !h.starts_with('.')) =>
                {
                    Ok(Self::Email(lower(name.as_str())))
                }
                Some(_) => Err(format!("has {:?}, which is not a mailbox", name.as_str())),
                None => host_or_below(name.as_str(), true).map(Self::Email),
            },
            GeneralName::UniformResourceIdentifier(name) => host_or_below(name.as_str(), true).map(Self::Uri),
            GeneralName::OtherName(_) => Ok(Self::Other("otherName")),
            GeneralName::EdiPartyName(_) => Ok(Self::Other("ediPartyName")),
            GeneralName::RegisteredId(_) => Ok(Self::Other("registeredID")),
        }
    }

    pub(super) fn is_same_kind(&self, name: &ConstrainedName) -> bool {
        match (self, name) {
            (Self::Dns(_), ConstrainedName::Dns(_))
            | (Self::Ip(..), ConstrainedName::Ip(_))
            | (Self::Directory(_), ConstrainedName::Directory(_))
            | (Self::Email(_), ConstrainedName::Email(_))
            | (Self::Uri(_), ConstrainedName::Uri(_)) => true,
            (Self::Other(one), ConstrainedName::Other(other)) => one == other,
            _ => false,
        }
    }

    /// Whether the subtree contains this name; of a wildcard, every name that it covers.
    pub(super) fn contains(&self, name: &ConstrainedName) -> bool {
        match (self, name) {
            (Self::Dns(base), ConstrainedName::Dns(name)) => {
                match (base.strip_prefix('.'), name.strip_prefix("*.")) {
                    // Every name below the wildcard's base is below this one's, if that is the same or further down.
                    (Some(parent), Some(star)) => is_or_below(star, parent),
                    (Some(parent), None) => name != parent && is_or_below(name, parent),
                    (None, star) => is_or_below(star.unwrap_or(name), base),
                }
            }
            (Self::Ip(address, mask), ConstrainedName::Ip(octets)) => {
                octets.len() == address.len()
                    && octets
                        .iter()
                        .zip(address)
                        .zip(mask)
                        .all(|((octet, address), mask)| octet & mask == address & mask)
            }
            (Self::Directory(base), ConstrainedName::Directory(name)) => name.begins_with(base),
            (Self::Email(base), ConstrainedName::Email(name)) => {
                base == name
                    || !base.contains('@') && name.rsplit_once('@').is_some_and(|(_, host)| is_host(host, base))
            }
            (Self::Uri(base), ConstrainedName::Uri(name)) => uri_host(name).is_some_and(|host| is_host(host, base)),
            _ => false,
        }
    }

    /// Whether the subtree contains this name, or may contain it.
    ///
    /// A wildcard counts if a name that it covers may be in the subtree.
    pub(super) fn may_contain(&self, name: &ConstrainedName) -> bool {
        let below = |star: &str, base: &str| base.strip_suffix(star).is_some_and(|label| label.ends_with('.'));
        let may = match (self, name) {
            (Self::Dns(base), ConstrainedName::Dns(name)) => {
                name.strip_prefix("*.").is_some_and(|star| below(star, base.trim_start_matches('.')))
            }
            (Self::Other(one), ConstrainedName::Other(other)) => one == other,
            _ => false,
        };
        self.contains(name) || may
    }

    /// Sample names of the subtree, as identifiers.
    pub(super) fn samples(&self) -> Vec<Identifier> {
        match self {
            Self::Dns(base) => {
                let parent = base.trim_start_matches('.');
                let names = [parent.to_owned(), format!("sample.{parent}")];
                names.iter().filter_map(|name| Identifier::dns(name).ok()).collect()
            }
            Self::Ip(address, mask) => {
                let last: Vec<u8> = address.iter().zip(mask).map(|(octet, mask)| octet | !mask).collect();
                let names = [address, &last].into_iter();
                names.filter_map(|octets| IpName::from_octets(octets)).map(Identifier::Ip).collect()
            }
            Self::Directory(_) | Self::Email(_) | Self::Uri(_) | Self::Other(_) => Vec::new(),
        }
    }
}

/// Parses a host, optionally with a leading dot. Returns it in lower case; `any` permits an empty text.
fn host_or_below(text: &str, any: bool) -> Result<String, String> {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let host = text.strip_prefix('.').unwrap_or(text);
    if (any && text.is_empty()) || host.split('.').all(label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(format!("has {text:?}, which is not a domain; write one like example.org"))
}

/// Parses an address range: address, then a contiguous mask (as CIDR, RFC 4632).
fn range(octets: &[u8]) -> Result<SubtreeBase, String> {
    let halves = octets.split_at_checked(octets.len() / 2).filter(|_| matches!(octets.len(), 8 | 32));
    let (address, mask) = halves.ok_or_else(|| {
        format!("has an iPAddress of {} octets; it has 8 (IPv4) or 32 (IPv6), address and mask", octets.len())
    })?;
    let bits = mask.iter().fold(String::new(), |bits, octet| format!("{bits}{octet:08b}"));
    if bits.contains("01") {
        let mask: Vec<String> = mask.iter().map(u8::to_string).collect();
        return Err(format!("has an iPAddress whose mask {} is not contiguous", mask.join(".")));
    }
    Ok(SubtreeBase::Ip(address.to_vec(), mask.to_vec()))
}

/// The host of a URI; `None` without an authority.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split(':').next()
}

/// Whether a host matches a constraint on mailboxes or URIs.
fn is_host(host: &str, base: &str) -> bool {
    match base.strip_prefix('.') {
        Some(parent) => host != parent && is_or_below(host, parent),
        None => base.is_empty() || host == base,
    }
}

/// Whether a name is `base` or below it; every name is below the empty one.
fn is_or_below(name: &str, base: &str) -> bool {
    base.is_empty() || name.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl fmt::Display for SubtreeBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(base) if base.is_empty() => f.write_str("every DNS name"),
            Self::Dns(base) => f.write_str(base),
            Self::Ip(address, mask) => {
                let bits: u32 = mask.iter().map(|octet| octet.count_ones()).sum();
                let v4 = <[u8; 4]>::try_from(address.as_slice()).map(IpAddr::from);
                match v4.or_else(|_| <[u8; 16]>::try_from(address.as_slice()).map(IpAddr::from)) {
                    Ok(address) => write!(f, "{address}/{bits}"),
                    Err(_) => f.write_str("some addresses"),
                }
            }
            Self::Directory(base) => base.fmt(f),
            Self::Email(base) => write!(f, "mailboxes of {base}"),
            Self::Uri(base) => write!(f, "URIs of {base}"),
            Self::Other(kind) => write!(f, "names of kind {kind}"),
        }
    }
}
