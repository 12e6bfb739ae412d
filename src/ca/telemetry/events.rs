//! What happens here, told to whoever runs the CA: a line of JSON for each request, validation, issuance and revocation,
//! and a count of what is counted.
//!
//! A line has fixed members, for programs. It never has a path, since the URLs of some pages prove something, nor anything
//! of what was signed. What is told was stored before: a machine that is lost in between tells nothing, and nothing is told
//! twice.

use super::counts;
use crate::ca::config::request_log::RequestLog;
use crate::ca::http::message::{Body, Request, Response};
use crate::ca::http::routes::{Route, Urls};
use crate::ca::runtime::ports::Ports;
use crate::records::acme::order::Issuance;
use crate::records::ledger::entry::{Authority, LedgerEntry};
use crate::records::{OrderRecord, Problem};
use crate::values::{Id, Identifier, Time};
use serde::Serialize;
use serde_json::Value;

/// The longest detail in a line, in characters.
const MAX_DETAIL: usize = 300;

/// The longest method in a line, in characters: a client writes what it likes there.
const MAX_METHOD: usize = 20;

/// The most names in a line; how many there are stands beside.
const MAX_NAMES: usize = 10;

/// What is learnt of a request while it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it came in.
    pub begun: Time,
    /// The account that it says it is by, where there is one of that form.
    pub account: Option<Id>,
    /// Whether it turned out not to be signed by that account.
    pub unsigned: bool,
    /// The operator whose request it is.
    pub operator: Option<String>,
}

impl Told {
    /// Of a request that came in just now.
    pub fn at(begun: Time) -> Self {
        Self { begun, account: None, unsigned: false, operator: None }
    }
}

#[derive(Serialize)]
struct RequestLine<'a> {
    event: &'static str,
    at: String,
    method: String,
    resource: &'static str,
    status: u16,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    /// There only where it is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct ValidationLine<'a> {
    event: &'static str,
    at: String,
    outcome: &'static str,
    account: &'a str,
    identifier: String,
    kind: &'static str,
    attempt: u32,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct IssuanceLine<'a> {
    event: &'static str,
    at: String,
    outcome: &'static str,
    serial: &'a str,
    issuer: &'a str,
    account: &'a str,
    order: &'a str,
    profile: &'a str,
    names: Vec<String>,
    names_count: usize,
    not_after: String,
    attempt: u32,
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

#[derive(Serialize)]
struct RevocationLine<'a> {
    event: &'static str,
    at: String,
    serial: &'a str,
    issuer: &'a str,
    account: &'a str,
    by: &'static str,
    /// Who, where it is not the certificate's own account: another one, or an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<&'a str>,
    reason: Option<u8>,
}

/// A validation that was tried.
pub struct Validated<'a> {
    /// What was validated.
    pub identifier: &'a Identifier,
    /// The type of the challenge.
    pub kind: &'static str,
    /// How often it was tried, this time included.
    pub attempt: u32,
    /// When this time began.
    pub begun: Time,
    /// What became of it.
    pub outcome: Tried,
}

/// What became of a validation that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The name is proven.
    Valid,
    /// It is not, and that is all.
    Invalid(Problem),
    /// It is not, and will be tried again.
    Again(Problem),
}

/// A request that was answered with this status. `response` is there where it was not passed on unread.
pub fn answered<P: Ports>(
    ports: &P,
    request: &Request,
    route: Option<&Route>,
    (status, response): (u16, Option<&Response>),
    told: &Told,
) {
    match ports.settings().request_log {
        RequestLog::On => {}
        RequestLog::Errors if status >= 400 => {}
        RequestLog::Errors | RequestLog::Off => return,
    }
    let (problem, detail) = response.filter(|_| status >= 400).and_then(problem_of).unzip();
    write(
        ports,
        &RequestLine {
            event: "request",
            at: told.begun.rfc3339(),
            method: request.method.chars().take(MAX_METHOD).collect(),
            resource: route.map_or("none", Route::resource),
            status,
            ms: since(ports, told.begun),
            account: told.account.as_ref().map(Id::as_str),
            signed: told.unsigned.then_some(false),
            operator: told.operator.as_deref(),
            action: match route {
                Some(Route::Operator(route)) => Some(route.described().1),
                _ => None,
            },
            address: request.address.map(|address| address.to_string()),
            problem,
            detail: detail.map(|detail| shortened(&without_proofs(&detail, &ports.settings().urls))),
        },
    );
}

/// A validation that was tried, and what came of it is stored.
pub fn validated<P: Ports>(ports: &P, account: &Id, tried: &Validated<'_>) {
    let (outcome, problem) = match &tried.outcome {
        Tried::Valid => ("valid", None),
        Tried::Invalid(problem) => ("invalid", Some(problem)),
        Tried::Again(problem) => ("again", Some(problem)),
    };
    let kind = tried.kind;
    counts::count(ports, || format!("selvedge_validations_total{{type=\"{kind}\",outcome=\"{outcome}\"}}"));
    if ports.settings().request_log == RequestLog::Off {
        return;
    }
    write(
        ports,
        &ValidationLine {
            event: "validation",
            at: ports.now().rfc3339(),
            outcome,
            account: account.as_str(),
            identifier: tried.identifier.to_string(),
            kind,
            attempt: tried.attempt,
            ms: since(ports, tried.begun),
            problem: problem.map(|problem| problem.kind.token()),
            detail: problem.map(|problem| shortened(&problem.detail)),
        },
    );
}

/// An issuance that came to its end: its certificate is stored, or it is given up.
pub fn issued<P: Ports>(
    ports: &P,
    account: &Id,
    (order, issuance): (&OrderRecord, &Issuance),
    attempt: u32,
    failed: Option<&Problem>,
) {
    counts::count(ports, || match failed {
        Some(_) => "selvedge_issuances_failed_total".to_owned(),
        None => format!(
            "selvedge_certificates_issued_total{{profile=\"{}\",issuer=\"{}\"}}",
            order.profile, issuance.issuer
        ),
    });
    if ports.settings().request_log == RequestLog::Off {
        return;
    }
    write(
        ports,
        &IssuanceLine {
            event: "issuance",
            at: ports.now().rfc3339(),
            outcome: if failed.is_some() { "failed" } else { "issued" },
            serial: &issuance.serial,
            issuer: &issuance.issuer,
            account: account.as_str(),
            order: order.id.as_str(),
            profile: &order.profile,
            names: order.identifiers.iter().take(MAX_NAMES).map(Identifier::to_string).collect(),
            names_count: order.identifiers.len(),
            not_after: issuance.not_after.rfc3339(),
            attempt,
            ms: since(ports, issuance.prepared),
            problem: failed.map(|problem| problem.kind.token()),
            // What the operator's log has of it: the client's detail says only that it failed.
            detail: failed.map(|problem| shortened(problem.log.as_ref().unwrap_or(&problem.detail))),
        },
    );
}

/// A certificate that was revoked, as its entry in the ledger says now.
pub fn revoked<P: Ports>(ports: &P, issuer: &str, serial: &str, entry: &LedgerEntry) {
    let Some(revocation) = &entry.revoked else { return };
    let (by, who) = match &revocation.by {
        Authority::Account(_) => ("account", None),
        Authority::Authorizations(other) => ("authorizations", Some(other.as_str())),
        Authority::Key => ("key", None),
        Authority::Operator(name) => ("operator", Some(name.as_str())),
    };
    counts::count(ports, || format!("selvedge_revocations_total{{by=\"{by}\"}}"));
    if ports.settings().request_log == RequestLog::Off {
        return;
    }
    write(
        ports,
        &RevocationLine {
            event: "revocation",
            at: revocation.at.rfc3339(),
            serial,
            issuer,
            account: entry.account.as_str(),
            by,
            who,
            reason: revocation.reason,
        },
    );
}

fn write<P: Ports>(ports: &P, line: &impl Serialize) {
    // Of texts and numbers: there is no way in which that fails, and nothing that would be done about it.
    if let Ok(line) = serde_json::to_string(line) {
        ports.note(&line);
    }
}

fn since<P: Ports>(ports: &P, begun: Time) -> u64 {
    u64::try_from(begun.until(ports.now()).as_millis()).unwrap_or(u64::MAX)
}

/// The error type and the detail of a problem document.
fn problem_of(response: &Response) -> Option<(String, String)> {
    let Body::Text(text) = &response.body else { return None };
    let document: Value = serde_json::from_str(text).ok()?;
    let text = |member| document.get(member).and_then(Value::as_str).map(str::to_owned);
    let kind = text("type")?;
    Some((kind.rsplit(':').next().unwrap_or_default().to_owned(), text("detail").unwrap_or_default()))
}

/// Without what follows in the URLs of pages that let their reader do something.
fn without_proofs(detail: &str, urls: &Urls) -> String {
    let pages = ["/terms/", "/resume/"].map(|page| urls.of_path(page));
    let words = detail.split(' ').map(|word| match pages.iter().find(|page| word.contains(page.as_str())) {
        Some(page) => format!("{page}…"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(detail: &str) -> String {
    detail.chars().take(MAX_DETAIL).collect()
}
