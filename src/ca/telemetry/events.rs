//! Log lines and counts of requests, validations, issuances and revocations.
//!
//! A line is JSON with fixed members. It has no path, as some URLs contain a proof, and nothing that was signed.
//! Lines are written after storage: a crash in between loses a line, and none is repeated.

use super::counts::{self, Series};
use crate::VERSION;
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

/// Maximum length of a detail in characters.
const MAX_DETAIL: usize = 300;

/// Maximum length of a method in characters: clients may send anything.
const MAX_METHOD: usize = 20;

/// Maximum number of names in a line, beside their total.
const MAX_NAMES: usize = 10;

/// Facts about a request for its log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLogContext {
    /// Id of the request; empty without randomness.
    pub id: String,
    /// Time of arrival.
    pub begun: Time,
    /// The account of its `kid`, if it has that form.
    pub account: Option<Id>,
    /// Whether that account did not sign it.
    pub unsigned: bool,
    /// The operator.
    pub operator: Option<String>,
    /// The fault on purpose that it met, of a test CA.
    pub fault: Option<String>,
}

impl RequestLogContext {
    /// The context of a new request.
    pub fn at(begun: Time, id: String) -> Self {
        Self { id, begun, account: None, unsigned: false, operator: None, fault: None }
    }

    /// The id, unless empty.
    pub fn id_if_any(&self) -> Option<String> {
        Some(&self.id).filter(|id| !id.is_empty()).cloned()
    }
}

/// The last members of a line about a failure.
#[derive(Serialize)]
struct Failure {
    problem: String,
    detail: String,
}

impl Failure {
    fn new(problem: &str, detail: &str) -> Self {
        Self { problem: problem.to_owned(), detail: detail.chars().take(MAX_DETAIL).collect() }
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
    request: &'a str,
    /// Cloudflare's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    ray: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    /// Present only if false.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
    #[serde(flatten)]
    failure: Option<Failure>,
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
    #[serde(flatten)]
    failure: Option<Failure>,
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
    #[serde(flatten)]
    failure: Option<Failure>,
}

#[derive(Serialize)]
struct RevocationLine<'a> {
    event: &'static str,
    at: String,
    serial: &'a str,
    issuer: &'a str,
    account: &'a str,
    by: &'static str,
    /// The requester, unless the certificate's own account: another account, or an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<&'a str>,
    reason: Option<u8>,
}

/// An attempt at a validation.
pub struct ValidationAttempt<'a> {
    /// The identifier.
    pub identifier: &'a Identifier,
    /// The challenge type.
    pub kind: &'static str,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Start of the attempt.
    pub begun: Time,
    /// Outcome.
    pub outcome: AttemptOutcome,
}

/// Outcome of an attempt at a validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The name is proven.
    Valid,
    /// Failed permanently.
    Invalid(Problem),
    /// Failed, with a retry to come.
    Retry(Problem),
}

/// Logs an answered request. `response` is `None` if it was forwarded unread.
pub fn answered<P: Ports>(
    ports: &P,
    request: &Request,
    route: Option<&Route>,
    (status, response): (u16, Option<&Response>),
    context: &RequestLogContext,
) {
    match ports.settings().request_log {
        RequestLog::On => {}
        RequestLog::Errors if status >= 400 => {}
        RequestLog::Errors | RequestLog::Off => return,
    }
    let problem = response.filter(|_| status >= 400).and_then(problem_of);
    write(
        ports,
        &RequestLine {
            event: "request",
            at: context.begun.rfc3339(),
            method: request.method.chars().take(MAX_METHOD).collect(),
            resource: route.map_or("none", Route::resource),
            status,
            ms: since(ports, context.begun),
            request: &context.id,
            ray: request.ray.as_deref(),
            account: context.account.as_ref().map(Id::as_str),
            signed: context.unsigned.then_some(false),
            operator: context.operator.as_deref(),
            action: match route {
                Some(Route::Operator(route)) => Some(route.described().1),
                _ => None,
            },
            address: request.address.map(|address| address.to_string()),
            fault: context.fault.as_deref(),
            failure: problem
                .map(|(kind, detail)| Failure::new(&kind, &without_proofs(&detail, &ports.settings().urls))),
        },
    );
}

/// Logs and counts an attempt at a validation whose outcome is stored.
pub fn validated<P: Ports>(ports: &P, account: &Id, tried: &ValidationAttempt<'_>) {
    let (outcome, problem) = match &tried.outcome {
        AttemptOutcome::Valid => ("valid", None),
        AttemptOutcome::Invalid(problem) => ("invalid", Some(problem)),
        AttemptOutcome::Retry(problem) => ("again", Some(problem)),
    };
    let kind = tried.kind;
    counts::count(ports, || Series::new("selvedge_validations_total").label("type", kind).label("outcome", outcome));
    counts::observe(ports, "selvedge_validation_duration_seconds", ("type", kind), since(ports, tried.begun));
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
            failure: problem.map(|problem| Failure::new(problem.kind.token(), &problem.detail)),
        },
    );
}

/// Logs and counts the end of an issuance: a stored certificate, or a failure.
pub fn issued<P: Ports>(
    ports: &P,
    account: &Id,
    (order, issuance): (&OrderRecord, &Issuance),
    attempt: u32,
    failed: Option<&Problem>,
) {
    counts::count(ports, || match failed {
        Some(_) => Series::new("selvedge_issuances_failed_total"),
        None => Series::new("selvedge_certificates_issued_total")
            .label("profile", &order.profile)
            .label("issuer", &issuance.issuer),
    });
    if failed.is_none() {
        let ms = since(ports, issuance.prepared);
        counts::observe(ports, "selvedge_issuance_duration_seconds", ("profile", &order.profile), ms);
    }
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
            // The log has the reason; the client's detail says only that it failed.
            failure: failed
                .map(|problem| Failure::new(problem.kind.token(), problem.log.as_ref().unwrap_or(&problem.detail))),
        },
    );
}

/// Logs and counts a revocation, by its ledger entry.
pub fn revoked<P: Ports>(ports: &P, issuer: &str, serial: &str, entry: &LedgerEntry) {
    let Some(revocation) = &entry.revoked else { return };
    let (by, who) = match &revocation.by {
        Authority::Account(_) => ("account", None),
        Authority::Authorizations(other) => ("authorizations", Some(other.as_str())),
        Authority::Key => ("key", None),
        Authority::Operator(name) => ("operator", Some(name.as_str())),
    };
    counts::count(ports, || Series::new("selvedge_revocations_total").label("by", by));
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

/// A line with the version of the module that wrote it.
#[derive(Serialize)]
struct Versioned<'a, L: Serialize> {
    #[serde(flatten)]
    line: &'a L,
    version: &'static str,
}

fn write<P: Ports>(ports: &P, line: &impl Serialize) {
    // Texts and numbers always serialise.
    if let Ok(line) = serde_json::to_string(&Versioned { line, version: VERSION }) {
        ports.note(&line);
    }
}

/// The time since then in milliseconds.
pub fn since<P: Ports>(ports: &P, begun: Time) -> u64 {
    u64::try_from(begun.until(ports.now()).as_millis()).unwrap_or(u64::MAX)
}

/// Error type and detail of a problem document.
fn problem_of(response: &Response) -> Option<(String, String)> {
    let Body::Text(text) = &response.body else { return None };
    let document: Value = serde_json::from_str(text).ok()?;
    let text = |member| document.get(member).and_then(Value::as_str).map(str::to_owned);
    let kind = text("type")?;
    Some((kind.rsplit(':').next().unwrap_or_default().to_owned(), text("detail").unwrap_or_default()))
}

/// Removes proofs from URLs of pages.
pub(super) fn without_proofs(detail: &str, urls: &Urls) -> String {
    let pages = ["/terms/", "/resume/"].map(|page| urls.of_path(page));
    let words = detail.split(' ').map(|word| match pages.iter().find(|page| word.contains(page.as_str())) {
        Some(page) => format!("{page}…"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
