//! The DNS challenge: a TXT record below the name
//! ([RFC 8555 §8.4](https://www.rfc-editor.org/rfc/rfc8555#section-8.4)).

use crate::validation::dns::{Answer, RecordKind};
use crate::validation::outbound::Outbound;
use crate::validation::outcome::Failure;
use crate::validation::probe::Probe;
use crate::validation::subject::Subject;
use crate::validation::txt;
use crate::values::b64;
use crate::values::identifier::DnsName;
use sha2::{Digest, Sha256};

/// The label of the record.
pub const LABEL: &str = "_acme-challenge";

/// The expected text of the TXT record: base64url of SHA-256 of the key authorization.
pub fn expected(key_authorization: &str) -> String {
    b64::encode(&Sha256::digest(key_authorization.as_bytes()))
}

/// Looks up the challenge's TXT records and judges them.
///
/// # Errors
/// A failed look-up, or the records found instead.
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
    let answer = probe.lookup(owner, RecordKind::Txt).await?;
    judge(owner, &answer, &expected(subject.key_authorization))
}

/// Checks that a TXT record in `answer` is `expected`.
///
/// A name and its wildcard share an owner name. All failures may be temporary: resolvers cache old records and their
/// absence.
///
/// # Errors
/// What was looked up, expected and found.
pub fn judge(owner: &str, answer: &Answer, expected: &str) -> Result<(), Failure> {
    if txt::texts(answer).contains(&expected.as_bytes()) {
        return Ok(());
    }
    let (kind, found) = txt::describe_missing(answer);
    let detail = format!("{}: expected \"{expected}\", {found}", txt::describe_lookup(owner, answer));
    Err(Failure { kind, detail, retry: true })
}

#[cfg(test)]
mod tests;
