//! The audit record: each operator's action with its time and outcome, including refusals.
//!
//! An action is recorded before it begins, and its outcome after it. So no action is missing from the record; where the
//! second entry is missing, the action may have been done.

use super::body::{Input, MAX_VALUE};
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::partitions::operations::audit::{AuditFilter, AuditPage, ListAudit, Note};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::ports::Ports;
use crate::ca::telemetry::counts::{self, Series};
use crate::records::Problem;
use crate::records::operations::audit::{Event, Outcome};
use core::future::Future;
use serde_json::{Value, json};

/// Maximum length of a recorded detail, in characters.
const MAX_DETAIL: usize = 500;

/// Runs an operator's action, with an entry in the audit record before and after it.
///
/// # Errors
/// What `act` returns, with the number of the entry for 5xx; `serverInternal` when the entry before it cannot be
/// stored: the action is then not run.
pub async fn audited<P: Ports, T>(
    ports: &P,
    (operator, request): (&Operator, &Request),
    (what, target): (&str, Option<&str>),
    act: impl Future<Output = Result<Done<T>, Problem>>,
) -> Result<T, Problem> {
    let event = |outcome, of, detail: Option<String>| Event {
        target: target.map(str::to_owned),
        outcome,
        of,
        detail: together(detail, operator.confirmed.as_deref()),
        ..operator.event(ports, request, what)
    };
    let number = note(ports, event(Outcome::Attempted, None, None)).await?;
    let done = act.await;
    let (outcome, detail) = match &done {
        Ok(done) => (Outcome::Done, done.detail.clone()),
        Err(problem) if problem.status < 500 => (Outcome::Refused, Some(problem.detail.clone())),
        Err(problem) => (Outcome::Failed, problem.log.clone()),
    };
    count(ports, what, outcome);
    if let Err(problem) = note(ports, event(outcome, Some(number), detail)).await {
        // The action has run, so its result is returned.
        ports.log(&format!("the audit record: {}", problem.log.unwrap_or(problem.detail)));
    }
    done.map(|done| done.value).map_err(|problem| match problem.status {
        ..500 => problem,
        // It is unknown whether anything was changed.
        _ => Problem {
            detail: format!("The operation failed and may have taken effect; see entry {number} of the audit record."),
            ..problem
        },
    })
}

/// Joins a detail with the words about a second person, within the bound.
fn together(detail: Option<String>, confirmed: Option<&str>) -> Option<String> {
    let parts: Vec<&str> = detail.as_deref().into_iter().chain(confirmed).collect();
    (!parts.is_empty()).then(|| parts.join("; ").chars().take(MAX_DETAIL).collect())
}

/// Counts the outcome of an action. `what` is a fixed text, never input.
pub fn count<P: Ports>(ports: &P, what: &str, outcome: Outcome) {
    let outcome = match outcome {
        Outcome::Attempted => "attempted",
        Outcome::Done => "done",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
    };
    counts::count(ports, || Series::new("selvedge_operations_total").label("action", what).label("outcome", outcome));
}

/// The result of an action.
pub struct Done<T> {
    /// Value to return.
    pub value: T,
    /// Detail for the audit record.
    pub detail: Option<String>,
}

impl<T> Done<T> {
    /// Creates a result with a detail for the audit record.
    pub fn saying(value: T, detail: impl Into<String>) -> Self {
        Self { value, detail: Some(detail.into()) }
    }
}

impl<T> From<T> for Done<T> {
    fn from(value: T) -> Self {
        Self { value, detail: None }
    }
}

/// Stores an event in the audit record and returns its number.
///
/// # Errors
/// `serverInternal`.
pub async fn note<P: Ports>(ports: &P, event: Event) -> Result<u64, Problem> {
    ports.ask(&OperationsAt, &Note(event)).await
}

/// Handles GET of the audit record, newest entry first.
///
/// # Errors
/// `malformed` for a wrong query.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let query = Input::query(request, &["who", "what", "outcome", "q", "cursor", "limit"])?;
    let what = "`next` of the previous page";
    let before = query.parsed("cursor", what, |text| text.parse::<u64>().ok().filter(|n| *n > 0))?;
    let limit = query.page_size()?;
    let filter = AuditFilter {
        who: query.text("who", MAX_VALUE)?.map(str::to_owned),
        what: query.text("what", MAX_VALUE)?.map(str::to_owned),
        outcome: query.parsed("outcome", "attempted, done, refused or failed", |text| {
            serde_json::from_value::<Outcome>(text.into()).ok()
        })?,
        text: query.text("q", MAX_VALUE)?.map(|text| text.trim().to_lowercase()),
    };
    let AuditPage { entries, next, complete } = ports.ask(&OperationsAt, &ListAudit { before, limit, filter }).await?;
    Ok(Response::json(200, &json!({ "entries": entries, "next": next, "complete": complete })))
}

/// Does as [`audited`]; returns the result as a response with this status.
///
/// # Errors
/// As [`audited`].
pub async fn answer_with_audit<P: Ports>(
    ports: &P,
    who: (&Operator, &Request),
    what: (&str, Option<&str>),
    status: u16,
    act: impl Future<Output = Result<Done<Value>, Problem>>,
) -> Answer {
    audited(ports, who, what, act).await.map(|value| shown(status, &value))
}
