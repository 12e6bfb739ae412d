//! DNS messages in wire format: queries out, answers in. Carries nothing itself.

mod wire;

use crate::values::quote::quote_octets;
use core::net::{Ipv4Addr, Ipv6Addr};
use hickory_proto::ProtoError;
use hickory_proto::op::{Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable};
use std::fmt;
use wire::RawRecord;

/// The id of a query that goes over HTTPS: always 0, so that equal questions are equal to caches
/// ([RFC 8484 §4.1](https://www.rfc-editor.org/rfc/rfc8484#section-4.1)).
pub const DOH_ID: u16 = 0;

/// The most bytes of an answer worth reading: a DNS message's length is a 16-bit number.
pub const MAX_ANSWER: usize = 65_535;

/// Aliases followed within one answer. Resolvers themselves stop between 8 and 16.
const MAX_ALIASES: usize = 16;

/// The UDP size that fits every path unfragmented (DNS flag day 2020); over HTTPS it only has to be there.
const EDNS_SIZE: u16 = 1232;

/// Recursion desired ([RFC 1035 §4.1.1](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1)).
const FLAG_RD: u16 = 0x0100;

/// Authentic data ([RFC 4035 §3.2.3](https://www.rfc-editor.org/rfc/rfc4035#section-3.2.3)).
const FLAG_AD: u16 = 0x0020;

/// DNSSEC OK, in the flags of EDNS ([RFC 3225 §3](https://www.rfc-editor.org/rfc/rfc3225#section-3)).
const EDNS_DO: u16 = 0x8000;

/// Extended DNS errors ([RFC 8914](https://www.rfc-editor.org/rfc/rfc8914)).
const EDE: u16 = 15;

/// What to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Texts.
    Txt,
    /// Who may issue ([RFC 8659](https://www.rfc-editor.org/rfc/rfc8659)).
    Caa,
}

impl Kind {
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Txt => RecordType::TXT,
            Self::Caa => RecordType::CAA,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Txt => "TXT",
            Self::Caa => "CAA",
        })
    }
}

/// A record of the kind that was asked for.
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
        /// Whether who does not understand `tag` must not issue.
        critical: bool,
        /// The property's name as it was written.
        tag: String,
        /// Its value, not interpreted.
        value: Vec<u8>,
    },
}

/// What the resolver said about the name and kind asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// At least one record, in the resolver's order.
    Records(Vec<Record>),
    /// The name exists and has no record of this kind.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// The resolver could not find out: a name server does not answer, or DNSSEC does not hold.
    ServFail,
    /// Another response code, e.g. 5 for REFUSED.
    Other(u16),
}

/// An answer that belongs to its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub content: Content,
    /// The name at the end of the aliases (CNAME), when there are any.
    pub alias: Option<String>,
    /// Whether the resolver vouches for it by DNSSEC (the AD bit).
    pub authenticated: bool,
    /// The resolver's own words on what went wrong, escaped.
    pub explanation: Option<String>,
}

/// Why an exchange is no answer to its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsFault {
    /// The name cannot be asked for; the text says why.
    Name(String),
    /// Not a DNS message; the text says where it fails.
    Malformed(String),
    /// A DNS message, but not a response to this question.
    OtherQuestion,
    /// The resolver left out a part for lack of room, which over HTTPS has no reason to be.
    Truncated,
    /// More than 16 aliases, or aliases in a circle.
    Aliases,
}

impl fmt::Display for DnsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(why) => write!(f, "the name cannot be looked up ({why})"),
            Self::Malformed(why) => write!(f, "the resolver's answer is malformed ({why})"),
            Self::OtherQuestion => f.write_str("the resolver answered another question"),
            Self::Truncated => f.write_str("the resolver's answer is truncated"),
            Self::Aliases => write!(f, "its aliases (CNAME) are more than {MAX_ALIASES} or go in a circle"),
        }
    }
}

impl std::error::Error for DnsFault {}

/// A name and its parents up to the top-level domain.
pub fn climb(name: &str) -> impl Iterator<Item = &str> {
    core::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
}

/// Some of the library's texts show a piece of the message, hence quoted.
fn malformed(error: impl fmt::Display) -> DnsFault {
    DnsFault::Malformed(quote_octets(error.to_string().as_bytes()))
}

/// The absolute name for `text`, which has no trailing dot.
fn absolute(text: &str) -> Result<Name, DnsFault> {
    Name::from_ascii(format!("{text}.")).map_err(|error| DnsFault::Name(quote_octets(error.to_string().as_bytes())))
}

/// A recursive query for records `kind` of `name` (labels with underscores allowed, no trailing dot).
///
/// It asks for the AD bit ([RFC 6840 §5.7](https://www.rfc-editor.org/rfc/rfc6840#section-5.7)) and leaves
/// checking to the resolver (CD = 0). `dnssec_ok` asks for signatures as well.
///
/// # Errors
/// [`DnsFault::Name`] for a name that is no DNS name, e.g. one of more than 253 characters.
pub fn query(name: &str, kind: Kind, id: u16, dnssec_ok: bool) -> Result<Vec<u8>, DnsFault> {
    let unwritable = |error: ProtoError| DnsFault::Name(quote_octets(error.to_string().as_bytes()));
    let question = Query::query(absolute(name)?, kind.record_type()).to_bytes().map_err(unwritable)?;
    let flags = FLAG_RD | FLAG_AD;
    let header = [id, flags, 1, 0, 0, 1].map(u16::to_be_bytes);
    // The root's name, type, UDP size; extended response code and version; flags; no options.
    let opt = [wire::OPT, EDNS_SIZE, 0, if dnssec_ok { EDNS_DO } else { 0 }, 0].map(u16::to_be_bytes);
    Ok([header.as_flattened(), &question, &[0], opt.as_flattened()].concat())
}

/// Reads the answer to the query for `kind` of `name` with `id`.
///
/// Records that were not asked for are skipped. The sections behind the answers only serve to explain a
/// failure, so junk there does no harm.
///
/// # Errors
/// A [`DnsFault`] for anything that is not a whole answer to this question.
pub fn read(message: &[u8], name: &str, kind: Kind, id: u16) -> Result<Answer, DnsFault> {
    let asked = Query::query(absolute(name)?, kind.record_type());
    let mut decoder = BinDecoder::new(message);
    let Header { metadata, counts } = Header::read(&mut decoder).map_err(malformed)?;
    if metadata.message_type != MessageType::Response || metadata.op_code != OpCode::Query || metadata.id != id {
        return Err(DnsFault::OtherQuestion);
    }
    let questions = Message::read_queries(&mut decoder, usize::from(counts.queries)).map_err(malformed)?;
    let failed = !matches!(metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
    // Who could not read the question cannot repeat it.
    if questions.as_slice() != [asked] && !(failed && questions.is_empty()) {
        return Err(DnsFault::OtherQuestion);
    }
    if metadata.truncation {
        return Err(DnsFault::Truncated);
    }
    let records = wire::records(&mut decoder, usize::from(counts.answers)).map_err(malformed)?;
    let (records, alias) = follow(&records, absolute(name)?, kind)?;
    let content = match metadata.response_code {
        ResponseCode::NoError if records.is_empty() => Content::NoData,
        ResponseCode::NoError => Content::Records(records),
        ResponseCode::NXDomain => Content::NxDomain,
        ResponseCode::ServFail => Content::ServFail,
        other => Content::Other(other.into()),
    };
    Ok(Answer {
        content,
        alias: alias.map(|name| name.to_ascii().trim_end_matches('.').to_owned()),
        authenticated: metadata.authentic_data,
        explanation: explanation(&mut decoder, usize::from(counts.authorities), usize::from(counts.additionals)),
    })
}

/// The records of `kind` at the end of the aliases that start at `name`, and that end when it is another name.
fn follow(answers: &[RawRecord<'_>], name: Name, kind: Kind) -> Result<(Vec<Record>, Option<Name>), DnsFault> {
    let mut at = &name;
    for _ in 0..=MAX_ALIASES {
        let here = || answers.iter().filter(|record| record.class == wire::INTERNET && record.owner == *at);
        let wanted = here().filter(|record| record.kind == wire::number(kind));
        let found = wanted.map(|record| {
            let unreadable = || DnsFault::Malformed(format!("a record of type {kind} of another form"));
            wire::parse(kind, record.data).ok_or_else(unreadable)
        });
        let found = found.collect::<Result<Vec<Record>, _>>()?;
        match here().find_map(|record| record.alias.as_ref()) {
            Some(target) if found.is_empty() => at = target,
            _ => return Ok((found, (*at != name).then(|| at.clone()))),
        }
    }
    Err(DnsFault::Aliases)
}

/// The text of the first extended DNS error, or its number where it has no text.
fn explanation(decoder: &mut BinDecoder<'_>, authorities: usize, additionals: usize) -> Option<String> {
    wire::records(decoder, authorities).ok()?;
    let additionals = wire::records(decoder, additionals).ok()?;
    let opt = additionals.iter().find(|record| record.kind == wire::OPT)?;
    let (code, text) = wire::option(opt.data, EDE)?.split_first_chunk::<2>()?;
    let code = u16::from_be_bytes(*code);
    Some(if text.is_empty() { format!("extended DNS error {code}") } else { quote_octets(text) })
}

#[cfg(test)]
mod tests;
