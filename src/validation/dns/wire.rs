//! Resource records as bytes ([RFC 1035 §4.1.3](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.3)): only the types
//! that a CA queries.
//!
//! Hand-written: the record readers of `hickory-proto` take a twelfth of the whole module, and refuse an answer for one
//! odd CAA record. Its names, with their compression, and its headers are used.

use super::answer::{DnsFault, Record, RecordKind, malformed};
use core::net::{Ipv4Addr, Ipv6Addr};
use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// IN, the class of all records.
pub(super) const INTERNET: u16 = 1;

/// CNAME.
const ALIAS: u16 = 5;

/// OPT ([RFC 6891 §6.1.1](https://www.rfc-editor.org/rfc/rfc6891#section-6.1.1)).
pub(super) const OPT: u16 = 41;

/// The number of a record type.
pub(super) fn number(kind: RecordKind) -> u16 {
    match kind {
        RecordKind::A => 1,
        RecordKind::Txt => 16,
        RecordKind::Aaaa => 28,
        RecordKind::Caa => 257,
    }
}

/// A record with unparsed data.
pub(super) struct RawRecord<'a> {
    pub owner: Name,
    pub kind: u16,
    pub class: u16,
    pub data: &'a [u8],
    /// The target of a CNAME.
    pub alias: Option<Name>,
}

/// Reads `count` records.
pub(super) fn records<'a>(decoder: &mut BinDecoder<'a>, count: usize) -> Result<Vec<RawRecord<'a>>, DnsFault> {
    // No capacity for `count`, which is an untrusted number.
    let mut records = Vec::new();
    for _ in 0..count {
        records.push(record(decoder)?);
    }
    Ok(records)
}

fn record<'a>(decoder: &mut BinDecoder<'a>) -> Result<RawRecord<'a>, DnsFault> {
    let owner = Name::read(decoder).map_err(malformed)?;
    let kind = decoder.read_u16().map_err(malformed)?.unverified();
    let class = decoder.read_u16().map_err(malformed)?.unverified();
    let _time_to_live = decoder.read_u32().map_err(malformed)?;
    let length = decoder.read_u16().map_err(malformed)?.unverified();
    let start = decoder.index();
    let data = decoder.read_slice(usize::from(length)).map_err(malformed)?.unverified();
    let alias = match (kind, u16::try_from(start)) {
        // Its name may be compressed, so it is read within the message.
        (ALIAS, Ok(start)) => {
            let mut at = decoder.clone(start);
            let alias = Name::read(&mut at).map_err(malformed)?;
            if at.index() != decoder.index() {
                return Err(malformed("a CNAME of another length"));
            }
            Some(alias)
        }
        _ => None,
    };
    Ok(RawRecord { owner, kind, class, data, alias })
}

/// Parses the data of a record of `kind`; `None` if malformed.
pub(super) fn parse(kind: RecordKind, data: &[u8]) -> Option<Record> {
    match kind {
        RecordKind::A => <[u8; 4]>::try_from(data).ok().map(|octets| Record::A(Ipv4Addr::from(octets))),
        RecordKind::Aaaa => <[u8; 16]>::try_from(data).ok().map(|octets| Record::Aaaa(Ipv6Addr::from(octets))),
        RecordKind::Txt => strings(data).map(Record::Txt),
        RecordKind::Caa => property(data),
    }
}

/// The character-strings of a TXT record, joined ([RFC 1035 §3.3.14](https://www.rfc-editor.org/rfc/rfc1035#section-3.3.14)).
fn strings(mut data: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(*length))?;
        all.extend_from_slice(string);
        data = rest;
    }
    Some(all)
}

/// Flags, tag and value ([RFC 8659 §4.1](https://www.rfc-editor.org/rfc/rfc8659#section-4.1)): bit 0 is the highest.
fn property(data: &[u8]) -> Option<Record> {
    let ([flags, length], rest) = data.split_first_chunk::<2>()?;
    let (tag, value) = rest.split_at_checked(usize::from(*length))?;
    if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    let tag = String::from_utf8_lossy(tag).into_owned();
    Some(Record::Caa { critical: flags & 0x80 != 0, tag, value: value.to_vec() })
}

/// The value of the first EDNS option `code` in the data of an OPT record.
pub(super) fn option(mut data: &[u8], code: u16) -> Option<&[u8]> {
    loop {
        let ([a, b, c, d], rest) = data.split_first_chunk::<4>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
        if u16::from_be_bytes([*a, *b]) == code {
            return Some(value);
        }
        data = rest;
    }
}
