//! Certification Authority Authorization: whether a name's owner lets this CA issue
//! ([RFC 8659](https://www.rfc-editor.org/rfc/rfc8659)), for this account and by this validation method
//! ([RFC 8657](https://www.rfc-editor.org/rfc/rfc8657)).

use super::dns::{Answer, Content, Kind, Record, climb};
use super::issue_value::{IssueValue, issue_value};
use super::method::Method;
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

/// How many look-ups run side by side: as many connections as Workers opens at a time.
const PARALLEL: usize = 6;

/// Suffixes below which no CAA records are looked for by default, for nobody on the Internet owns them.
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

/// What the operator decides about CAA.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether records are looked for at all.
    pub checked: bool,
    /// The issuer domain names that stand for this CA, in lower case without trailing dots.
    pub identities: Vec<String>,
    /// Suffixes of names for which no records are looked for.
    pub internal: Vec<String>,
}

/// The most labels of a name whose records are looked for. Each is a look-up, for without records at a name those of its
/// parents count, up to the top (RFC 8659 §3): none may be left out. Boulder has the same bound.
pub const MAX_LABELS: usize = 10;

impl Config {
    /// Whether an identifier has more labels than records are looked for at.
    pub fn is_too_deep(&self, identifier: &Identifier) -> bool {
        let labels = |name: &DnsName| climb(name.base().as_str()).count();
        self.applies_to(identifier) && matches!(identifier, Identifier::Dns(name) if labels(name) > MAX_LABELS)
    }

    /// Whether an identifier's records are looked for. CAA is about domain names; IP addresses have none.
    pub fn applies_to(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::Dns(name) => self.checked && !self.internal.iter().any(|suffix| name.ends_in(suffix)),
            Identifier::Ip(_) => false,
        }
    }
}

/// May a certificate be issued?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The name, without `*.`.
    pub name: &'a DnsName,
    /// Whether the wildcard below the name is meant.
    pub wildcard: bool,
    /// The account's URL.
    pub account: &'a str,
    /// How the name was proven; `None` where it was by nothing that has a name.
    pub method: Option<Method>,
}

/// Looks up the records for all questions and judges them; the answers are in the questions' order. What several
/// questions need is looked up once.
///
/// Some questions are answered to their end before the next ones are begun, so that where look-ups come to an end of their
/// own, as a Worker's subrequests do, most of those that were made have answered something.
pub async fn check<O: Outbound>(
    probe: &Probe<'_, O>,
    identities: &[String],
    questions: &[Question<'_>],
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

/// The next name to look up for a question, on the way up (RFC 8659 §3); `None` once it can be decided.
fn missing<'a>(question: &Question<'a>, found: &BTreeMap<&str, Result<Vec<Record>, Failure>>) -> Option<&'a str> {
    let undecided = |name: &&str| found.get(*name).is_none_or(|records| matches!(records, Ok(set) if set.is_empty()));
    climb(question.name.as_str()).take_while(undecided).find(|name| !found.contains_key(name))
}

/// The records at a name, perhaps none. That the resolver cannot tell is never "none".
async fn look_up<O: Outbound>(probe: &Probe<'_, O>, name: &str) -> Result<Vec<Record>, Failure> {
    match probe.lookup(name, Kind::Caa).await {
        Ok(Answer { content: Content::Records(records), .. }) => Ok(records),
        Ok(Answer { content: Content::NoData | Content::NxDomain, .. }) => Ok(Vec::new()),
        Ok(Answer { content: Content::ServFail | Content::Other(_), .. }) => Err(unknown(name, "no answer", true)),
        Err(failure) => Err(unknown(name, &failure.detail, failure.retry)),
    }
}

/// No record was seen, so it is a problem with DNS and not one of CAA (RFC 8555 §6.7).
fn unknown(name: &str, why: &str, retry: bool) -> Failure {
    let detail = format!("whether {name} lets this CA issue (CAA, RFC 8659) cannot be found out: {why}");
    Failure { kind: FailureKind::Dns, detail, retry }
}

fn decide(
    question: &Question<'_>,
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

/// Whether the records at `owner`, the relevant record set (RFC 8659 §3), allow it.
///
/// # Errors
/// The records that stand against it.
pub fn judge(owner: &str, records: &[Record], identities: &[String], question: &Question<'_>) -> Result<(), Failure> {
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
    // RFC 8659 §4.3: for wildcards issuewild stands in the place of issue; for other names it says nothing.
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

/// The properties that are understood. That of e-mail certificates (RFC 9495) and where to report to restrict nothing
/// here.
fn is_known(tag: &str) -> bool {
    ["issue", "issuewild", "issuemail", "iodef"].contains(&tag)
}

/// Whether one property's value authorizes the issuance; why not, in a clause that follows the value.
fn authorizes(value: &[u8], identities: &[String], question: &Question<'_>) -> Result<(), &'static str> {
    // RFC 8659 §4.2: what cannot be read forbids.
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
