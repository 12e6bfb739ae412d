//! The persistent DNS challenge: a permanent TXT record that names the CA and the account
//! ([draft-ietf-acme-dns-persist-02](https://datatracker.ietf.org/doc/draft-ietf-acme-dns-persist/02/)).
//!
//! The record's `accounturi` is a hash over domain, key and account URL (-02), or, as the clients of -00 and -01 have
//! it, the account URL itself. A record at a parent name counts if it has `policy=wildcard` (§6).

use crate::validation::dns::{Answer, RecordKind, climb};
use crate::validation::issue_value::{IssueValue, addressee, issue_value};
use crate::validation::outbound::Outbound;
use crate::validation::outcome::{Failure, FailureKind};
use crate::validation::probe::Probe;
use crate::validation::subject::{ExpectedRecord, Subject};
use crate::validation::txt;
use crate::values::identifier::DnsName;
use crate::values::quote::quote_octets;
use crate::values::{Time, b64};
use sha2::{Digest, Sha256};

/// The label of the records.
pub(super) const LABEL: &str = "_validation-persist";

/// Maximum number of parents whose records are looked up, nearest first.
const PARENTS: usize = 6;

/// The hash algorithm of hashed account URIs, as registered by RFC 6920 §9.4.
const HASH: &str = "sha-256";

/// Looks up and judges the records of a name, then those of its parents.
///
/// Returns the end of the proof, if any (§4.1: an authorization must not outlive it).
///
/// # Errors
/// A failed look-up, or the fault of the records.
pub async fn validate<O: Outbound>(
    probe: &Probe<'_, O>,
    name: &DnsName,
    subject: &Subject<'_>,
) -> Result<Option<Time>, Failure> {
    let owner = format!("{LABEL}.{name}");
    let answer = probe.lookup(&owner, RecordKind::Txt).await?;
    let now = probe.outbound().now();
    let own = RecordLocation { name: name.as_str(), wide: subject.wildcard };
    let failure = match own.judge(&answer, subject, now) {
        Ok(until) => return Ok(until),
        Err(failure) => failure,
    };
    // Top-level domains do not count.
    let parents = climb(name.as_str()).skip(1).filter(|parent| parent.contains('.'));
    for parent in parents.take(PARENTS) {
        // A failed look-up proves nothing; the failure of the name itself is reported.
        let Ok(answer) = probe.lookup(&format!("{LABEL}.{parent}"), RecordKind::Txt).await else { break };
        if let Ok(until) = (RecordLocation { name: parent, wide: true }).judge(&answer, subject, now) {
            return Ok(until);
        }
    }
    Err(failure)
}

/// A hashed account URI (§4.1): `domain` is the name of the record, or `*`.
pub fn hashed_uri(prefix: &str, domain: &str, thumbprint: &str, account: &str) -> String {
    let mut hash = Sha256::new();
    // A name has at most 253 characters.
    hash.update([u8::try_from(domain.len()).unwrap_or(u8::MAX)]);
    for part in [domain, thumbprint, account] {
        hash.update(part.as_bytes());
    }
    format!("{prefix}{HASH}/{}", b64::encode(&hash.finalize()))
}

/// The location of a record, and whether it needs `policy=wildcard`.
struct RecordLocation<'a> {
    name: &'a str,
    wide: bool,
}

/// The fault of one record.
type Fault = (FailureKind, String);

impl RecordLocation<'_> {
    /// Judges the records in `answer`, each on its own (§4.3).
    fn judge(&self, answer: &Answer, subject: &Subject<'_>, now: Time) -> Result<Option<Time>, Failure> {
        let mut fault = None;
        let accepted = self.accepted(subject);
        for text in txt::texts(answer) {
            match self.judge_one(text, subject, &accepted, now) {
                Some(Ok(until)) => return Ok(until),
                Some(Err(found)) => fault = fault.or(Some((found, text))),
                // For another CA.
                None => {}
            }
        }
        let (kind, found) = match fault {
            Some(((kind, why), text)) => (kind, format!("but {} {why}", quote_octets(text))),
            None => txt::describe_missing(answer),
        };
        let looked_up = txt::describe_lookup(&format!("{LABEL}.{}", self.name), answer);
        let example = self.example(subject);
        let detail = format!("{looked_up}: expected a record like {example}, {found}");
        // Resolvers cache old records.
        Err(Failure { kind, detail, retry: true })
    }

    /// An example of an accepted record.
    fn example(&self, subject: &Subject<'_>) -> String {
        let issuer = subject.persist.issuers.first().map_or("", String::as_str);
        let policy = if self.wide { "; policy=wildcard" } else { "" };
        format!("\"{issuer}; accounturi={}{policy}\"", subject.account)
    }

    /// The accepted account URIs (§4.2).
    fn accepted(&self, subject: &Subject<'_>) -> Vec<String> {
        let ExpectedRecord { hash_prefix, thumbprints, .. } = subject.persist;
        let hashed = thumbprints.iter().flat_map(|thumbprint| {
            [self.name, "*"].map(|domain| hashed_uri(hash_prefix, domain, thumbprint, subject.account))
        });
        core::iter::once(subject.account.to_owned()).chain(hashed).collect()
    }

    /// Judges one record and returns its end; `None` for another CA.
    fn judge_one(
        &self,
        text: &[u8],
        subject: &Subject<'_>,
        accepted: &[String],
        now: Time,
    ) -> Option<Result<Option<Time>, Fault>> {
        let ExpectedRecord { issuers, hash_prefix, .. } = subject.persist;
        match issue_value(text) {
            Some(value) if value.names_any(issuers) => Some(self.judge_value(&value, hash_prefix, accepted, now)),
            Some(_) => None,
            None => {
                let meant = |name: &String| addressee(text).eq_ignore_ascii_case(name.as_bytes());
                issuers.iter().any(meant).then(|| Err(malformed("does not follow the grammar of RFC 8659 section 4.2")))
            }
        }
    }

    fn judge_value(
        &self,
        value: &IssueValue<'_>,
        hash_prefix: &str,
        accepted: &[String],
        now: Time,
    ) -> Result<Option<Time>, Fault> {
        if value.repeats() {
            return Err(malformed("has a parameter twice"));
        }
        // Repeated parameters were refused above.
        let parameter = |tag: &str| value.parameter(tag).ok().flatten();
        let until = parameter("persistuntil").map(end).transpose()?;
        let uri = parameter("accounturi").ok_or_else(|| malformed("has no accounturi"))?;
        if !accepted.iter().any(|accepted| accepted == uri) {
            return Err(foreign(uri, hash_prefix));
        }
        if until.is_some_and(|until| until <= now) {
            return Err(unauthorized("has a persistUntil that is past"));
        }
        if self.wide && !parameter("policy").is_some_and(|policy| policy.eq_ignore_ascii_case("wildcard")) {
            return Err(unauthorized("has no policy=wildcard"));
        }
        Ok(until)
    }
}

/// The fault of an account URI of another account (§9.3.1).
fn foreign(uri: &str, hash_prefix: &str) -> Fault {
    let hash = uri.strip_prefix(hash_prefix).filter(|_| !hash_prefix.is_empty());
    let well_formed = |hash: &str| {
        let digest = hash.strip_prefix(HASH).and_then(|rest| rest.strip_prefix('/')).and_then(b64::decode);
        digest.is_some_and(|digest| digest.len() == 32)
    };
    if hash.is_some_and(|hash| !well_formed(hash)) {
        return malformed("has an accounturi that is no sha-256 in base64url behind this CA's accountHashPrefix");
    }
    unauthorized("is for another account")
}

/// The instant of a `persistUntil`: a base-10 integer, seconds since 1970.
fn end(text: &str) -> Result<Time, Fault> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(malformed("has a persistUntil that is no base-10 integer"));
    }
    // An overflow is far in the future.
    Ok(Time::from_secs(if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) }))
}

fn malformed(why: &str) -> Fault {
    (FailureKind::Malformed, why.to_owned())
}

fn unauthorized(why: &str) -> Fault {
    (FailureKind::Unauthorized, why.to_owned())
}

#[cfg(test)]
mod tests;
