//! The DNS challenge: a TXT record below the name
//! ([RFC 8555 §8.4](https://www.rfc-editor.org/rfc/rfc8555#section-8.4)).

use super::dns::{Answer, Content, Kind, Record};
use super::outbound::Outbound;
use super::probe::Probe;
use super::quote::quote_some;
use super::{Failure, FailureKind, Subject};
use crate::values::b64;
use crate::values::identifier::DnsName;
use sha2::{Digest, Sha256};

/// The text that a TXT record has to have: base64url of the SHA-256 of the key authorization, 43 characters.
pub fn expected(key_authorization: &str) -> String {
    b64::encode(&Sha256::digest(key_authorization.as_bytes()))
}

/// Looks up the challenge's TXT records and judges them.
///
/// # Errors
/// That they cannot be looked up, or what is there instead.
pub(super) async fn validate<O: Outbound>(
    probe: &Probe<'_, O>,
    name: &DnsName,
    subject: &Subject<'_>,
) -> Result<(), Failure> {
    let owner = format!("_acme-challenge.{name}");
    let answer = probe.lookup(&owner, Kind::Txt).await?;
    judge(&owner, &answer, &expected(subject.key_authorization))
}

/// Whether any of the TXT records in `answer` is `expected`. A name and its wildcard have two at one owner.
///
/// All failures are worth another try: resolvers remember both old records and that there were none.
///
/// # Errors
/// What was looked up, expected and found.
pub fn judge(owner: &str, answer: &Answer, expected: &str) -> Result<(), Failure> {
    let texts: Vec<&[u8]> = match &answer.content {
        Content::Records(records) => records.iter().filter_map(text).collect(),
        Content::NoData | Content::NxDomain | Content::ServFail | Content::Other(_) => Vec::new(),
    };
    if texts.contains(&expected.as_bytes()) {
        return Ok(());
    }
    let (kind, found) = match answer.content {
        Content::NxDomain => (FailureKind::Dns, "but the name does not exist (NXDOMAIN)".to_owned()),
        _ if texts.is_empty() => (FailureKind::Unauthorized, "but there is no TXT record".to_owned()),
        _ => (FailureKind::Unauthorized, format!("but found {}", quote_some(&texts))),
    };
    let alias = answer.alias.as_ref().map(|target| format!(" (an alias of {target})")).unwrap_or_default();
    let detail = format!("looked up TXT of {owner}{alias}: expected \"{expected}\", {found}");
    Err(Failure { kind, detail, retry: true })
}

fn text(record: &Record) -> Option<&[u8]> {
    match record {
        Record::Txt(text) => Some(text),
        Record::A(_) | Record::Aaaa(_) | Record::Caa { .. } => None,
    }
}

#[cfg(test)]
mod tests;
