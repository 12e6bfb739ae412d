//! CAA: whether the owner of a name lets this CA issue ([RFC 8659](https://www.rfc-editor.org/rfc/rfc8659)).
//!
//! Records may restrict issuance to accounts and validation methods
//! ([RFC 8657](https://www.rfc-editor.org/rfc/rfc8657)).

use super::challenges::Method;
use super::dns::{Answer, Content, Record, RecordKind, climb};
use super::issue_value::{IssueValue, issue_value};
use super::outbound::Outbound;
use super::outcome::{Failure, FailureKind};
use super::probe::Probe;
use super::quote::list_some;
use crate::values::Identifier;
use crate::values::identifier::DnsName;
use crate::values::quote::quote_octets;
use futures_util::StreamExt;
use futures_util::stream;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum concurrent look-ups: the limit of connections on Workers.
const PARALLEL: usize = 6;

/// Suffixes without CAA look-ups by default: names that have no owner in public DNS.
pub const INTERNAL: [&str; 12] = [
    "test",      // RFC 6761 §6.2
    "localhost", // RFC 6761 §6.3
    "local",     // RFC 6762 §3: multicast DNS
    "home.arpa", // RFC 8375
    "onion",     // RFC 7686 §2: never in DNS
    "internal",  // reserved by ICANN's board for private use, 29 July 2024
    "intranet",  // these: RFC 6762 appendix G, in wide private use
    "private",
    "corp",
    "home",
    "lan",
    "alt", // RFC 9476: not DNS
];

/// The configuration of CAA.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether records are looked up at all.
    pub checked: bool,
    /// The issuer domain names of this CA, in lower case without trailing dots.
    pub identities: Vec<String>,
    /// Suffixes of names without look-ups.
    pub internal: Vec<String>,
}

/// Maximum number of labels of a name.
///
/// Each is a look-up, since parents count for names without records, up to the top (RFC 8659 §3). As in Boulder.
pub const MAX_LABELS: usize = 10;

impl Config {
    /// Whether an identifier has more than [`MAX_LABELS`] labels.
    pub fn is_too_deep(&self, identifier: &Identifier) -> bool {
        let labels = |name: &DnsName| climb(name.base().as_str()).count();
        self.applies_to(identifier) && matches!(identifier, Identifier::Dns(name) if labels(name) > MAX_LABELS)
    }

    /// Whether an identifier is subject to CAA; IP addresses are not.
    pub fn applies_to(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::Dns(name) => self.checked && !self.internal.iter().any(|suffix| name.ends_in(suffix)),
            Identifier::Ip(_) => false,
        }
    }
}

/// A CAA check: whether a certificate may be issued for a name.
#[derive(Clone, Copy, Debug)]
pub struct CaaQuery<'a> {
    /// The name, without `*.`.
    pub name: &'a DnsName,
    /// Whether the certificate is for the wildcard.
    pub wildcard: bool,
    /// The account's URL.
    pub account: &'a str,
    /// The validation method; `None` for a name that was not validated by one.
    pub method: Option<Method>,
}

/// Looks up each name once and judges all questions; the results keep their order.
///
/// Questions are completed in groups: if look-ups run out, as a Worker's subrequests do, most questions have results.
pub async fn check<O: Outbound>(
    probe: &Probe<'_, O>,
    identities: &[String],
    questions: &[CaaQuery<'_>],
) -> Vec<Result<(), Failure>> {
    let mut found: BTreeMap<&str, Result<Vec<Record>, Failure>> = BTreeMap::new();
    for some in questions.chunks(PARALLEL) {
        loop {
            let missing: BTreeSet<&str> = some.iter().filter_map(|question| missing(question, &found)).collect();
            if missing.is_empty() {
                break;
            }
            let lookups = missing.into_iter().map(|name| async move { (name, look_up(probe, name).await) });
            let answers: Vec<_> = stream::iter(lookups).buffered(PARALLEL).collect().await;
            found.extend(answers);
        }
    }
    questions.iter().map(|question| decide(question, &found, identities)).collect()
}

/// The next name to look up for a question (RFC 8659 §3); `None` if it can be decided.
fn missing<'a>(question: &CaaQuery<'a>, found: &BTreeMap<&str, Result<Vec<Record>, Failure>>) -> Option<&'a str> {
    let undecided = |name: &&str| found.get(*name).is_none_or(|records| matches!(records, Ok(set) if set.is_empty()));
    climb(question.name.as_str()).take_while(undecided).find(|name| !found.contains_key(name))
}

/// Looks up the records at a name; a failed look-up never counts as "none".
async fn look_up<O: Outbound>(probe: &Probe<'_, O>, name: &str) -> Result<Vec<Record>, Failure> {
    match probe.lookup(name, RecordKind::Caa).await {
        Ok(Answer { content: Content::Records(records), .. }) => Ok(records),
        Ok(Answer { content: Content::NoData | Content::NxDomain, .. }) => Ok(Vec::new()),
        Ok(Answer { content: Content::ServFail | Content::Other(_), .. }) => Err(unknown(name, "no answer", true)),
        Err(failure) => Err(unknown(name, &failure.detail, failure.retry)),
    }
}

/// The failure of a look-up, which is of type `dns`, not `caa` (RFC 8555 §6.7).
fn unknown(name: &str, why: &str, retry: bool) -> Failure {
    let detail = format!("whether {name} lets this CA issue (CAA, RFC 8659) cannot be found out: {why}");
    Failure { kind: FailureKind::Dns, detail, retry }
}

fn decide(
    question: &CaaQuery<'_>,
    found: &BTreeMap<&str, Result<Vec<Record>, Failure>>,
    identities: &[String],
) -> Result<(), Failure> {
    for name in climb(question.name.as_str()) {
        match found.get(name) {
            Some(Ok(records)) if records.is_empty() => {}
            Some(Ok(records)) => return judge(name, records, identities, question),
            Some(Err(failure)) => return Err(failure.clone()),
            None => return Err(unknown(name, "it was not looked up", true)),
        }
    }
    Ok(())
}

/// Judges the records at `owner`, the relevant record set (RFC 8659 §3).
///
/// # Errors
/// The records that forbid it.
pub fn judge(owner: &str, records: &[Record], identities: &[String], question: &CaaQuery<'_>) -> Result<(), Failure> {
    let refuse = |why: String| {
        let (star, name) = (if question.wildcard { "*." } else { "" }, question.name);
        let own = identities.join(", ");
        let detail = format!("the CAA records of {owner} do not let this CA ({own}) issue for {star}{name}: {why}");
        Err(Failure { kind: FailureKind::Caa, detail, retry: false })
    };
    let properties = || {
        records.iter().filter_map(|record| match record {
            Record::Caa { critical, tag, value } => Some((*critical, tag.to_ascii_lowercase(), value.as_slice())),
            Record::A(_) | Record::Aaaa(_) | Record::Txt(_) => None,
        })
    };
    // RFC 8659 §4.1
    if let Some((_, tag, _)) = properties().find(|(critical, tag, _)| *critical && !is_known(tag)) {
        return refuse(format!("the property {} is critical and not known here", quote_octets(tag.as_bytes())));
    }
    let of = |wanted: &str| -> Vec<&[u8]> {
        properties().filter(|(_, tag, _)| tag == wanted).map(|(_, _, value)| value).collect()
    };
    // RFC 8659 §4.3: for wildcards issuewild replaces issue; for other names it has no effect.
    let wild = if question.wildcard { of("issuewild") } else { Vec::new() };
    let (tag, values) = if wild.is_empty() { ("issue", of("issue")) } else { ("issuewild", wild) };
    let mut against = Vec::new();
    for value in values {
        match authorizes(value, identities, question) {
            Ok(()) => return Ok(()),
            Err(why) => against.push(format!("{tag} {} {why}", quote_octets(value))),
        }
    }
    if against.is_empty() { Ok(()) } else { refuse(list_some(against.into_iter())) }
}

/// Whether a property is supported; issuemail (RFC 9495) and iodef restrict nothing here.
fn is_known(tag: &str) -> bool {
    ["issue", "issuewild", "issuemail", "iodef"].contains(&tag)
}

/// Checks whether one property's value authorizes issuance; the error follows the value.
fn authorizes(value: &[u8], identities: &[String], question: &CaaQuery<'_>) -> Result<(), &'static str> {
    // RFC 8659 §4.2: a malformed value forbids.
    let value = issue_value(value).ok_or("cannot be read")?;
    match value.issuer {
        None => return Err("names nobody"),
        Some(_) if !value.names_any(identities) => return Err("names another CA"),
        Some(_) => {}
    }
    // RFC 8657 §3
    match value.parameter("accounturi") {
        Ok(None) => {}
        Ok(Some(account)) if account == question.account => {}
        Ok(Some(_)) => return Err("is for another account"),
        Err(_) => return Err("has accounturi twice"),
    }
    allows_method(&value, question.method)
}

/// [RFC 8657 §4](https://www.rfc-editor.org/rfc/rfc8657#section-4)
fn allows_method(value: &IssueValue<'_>, method: Option<Method>) -> Result<(), &'static str> {
    let Some(list) = value.parameter("validationmethods").map_err(|_| "has validationmethods twice")? else {
        return Ok(());
    };
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !list.is_empty() && !list.split(',').all(is_label) {
        return Err("has a list of validation methods that cannot be read");
    }
    match method {
        Some(method) if list.split(',').any(|label| label == method.name()) => Ok(()),
        Some(_) => Err("does not allow the validation method that was used"),
        None => Err("asks for a validation method, and none was used"),
    }
}

#[cfg(test)]
mod tests;
