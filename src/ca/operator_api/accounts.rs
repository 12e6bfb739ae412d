//! Accounts in the operator API.

use super::audit::{Done, answer_with_audit};
use super::body::{Input, MAX_VALUE};
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::account::kind::AccountAt;
use crate::ca::account::operations::{DeactivateAccount, ListedAccount, ShowAccount};
use crate::ca::http::message::{Answer, Request};
use crate::ca::partitions::roster::{Enrol, ListMembers, RosterAt, listed_account_of};
use crate::ca::runtime::ask::Page;
use crate::ca::runtime::message::ROSTERS;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::ledger::inventory::RosterEntry;
use crate::values::Id;
use serde_json::json;

/// Handles GET of accounts, from the roster partitions. An account is asked only if its entry lacks the data to list.
///
/// # Errors
/// `malformed` for a wrong query.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let query = Input::query(request, &["cursor", "limit"])?;
    let limit = query.page_size()?;
    let page = Page { after: query.text("cursor", MAX_VALUE)?.map(str::to_owned), limit: limit.saturating_add(1) };
    let mut members: Vec<RosterEntry> = Vec::new();
    for n in 0..ROSTERS {
        members.extend(ports.ask(&RosterAt(n), &ListMembers(page.clone())).await?);
    }
    members.sort_by_cached_key(RosterEntry::id);
    let next = members.get(limit.saturating_sub(1)).filter(|_| members.len() > limit).map(RosterEntry::id);
    members.truncate(limit);
    let mut all = Vec::new();
    for member in members {
        all.extend(
            complete_entry(ports, member).await?.and_then(|member| listed_account_of(&ports.settings().urls, &member)),
        );
    }
    Ok(shown(200, &json!({ "accounts": all, "next": next })))
}

/// Returns the entry with the data to list, from the account if missing. `None` if the account was never created, or
/// the entry is left from an interrupted creation: the account then has another creation time.
pub(in crate::ca) async fn complete_entry<P: Ports>(
    ports: &P,
    member: RosterEntry,
) -> Result<Option<RosterEntry>, Problem> {
    if member.shown.is_some() {
        return Ok(Some(member));
    }
    let found = ports.ask(&AccountAt(member.account.clone()), &ListedAccount).await?;
    let Some(found) = found.filter(|found| found.created == member.created) else { return Ok(None) };
    let noted = ports.ask(&RosterAt::of(&found.account), &Enrol(found.clone())).await;
    if let Err(problem) = noted {
        // The account is asked again next time.
        ports.log(&format!("a list of accounts: {}", problem.log.unwrap_or(problem.detail)));
    }
    Ok(Some(found))
}

/// Handles GET of an account.
///
/// # Errors
/// 404 for an unknown account.
pub async fn show<P: Ports>(ports: &P, id: &Id) -> Answer {
    let found = ports.ask(&AccountAt(id.clone()), &ShowAccount).await?;
    found.map(|found| shown(200, &found)).ok_or_else(|| not_found("account"))
}

/// Handles POST that deactivates an account (`revoked` by the server, RFC 8555 §7.1.6).
///
/// # Errors
/// 404 for an unknown account.
pub async fn deactivate<P: Ports>(ports: &P, operator: &Operator, request: &Request, id: &Id) -> Answer {
    let target = id.to_string();
    answer_with_audit(ports, (operator, request), ("account.deactivate", Some(&target)), 200, async {
        Input::body(request, &[])?;
        let found = ports.ask(&AccountAt(id.clone()), &DeactivateAccount).await?;
        found.map(Done::from).ok_or_else(|| not_found("account"))
    })
    .await
}
