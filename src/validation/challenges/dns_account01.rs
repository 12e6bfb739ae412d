//! The DNS challenge at a name per account.
//!
//! Several clients can validate one name independently
//! ([draft-ietf-acme-dns-account-label-03](https://datatracker.ietf.org/doc/draft-ietf-acme-dns-account-label/03/)).

use super::dns01;
use crate::validation::outbound::Outbound;
use crate::validation::outcome::Failure;
use crate::validation::probe::Probe;
use crate::validation::subject::Subject;
use crate::values::identifier::DnsName;
use base32ct::{Base32Unpadded, Encoding};
use sha2::{Digest, Sha256};

/// Bytes of the digest in the label: 80 bits, 16 characters.
const DIGEST_BYTES: usize = 10;

/// The length of [`label`]: an underscore and five bits per character.
pub const LABEL_LENGTH: usize = 1 + DIGEST_BYTES * 8 / 5;

/// The label of an account. An underscore and the truncated SHA-256 of its URL in base32.
pub fn label(account: &str) -> String {
    let digest = Sha256::digest(account.as_bytes());
    let shown: Vec<u8> = digest.iter().take(DIGEST_BYTES).copied().collect();
    format!("_{}", Base32Unpadded::encode_string(&shown))
}

/// The owner name of the TXT record for `name` and an account URL.
pub fn owner(account: &str, name: &DnsName) -> String {
    format!("{}.{}.{name}", label(account), dns01::LABEL)
}

/// Looks up the challenge's TXT records and judges them as dns-01 does.
///
/// # Errors
/// A failed look-up, or the records found instead.
pub(super) async fn validate<O: Outbound>(
    probe: &Probe<'_, O>,
    name: &DnsName,
    subject: &Subject<'_>,
) -> Result<(), Failure> {
    dns01::validate_at(probe, &owner(subject.account, name), subject).await
}

#[cfg(test)]
mod tests;
