//! Record types, records and answers.

use crate::values::quote::quote_octets;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

/// Maximum number of aliases followed within one answer; resolvers stop between 8 and 16.
pub(super) const MAX_ALIASES: usize = 16;

/// The record types that validations query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Texts.
    Txt,
    /// Certification authority authorization ([RFC 8659](https://www.rfc-editor.org/rfc/rfc8659)).
    Caa,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Txt => "TXT",
            Self::Caa => "CAA",
        })
    }
}

/// A record of a queried type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A TXT record, its strings joined without anything between them.
    Txt(Vec<u8>),
    /// A CAA property.
    Caa {
        /// Whether a CA that does not understand `tag` must not issue.
        critical: bool,
        /// The property's unchanged name.
        tag: String,
        /// Its unparsed value.
        value: Vec<u8>,
    },
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// At least one record, in the resolver's order.
    Records(Vec<Record>),
    /// The name exists without records of this type.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The resolver failed: a name server does not answer, or DNSSEC validation failed.
    ServFail,
    /// Another response code, e.g. 5 for REFUSED.
    Other(u16),
}

/// An answer that matches its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The content.
    pub content: Content,
    /// The target of the aliases (CNAME), if any.
    pub alias: Option<String>,
    /// Whether the resolver validated it by DNSSEC (the AD bit).
    pub authenticated: bool,
    /// The resolver's explanation of a failure, escaped.
    pub explanation: Option<String>,
}

/// Why a message is not the answer to its query.
///
/// The message text follows the name and type that were looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsFault {
    /// A name that cannot be queried; the reason.
    #[error("the name cannot be looked up ({0})")]
    Name(String),
    /// Not a DNS message; where parsing failed.
    #[error("the resolver's answer is malformed ({0})")]
    Malformed(String),
    /// A DNS message, but not a response to this query.
    #[error("the resolver answered another question")]
    OtherQuestion,
    /// The truncation bit is set, which has no reason over HTTPS.
    #[error("the resolver's answer is truncated")]
    Truncated,
    /// More than 16 aliases, or a loop of aliases.
    #[error("its aliases (CNAME) are more than {max} or go in a circle", max = MAX_ALIASES)]
    Aliases,
}

/// Wraps a library error, quoted since it may contain bytes of the message.
pub(super) fn malformed(error: impl fmt::Display) -> DnsFault {
    DnsFault::Malformed(quote_octets(error.to_string().as_bytes()))
}
