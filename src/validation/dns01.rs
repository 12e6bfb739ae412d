//! The DNS challenge: a TXT record below the name
//! ([RFC 8555 §8.4](https://www.rfc-editor.org/rfc/rfc8555#section-8.4)).

use super::dns::{Answer, Kind};
use super::outbound::Outbound;
use super::outcome::Failure;
use super::probe::Probe;
use super::subject::Subject;
use super::txt;
use crate::values::b64;
use crate::values::identifier::DnsName;
use sha2::{Digest, Sha256};

/// The label below which the record stands.
pub const LABEL: &str = "_acme-challenge";

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
    validate_at(probe, &format!("{LABEL}.{name}"), subject).await
}

/// As [`validate`], with the records at `owner`.
///
/// # Errors
/// As [`validate`].
pub(super) async fn validate_at<O: Outbound>(
    probe: &Probe<'_, O>,
    owner: &str,
    subject: &Subject<'_>,
) -> Result<(), Failure> {
    let answer = probe.lookup(owner, Kind::Txt).await?;
    judge(owner, &answer, &expected(subject.key_authorization))
}

/// Whether any of the TXT records in `answer` is `expected`. A name and its wildcard have two at one owner.
///
/// All failures are worth another try: resolvers remember both old records and that there were none.
///
/// # Errors
/// What was looked up, expected and found.
pub fn judge(owner: &str, answer: &Answer, expected: &str) -> Result<(), Failure> {
    if txt::texts(answer).contains(&expected.as_bytes()) {
        return Ok(());
    }
    let (kind, found) = txt::instead(answer);
    let detail = format!("{}: expected \"{expected}\", {found}", txt::looked_up(owner, answer));
    Err(Failure { kind, detail, retry: true })
}

#[cfg(test)]
mod tests;
