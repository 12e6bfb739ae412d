//! DNS messages in wire format: queries and answers, without transport.

mod answer;
mod wire;

pub use answer::{Answer, Content, DnsFault, Record, RecordKind};

use crate::values::quote::quote_octets;
use answer::{MAX_ALIASES, malformed};
use hickory_proto::ProtoError;
use hickory_proto::op::{Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable};
use wire::RawRecord;

/// The id of queries over HTTPS: always 0, so that caches see equal queries
/// ([RFC 8484 §4.1](https://www.rfc-editor.org/rfc/rfc8484#section-4.1)).
pub const DOH_ID: u16 = 0;

/// Maximum bytes of an answer: the length of a DNS message has 16 bits.
pub const MAX_ANSWER: usize = 65_535;

/// The UDP size that fits every path unfragmented (DNS flag day 2020); over HTTPS its value has no effect.
const EDNS_SIZE: u16 = 1232;

/// Recursion desired ([RFC 1035 §4.1.1](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.1)).
const FLAG_RD: u16 = 0x0100;

/// Authentic data ([RFC 4035 §3.2.3](https://www.rfc-editor.org/rfc/rfc4035#section-3.2.3)).
const FLAG_AD: u16 = 0x0020;

/// DNSSEC OK, in the flags of EDNS ([RFC 3225 §3](https://www.rfc-editor.org/rfc/rfc3225#section-3)).
const EDNS_DO: u16 = 0x8000;

/// Extended DNS errors ([RFC 8914](https://www.rfc-editor.org/rfc/rfc8914)).
const EDE: u16 = 15;

/// A name and its parents up to the top-level domain.
pub fn climb(name: &str) -> impl Iterator<Item = &str> {
    core::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent))
}

/// The absolute name for `text`, which has no trailing dot.
fn absolute(text: &str) -> Result<Name, DnsFault> {
    Name::from_ascii(format!("{text}.")).map_err(|error| DnsFault::Name(quote_octets(error.to_string().as_bytes())))
}

fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Txt => RecordType::TXT,
        RecordKind::Caa => RecordType::CAA,
    }
}

/// Writes a recursive query for records `kind` of `name` (underscores allowed, no trailing dot).
///
/// It requests the AD bit ([RFC 6840 §5.7](https://www.rfc-editor.org/rfc/rfc6840#section-5.7)) and leaves
/// checking to the resolver (CD = 0). `dnssec_ok` requests signatures too.
///
/// # Errors
/// [`DnsFault::Name`] for an invalid DNS name, e.g. one of more than 253 characters.
pub fn query(name: &str, kind: RecordKind, id: u16, dnssec_ok: bool) -> Result<Vec<u8>, DnsFault> {
    let unwritable = |error: ProtoError| DnsFault::Name(quote_octets(error.to_string().as_bytes()));
    let question = Query::query(absolute(name)?, record_type(kind)).to_bytes().map_err(unwritable)?;
    let flags = FLAG_RD | FLAG_AD;
    let header = [id, flags, 1, 0, 0, 1].map(u16::to_be_bytes);
    // The root's name, type, UDP size; extended response code and version; flags; no options.
    let opt = [wire::OPT, EDNS_SIZE, 0, if dnssec_ok { EDNS_DO } else { 0 }, 0].map(u16::to_be_bytes);
    Ok([header.as_flattened(), &question, &[0], opt.as_flattened()].concat())
}

/// Reads the answer to the query for `kind` of `name` with `id`.
///
/// Other records are skipped. The sections after the answers only serve to explain a failure; errors there are
/// ignored.
///
/// # Errors
/// A [`DnsFault`] for anything but a complete answer to this query.
pub fn read(message: &[u8], name: &str, kind: RecordKind, id: u16) -> Result<Answer, DnsFault> {
    let asked = Query::query(absolute(name)?, record_type(kind));
    let mut decoder = BinDecoder::new(message);
    let Header { metadata, counts } = Header::read(&mut decoder).map_err(malformed)?;
    if metadata.message_type != MessageType::Response || metadata.op_code != OpCode::Query || metadata.id != id {
        return Err(DnsFault::OtherQuestion);
    }
    let questions = Message::read_queries(&mut decoder, usize::from(counts.queries)).map_err(malformed)?;
    let failed = !matches!(metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
    // A server that cannot parse the question does not repeat it.
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

/// Follows aliases from `name`. Returns the records of `kind` at their end, and the target if it differs.
fn follow(answers: &[RawRecord<'_>], name: Name, kind: RecordKind) -> Result<(Vec<Record>, Option<Name>), DnsFault> {
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

/// The text of the first extended DNS error, else its number.
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
