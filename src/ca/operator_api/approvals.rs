//! Actions that a second person has to confirm, by the setting FOUR_EYES.
//!
//! The first request stores the action and answers 202; the confirmation of another person runs it. So both are in the
//! audit record, the action with the name of its requester.

use super::audit::{Done, answer_with_audit};
use super::body;
use super::body::Input;
use super::certificates;
use super::operator::Operator;
use super::replacements::{SELECTS, selection};
use super::state::{not_found, shown};
use super::{accounts, external_keys, imports, policies, revocations};
use crate::ca::http::message::{Answer, Body, Request};
use crate::ca::http::operator_routes::{AdminRoute, PREFIX};
use crate::ca::ledger::filter::{Query, Standing};
use crate::ca::partitions::operations::approvals::{DecideApproval, ListApprovals, PutApproval, TakeRevocations};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::ledger::entry::KEY_COMPROMISE;
use crate::records::operations::approval::{ApprovalRecord, OPEN};
use crate::records::operations::audit::AuthMethod;
use crate::values::{Time, b64};
use serde_json::{Value, json};

/// Maximum number of pages that are read to count the certificates of a revocation.
const MAX_PAGES: usize = 20;

/// Size of such a page.
const PAGE: usize = 200;

/// Returns an action's audited name, if a second person has to confirm it.
fn action<P: Ports>(ports: &P, route: &AdminRoute) -> Option<&'static str> {
    let needed = ports.settings().four_eyes;
    let (on, name) = match route {
        AdminRoute::Policy => (needed.policy, "policy.put"),
        AdminRoute::Restore => (needed.policy, "policy.restore"),
        AdminRoute::ExternalAccounts => (needed.keys, "external-account.create"),
        AdminRoute::ExternalAccount(_) => (needed.keys, "external-account.change"),
        AdminRoute::Deactivate(_) => (needed.accounts, "account.deactivate"),
        AdminRoute::Revoke(_) => (needed.revoke.is_some(), "certificate.revoke"),
        AdminRoute::Revocations => (needed.revoke.is_some(), "certificates.revoke"),
        AdminRoute::Import => (needed.revoke.is_some(), "certificates.import"),
        _ => (false, ""),
    };
    on.then_some(name)
}

/// What is done with a request for an action.
pub enum Gate {
    /// It runs.
    Open,
    /// It goes on under a confirmation, with this body.
    Under(Box<Operator>, Box<Request>),
    /// It was stored, and waits.
    Waits(Box<Answer>),
}

/// Decides whether an action runs, or waits for a second person.
///
/// # Errors
/// When a partition does not answer; 403 and 404 for a wrong confirmation.
pub async fn gate<P: Ports>(
    ports: &P,
    operator: &Operator,
    request: &Request,
    route: &AdminRoute,
) -> Result<Gate, Problem> {
    let Some(what) = action(ports, route) else { return Ok(Gate::Open) };
    let mut body = String::new();
    match route {
        // A wrong document is refused at once, by its handler.
        AdminRoute::Policy if policies::is_wrong(request) => return Ok(Gate::Open),
        AdminRoute::Revoke(_) if apart(few(ports, operator, (1, 1))).await? => return Ok(Gate::Open),
        AdminRoute::Revocations => match apart(revocations(ports, operator, request)).await? {
            Revocations::Gate(gate) => return Ok(gate),
            Revocations::Many(pinned) => body = pinned,
        },
        AdminRoute::Import => {
            let n = apart(imports::revocations(ports, operator, request)).await?;
            if n == 0 || few(ports, operator, (n, n)).await? {
                return Ok(Gate::Open);
            }
            body::text(request)?.clone_into(&mut body);
        }
        _ => body::text(request)?.clone_into(&mut body),
    }
    Ok(Gate::Waits(Box::new(apart(ask(ports, operator, request, what, body)).await)))
}

/// Whether revocations fit in the number of one person.
///
/// They are given as those that have to fit, and those counted now.
async fn few<P: Ports>(ports: &P, operator: &Operator, (needs, takes): (usize, usize)) -> Result<bool, Problem> {
    let most = ports.settings().four_eyes.revoke.unwrap_or(u32::MAX);
    let bounded = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let (needs, takes) = (bounded(needs), bounded(takes));
    if needs > most {
        return Ok(false);
    }
    ports.ask(&OperationsAt, &TakeRevocations { who: operator.name.clone(), most, needs, takes }).await
}

/// What is done with a bulk revocation.
enum Revocations {
    Gate(Gate),
    /// Too many for one person; with the body that is stored.
    Many(String),
}

/// Decides whether a bulk revocation goes on, is small enough, or has to wait.
async fn revocations<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Result<Revocations, Problem> {
    let known = [&SELECTS[..], &["reason", "issued_before", "cursor", "limit", "approval"]].concat();
    let Ok(members) = Input::body(request, &known) else { return Ok(Revocations::Gate(Gate::Open)) };
    if let Some(id) = members.text("approval", 64)? {
        return Ok(Revocations::Gate(under(ports, operator, request, &members, id).await?));
    }
    let Ok(selection) = selection(ports, &members) else { return Ok(Revocations::Gate(Gate::Open)) };
    let now = Time::from_secs(ports.now().secs().saturating_add(1));
    let before = members.parsed("issued_before", "a time", Time::parse_rfc3339)?.unwrap_or(now);
    // keyCompromise replaces another reason.
    let compromised = members.number("reason")? == Some(KEY_COMPROMISE.into());
    let standing = if compromised { Standing::default() } else { Standing::Valid };
    let mut query = Query { selection, standing, issued_before: Some(before), limit: PAGE, ..Query::default() };
    let most = usize::try_from(ports.settings().four_eyes.revoke.unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
    let (all, ended) = count(ports, &mut query, most).await?;
    let step = revocations::issuer_of(ports, &query.selection, &members)?;
    query.selection.issuer = Some(step);
    query.after = None;
    let (here, _) = count(ports, &mut query, most).await?;
    if ended && few(ports, operator, (all, here)).await? {
        return Ok(Revocations::Gate(Gate::Open));
    }
    let mut pinned: Value = serde_json::from_str(body::text(request)?).unwrap_or_default();
    if let Some(members) = pinned.as_object_mut() {
        members.remove("cursor");
        members.remove("limit");
        // What is issued until the confirmation is not meant.
        members.insert("issued_before".into(), before.rfc3339().into());
    }
    Ok(Revocations::Many(pinned.to_string()))
}

/// Counts the certificates of a query, to little more than `most`.
///
/// Also returns whether that is all.
async fn count<P: Ports>(ports: &P, query: &mut Query, most: usize) -> Result<(usize, bool), Problem> {
    let mut all = 0_usize;
    for _ in 0..MAX_PAGES {
        let found = certificates::search(ports, query).await?;
        all = all.saturating_add(found.certificates.len());
        query.after = found.next;
        if query.after.is_none() || all > most {
            return Ok((all, query.after.is_none()));
        }
    }
    Ok((all, false))
}

/// Returns the next step of a confirmed revocation.
async fn under<P: Ports>(
    ports: &P,
    operator: &Operator,
    request: &Request,
    members: &Input,
    id: &str,
) -> Result<Gate, Problem> {
    let record = find(ports, id).await?;
    if record.path != "revocations" || !record.goes_on(&operator.name, ports.now()) {
        let detail = "Refused: this revocation is not confirmed, another person's, or its time has passed.";
        return Err(Problem::new(crate::records::Kind::Unauthorized, detail));
    }
    let mut stored: Value = serde_json::from_str(&record.body).unwrap_or_default();
    for name in ["cursor", "limit"] {
        if let (Some(value), Some(object)) = (members.value(name), stored.as_object_mut()) {
            object.insert(name.into(), value.clone());
        }
    }
    let confirmed = confirmation(&record);
    let operator = Operator { confirmed, ..operator.clone() };
    let request = Request { body: Some(stored.to_string().into_bytes()), ..request.clone() };
    Ok(Gate::Under(Box::new(operator), Box::new(request)))
}

/// The words about a confirmation in the audit record.
fn confirmation(record: &ApprovalRecord) -> Option<String> {
    let by = record.decided.as_ref().map(|decision| decision.made.by.as_str())?;
    Some(format!("asked by {}, confirmed by {by}, approval {}", record.asked.by, record.id))
}

/// Stores an action.
async fn ask<P: Ports>(ports: &P, operator: &Operator, request: &Request, what: &str, body: String) -> Answer {
    let id = b64::encode(&ports.random::<9>()?).replace('-', ".");
    let path = request.path.strip_prefix(PREFIX).unwrap_or(&request.path).to_owned();
    answer_with_audit(ports, (operator, request), ("approval.ask", Some(&id)), 202, async {
        let now = ports.now();
        let record = ApprovalRecord {
            id: id.clone(),
            asked: operator.acts(ports),
            method: operator.by,
            role: operator.role.ok_or_else(|| Problem::internal("an operator without a role"))?,
            action: what.to_owned(),
            path,
            body,
            until: now.plus(OPEN),
            decided: None,
        };
        let detail = format!("{what}: {}", record.path);
        let shown = json!({ "approval": record.wire(now) });
        ports.ask(&OperationsAt, &PutApproval(record)).await?;
        Ok(Done::saying(shown, detail))
    })
    .await
}

async fn find<P: Ports>(ports: &P, id: &str) -> Result<ApprovalRecord, Problem> {
    let all = ports.ask(&OperationsAt, &ListApprovals).await?;
    all.into_iter().find(|record| record.id == id).ok_or_else(|| not_found("approval"))
}

/// Handles GET of the actions.
///
/// # Errors
/// `serverInternal`.
pub async fn list<P: Ports>(ports: &P) -> Answer {
    let all = ports.ask(&OperationsAt, &ListApprovals).await?;
    let all: Vec<Value> = all.iter().map(|record| record.wire(ports.now())).collect();
    Ok(shown(200, &json!({ "approvals": all })))
}

/// Handles GET of an action, with the body of its request.
///
/// # Errors
/// 404 for an unknown one.
pub async fn show<P: Ports>(ports: &P, id: &str) -> Answer {
    let record = find(ports, id).await?;
    let mut wire = record.wire(ports.now());
    if let Some(members) = wire.as_object_mut() {
        members
            .insert("body".into(), serde_json::from_str(&record.body).unwrap_or_else(|_| record.body.clone().into()));
    }
    Ok(shown(200, &wire))
}

/// Handles POST that confirms an action and runs it.
///
/// # Errors
/// 404 for an unknown one; 403 for its requester, and without the permission for it; 409 once it was decided or has ended,
/// or its requester lost the right; what the action returns.
pub async fn confirm<P: Ports>(ports: &P, operator: &Operator, request: &Request, id: &str) -> Answer {
    answer_with_audit(ports, (operator, request), ("approval.confirm", Some(id)), 200, async {
        Input::body(request, &[])?;
        let record = find(ports, id).await?;
        let route = route_of(&record)?;
        operator.check(&route, "POST")?;
        let requester = requester(ports, &record)?;
        if requester.check(&route, "POST").is_err() {
            let detail = format!("{} may no longer ask for this; reject it.", record.asked.by);
            return Err(Problem::malformed(detail).with_status(409));
        }
        let decide = DecideApproval { id: id.to_owned(), confirmed: true, by: operator.acts(ports) };
        let record = ports.ask(&OperationsAt, &decide).await?;
        let asked = Request {
            method: "POST".to_owned(),
            path: format!("{PREFIX}{}", record.path),
            content_type: Some("application/json".to_owned()),
            body: Some(record.body.clone().into_bytes()),
            address: request.address,
            ..Request::default()
        };
        let requester = Operator { confirmed: confirmation(&record), ..requester };
        let answer = apart(run(ports, &requester, &asked, &route)).await?;
        let result = match &answer.body {
            Body::Text(text) => serde_json::from_str(text).unwrap_or(Value::Null),
            Body::Bytes(_) => Value::Null,
        };
        let value = json!({ "approval": record.wire(ports.now()), "result": result });
        Ok(Done::saying(value, format!("{} of {}", record.action, record.asked.by)))
    })
    .await
}

fn route_of(record: &ApprovalRecord) -> Result<AdminRoute, Problem> {
    let path = record.path.split('?').next().unwrap_or_default();
    AdminRoute::parse(path).ok_or_else(|| not_found("approval"))
}

/// Returns the operator that asked, as of now.
///
/// # Errors
/// 409 if its token was removed or has ended, or Access does not admit operators any more.
fn requester<P: Ports>(ports: &P, record: &ApprovalRecord) -> Result<Operator, Problem> {
    let settings = ports.settings();
    let name = record.asked.by.clone();
    let role = match record.method {
        AuthMethod::Token => {
            let token = settings.admin.all().iter().find(|token| token.name == name);
            token.filter(|token| !token.has_ended(ports.now())).map(|token| token.role)
        }
        // Groups are asserted with each request only, so the role of then counts, at most.
        AuthMethod::Access => {
            let access = settings.access.as_ref();
            access.map(|access| access.role_of(&name, &[]).map_or(record.role, |role| role.min(record.role)))
        }
        AuthMethod::None => None,
    };
    let lost = || Problem::malformed(format!("{name} is no longer an operator; reject this.")).with_status(409);
    Ok(Operator {
        role: Some(role.ok_or_else(lost)?),
        name: name.clone(),
        by: record.method,
        until: None,
        confirmed: None,
    })
}

/// Runs a confirmed action.
async fn run<P: Ports>(ports: &P, operator: &Operator, request: &Request, route: &AdminRoute) -> Answer {
    match route {
        AdminRoute::Policy => apart(policies::put(ports, operator, request)).await,
        AdminRoute::Restore => apart(policies::restore(ports, operator, request)).await,
        AdminRoute::ExternalAccounts => apart(external_keys::create(ports, operator, request)).await,
        AdminRoute::ExternalAccount(kid) => apart(external_keys::change(ports, operator, request, kid)).await,
        AdminRoute::Deactivate(id) => apart(accounts::deactivate(ports, operator, request, id)).await,
        AdminRoute::Revoke(serial) => apart(certificates::revoke(ports, operator, request, serial)).await,
        AdminRoute::Revocations => apart(revocations::step(ports, operator, request)).await,
        AdminRoute::Import => apart(imports::import(ports, operator, request)).await,
        _ => Err(not_found("approval")),
    }
}

/// Handles POST that rejects an action, or withdraws one's own.
///
/// # Errors
/// 404 for an unknown one; 403 without the permission for it; 409 once it was decided or has ended.
pub async fn reject<P: Ports>(ports: &P, operator: &Operator, request: &Request, id: &str) -> Answer {
    answer_with_audit(ports, (operator, request), ("approval.reject", Some(id)), 200, async {
        Input::body(request, &[])?;
        let record = find(ports, id).await?;
        if !record.is_asker(&operator.name) {
            operator.check(&route_of(&record)?, "POST")?;
        }
        let decide = DecideApproval { id: id.to_owned(), confirmed: false, by: operator.acts(ports) };
        let record = ports.ask(&OperationsAt, &decide).await?;
        let value = json!({ "approval": record.wire(ports.now()) });
        Ok(Done::saying(value, format!("{} of {}", record.action, record.asked.by)))
    })
    .await
}
