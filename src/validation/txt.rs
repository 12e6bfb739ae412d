//! TXT records of the DNS challenges.

use super::dns::{Answer, Content, Record};
use super::outcome::FailureKind;
use super::quote::quote_some;

/// The texts of an answer, with joined strings.
pub fn texts(answer: &Answer) -> Vec<&[u8]> {
    match &answer.content {
        Content::Records(records) => records.iter().filter_map(text).collect(),
        Content::NoData | Content::NxDomain | Content::ServFail | Content::Other(_) => Vec::new(),
    }
}

/// Describes the look-up at `owner`, with the target of its aliases.
pub fn describe_lookup(owner: &str, answer: &Answer) -> String {
    let alias = answer.alias.as_ref().map(|target| format!(" (an alias of {target})")).unwrap_or_default();
    format!("looked up TXT of {owner}{alias}")
}

/// The error type and a clause with "but", for an answer without the proof.
pub fn describe_missing(answer: &Answer) -> (FailureKind, String) {
    let texts = texts(answer);
    match answer.content {
        Content::NxDomain => (FailureKind::Dns, "but the name does not exist (NXDOMAIN)".to_owned()),
        _ if texts.is_empty() => (FailureKind::Unauthorized, "but there is no TXT record".to_owned()),
        _ => (FailureKind::Unauthorized, format!("but found {}", quote_some(&texts))),
    }
}

fn text(record: &Record) -> Option<&[u8]> {
    match record {
        Record::Txt(text) => Some(text),
        Record::A(_) | Record::Aaaa(_) | Record::Caa { .. } => None,
    }
}
