//! Failures and paused names in the operator API.

use super::audit::{Done, answer_with_audit};
use super::body::{Input, MAX_VALUE};
use super::certificates::pattern;
use super::operator::Operator;
use super::state::shown;
use crate::ca::account::kind::AccountAt;
use crate::ca::account::pause::ResumeName;
use crate::ca::http::message::{Answer, Request};
use crate::ca::partitions::failures::asks::send;
use crate::ca::partitions::failures::kind::FailuresAt;
use crate::ca::partitions::failures::list::{FailureFilter, FailurePage, ListFailures, ListPaused};
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::acme::reuse::identifier_id;
use crate::records::operations::failure::{FailureRecord, Origin, PausedRecord};
use crate::values::{Id, Identifier, Time, unicode};
use serde_json::{Value, json};

/// Parameters of the filter.
const FILTER: [&str; 6] = ["account", "external_account", "name", "q", "problem", "step"];

/// Handles GET of the failures, the latest first.
///
/// # Errors
/// `malformed` for a wrong query.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let input = Input::query(request, &[&FILTER[..], &["cursor", "limit"]].concat())?;
    let after = input.parsed("cursor", "`next` of the previous page", |text| {
        let (time, id) = text.split_once('.')?;
        Some((Time::from_millis(time.parse().ok()?), id.to_owned()))
    })?;
    let ask = ListFailures { filter: filter(&input)?, after, limit: input.page_size()? };
    send_queued(ports).await;
    let FailurePage { failures, more, omitted } = ports.ask(&FailuresAt, &ask).await?;
    let next = failures.last().filter(|_| more).map(|(id, record)| format!("{}.{id}", record.last.millis()));
    let all: Vec<Value> = failures.iter().map(|(id, record)| one(id, record)).collect();
    Ok(shown(200, &json!({ "failures": all, "next": next, "omitted": omitted })))
}

/// Handles GET of the paused names.
///
/// # Errors
/// `malformed` for a wrong query.
pub async fn paused<P: Ports>(ports: &P, request: &Request) -> Answer {
    let input = Input::query(request, &["account", "external_account", "name", "q", "cursor", "limit"])?;
    let after = input.parsed("cursor", "`next` of the previous page", |text| {
        let (account, digest) = text.split_once('.')?;
        Some(format!("{}/{}", Id::parse(account)?, Id::parse(digest)?))
    })?;
    let limit = input.page_size()?;
    send_queued(ports).await;
    let ask = ListPaused { filter: filter(&input)?, after, limit: limit.saturating_add(1) };
    let mut found = ports.ask(&FailuresAt, &ask).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next =
        found.last().filter(|_| more).map(|last| PausedRecord::id_of(&last.account, &last.subject).replace('/', "."));
    let all: Vec<Value> = found.iter().map(one_paused).collect();
    Ok(shown(200, &json!({ "paused": all, "next": next })))
}

/// Handles POST that ends the pause of a name.
///
/// # Errors
/// `malformed` without a name; 404 for an unknown account; 409 for a name that is not paused, and for an account that
/// is not valid.
pub async fn resume<P: Ports>(ports: &P, operator: &Operator, request: &Request, id: &Id) -> Answer {
    let target = id.to_string();
    answer_with_audit(ports, (operator, request), ("name.resume", Some(&target)), 200, async {
        let input = Input::body(request, &["name"])?;
        let name =
            input.parsed("name", "a name or an address, like www.example.org", |text| Identifier::parse(text).ok())?;
        let name = name.ok_or_else(|| Problem::malformed("name is missing: the paused name."))?.base();
        let resume = ResumeName { subject: identifier_id(&name, false) };
        let resumed = ports.ask(&AccountAt(id.clone()), &resume).await;
        send_queued(ports).await;
        match resumed {
            Ok(true) => {}
            Ok(false) => {
                let detail = format!("{name} is not paused for this account; there is nothing to resume.");
                return Err(Problem::malformed(detail).with_status(409));
            }
            Err(problem) if problem.status == 401 => {
                let detail = "The account is deactivated: its names stay paused.";
                return Err(Problem::malformed(detail).with_status(409));
            }
            Err(problem) => return Err(problem),
        }
        Ok(Done::saying(json!({ "account": id, "name": name.to_string(), "resumed": true }), name.to_string()))
    })
    .await
}

/// Sends the queued failures of this isolate, so that a list has them.
pub(super) async fn send_queued<P: Ports>(ports: &P) {
    if let Err(problem) = send(ports).await {
        ports.log(&format!("failures: {}", problem.log.unwrap_or(problem.detail)));
    }
}

fn filter(input: &Input) -> Result<FailureFilter, Problem> {
    let text = |name: &'static str| Ok::<_, Problem>(input.text(name, MAX_VALUE)?.map(str::to_owned));
    Ok(FailureFilter {
        account: input.parsed("account", "the id of an account", Id::parse)?,
        external_account: text("external_account")?,
        name: pattern(input.text("name", MAX_VALUE)?)?,
        text: text("q")?,
        problem: text("problem")?,
        step: text("step")?,
    })
}

/// Returns names in Unicode.
fn in_unicode(names: &[String]) -> Vec<String> {
    names.iter().map(|name| unicode::shown(name)).collect()
}

fn one(id: &str, FailureRecord { failure, first, last, count }: &FailureRecord) -> Value {
    json!({
        "id": id,
        "step": failure.step,
        "account": failure.account,
        "signed": failure.origin != Origin::Unsigned,
        "external_account": failure.external_account,
        "names": failure.names,
        "unicode_names": in_unicode(&failure.names),
        "names_count": failure.names_count,
        "problem": failure.problem,
        "status": failure.status,
        "detail": failure.detail,
        "subproblems": failure.subproblems,
        "limit": failure.limit,
        "cause": failure.cause,
        "address": failure.address,
        "request": failure.request,
        "first": first.rfc3339(),
        "last": last.rfc3339(),
        "count": count,
    })
}

fn one_paused(record: &PausedRecord) -> Value {
    json!({
        "account": record.account,
        "external_account": record.external_account,
        "name": record.name(),
        "unicode_name": unicode::shown(record.name()),
        "since": record.since.rfc3339(),
        "failures": record.streak,
    })
}
