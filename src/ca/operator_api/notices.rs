//! Notices and the state of the webhook in the operator API.

use super::audit::{Done, answer_with_audit};
use super::body::Input;
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request};
use crate::ca::notices::delivery::{CountNotices, ListNotices, NoticeCounts, NoticeStore};
use crate::ca::partitions::operations::asks::SendTestNotice;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::ask::Ask;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use serde_json::{Value, json};

/// Maximum number of notices in a response.
const MAX_NOTICES: usize = 200;

/// Sends this to all partitions that store notices: the ledgers and the operations partition.
async fn ask_all<P: Ports, A: Ask<At = NoticeStore>>(ports: &P, ask: &A) -> Result<Vec<A::Reply>, Problem> {
    let ledgers = ports.settings().issuers.slots().map(|slot| NoticeStore::Ledger(slot.issuer.id().to_owned()));
    let mut answers = Vec::new();
    for store in ledgers.chain([NoticeStore::Operations]) {
        answers.push(ports.ask(&store, ask).await?);
    }
    Ok(answers)
}

/// Returns the newest notices of all partitions.
///
/// # Errors
/// When a partition does not answer.
pub async fn newest<P: Ports>(ports: &P, limit: usize) -> Result<Vec<Value>, Problem> {
    let mut all: Vec<Value> = ask_all(ports, &ListNotices { limit }).await?.concat();
    let id = |notice: &Value| notice.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    all.sort_by_cached_key(id);
    all.truncate(limit);
    Ok(all)
}

/// Handles GET of the notices.
///
/// # Errors
/// As [`newest`].
pub async fn list<P: Ports>(ports: &P) -> Answer {
    Ok(shown(200, &json!({ "notices": newest(ports, MAX_NOTICES).await? })))
}

/// Returns whether the webhook is configured, and the counts of waiting and given-up notices.
///
/// # Errors
/// When a partition does not answer.
pub async fn standing<P: Ports>(ports: &P) -> Result<Value, Problem> {
    let all = ask_all(ports, &CountNotices).await?;
    let sum = |of: fn(&NoticeCounts) -> u64| all.iter().map(of).fold(0, u64::saturating_add);
    let configured = ports.settings().webhook.is_some();
    Ok(json!({ "configured": configured, "waiting": sum(|one| one.waiting), "given_up": sum(|one| one.given_up) }))
}

/// Handles POST that sends a test notice.
///
/// # Errors
/// 409 without a webhook.
pub async fn test<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    answer_with_audit(ports, (operator, request), ("notice.test", None), 200, async {
        Input::body(request, &[])?;
        let notice = ports.ask(&OperationsAt, &SendTestNotice).await?;
        let state = notice.pointer("/delivery/state").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Done::saying(notice, state))
    })
    .await
}
