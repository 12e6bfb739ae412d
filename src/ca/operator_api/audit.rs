//! The audit record: who did what, when, and what became of it; refusals too.
//!
//! An action stands there before it begins, and again with what became of it. So nothing is done that is not there, and
//! where the second entry is missing, the first one says that something may have been done.

use super::body::Query;
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::partitions::operations::audit::{AuditPage, ListAudit, Note};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::ports::Ports;
use crate::ca::telemetry::counts::{self, Series};
use crate::records::Problem;
use crate::records::operations::audit::{Event, Outcome};
use core::future::Future;
use serde_json::{Value, json};

/// The most entries of a page, and how many there are when nothing is said.
const MOST: usize = 200;

const USUAL: usize = 50;

/// The longest detail that is kept, in characters.
const MAX_DETAIL: usize = 500;

/// Does something for an operator, with an entry before and after it.
///
/// # Errors
/// What `act` returns, where it failed with the number of the entry; `serverInternal` when the entry before it cannot be made: then nothing is done.
pub async fn audited<P: Ports, T>(
    ports: &P,
    (operator, request): (&Operator, &Request),
    (what, target): (&str, Option<&str>),
    act: impl Future<Output = Result<Done<T>, Problem>>,
) -> Result<T, Problem> {
    let event = |outcome, of, detail: Option<String>| Event {
        at: ports.now(),
        who: operator.name.clone(),
        by: operator.by,
        what: what.to_owned(),
        target: target.map(str::to_owned),
        outcome,
        of,
        detail: detail.map(|detail| detail.chars().take(MAX_DETAIL).collect()),
        address: request.address.map(|address| address.to_string()),
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
        // It is done, and whoever asked is to know.
        ports.log(&format!("the audit record: {}", problem.log.unwrap_or(problem.detail)));
    }
    done.map(|done| done.value).map_err(|problem| match problem.status {
        ..500 => problem,
        // Whether anything was changed is not known.
        _ => Problem {
            detail: format!("It failed on the way, and may have been done. See entry {number} of the audit record."),
            ..problem
        },
    })
}

/// Counts what became of an action. `what` is a text of ours.
pub fn count<P: Ports>(ports: &P, what: &str, outcome: Outcome) {
    let outcome = match outcome {
        Outcome::Attempted => "attempted",
        Outcome::Done => "done",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
    };
    counts::count(ports, || Series::new("selvedge_operations_total").label("action", what).label("outcome", outcome));
}

/// What was done.
pub struct Done<T> {
    /// What comes of it.
    pub value: T,
    /// What the record says of it.
    pub detail: Option<String>,
}

impl<T> Done<T> {
    /// It is done, and this is said of it.
    pub fn saying(value: T, detail: impl Into<String>) -> Self {
        Self { value, detail: Some(detail.into()) }
    }
}

impl<T> From<T> for Done<T> {
    fn from(value: T) -> Self {
        Self { value, detail: None }
    }
}

/// Puts an event into the record. Answers its number.
///
/// # Errors
/// `serverInternal`.
pub async fn note<P: Ports>(ports: &P, event: Event) -> Result<u64, Problem> {
    ports.ask(&OperationsAt, &Note(event)).await
}

/// GET of the record, the newest first.
///
/// # Errors
/// `malformed` for a query that is wrong.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let query = Query::read(request, &["cursor", "limit"])?;
    let what = "the next of the page before";
    let before = query.parsed("cursor", what, |text| text.parse::<u64>().ok().filter(|n| *n > 0))?;
    let limit = query.limit(MOST, USUAL)?;
    let AuditPage { entries, next } = ports.ask(&OperationsAt, &ListAudit { before, limit }).await?;
    Ok(Response::json(200, &json!({ "entries": entries, "next": next })))
}

/// As [`audited`], where what was done is shown with this status.
///
/// # Errors
/// As [`audited`].
pub async fn audited_answer<P: Ports>(
    ports: &P,
    who: (&Operator, &Request),
    what: (&str, Option<&str>),
    status: u16,
    act: impl Future<Output = Result<Done<Value>, Problem>>,
) -> Answer {
    audited(ports, who, what, act).await.map(|value| shown(status, &value))
}
