//! Bulk revocation, step by step.
//!
//! Each step is one transaction of one ledger: it revokes the next selected certificates, up to a bound, and returns a
//! cursor. Revoked certificates are not selected again, so a step can be repeated, and an interrupted revocation can be
//! restarted safely. `issued_before` excludes certificates that are issued after the start, also after a restart.

use super::audit::{Done, answer_with_audit};
use super::body::Input;
use super::certificates::said;
use super::operator::Operator;
use super::replacements::{SELECTS, describe, selection};
use crate::ca::http::message::{Answer, Request};
use crate::ca::ledger::bulk_revocation::{RevokeNext, RevokedPart};
use crate::ca::ledger::filter::Query;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::runtime::ports::Ports;
use crate::pki::Serial;
use crate::records::Problem;
use crate::records::ledger::entry::{KEY_COMPROMISE, check_reason};
use crate::records::ledger::inventory::Selection;
use crate::values::Time;
use serde_json::json;

/// Maximum number of certificates revoked in a step.
const MAX_REVOKED: usize = 100;

/// Maximum for keyCompromise. Each key takes a request to another partition, and Cloudflare's free plan allows 50
/// subrequests for each request to a Worker.
const MAX_KEY_COMPROMISE: usize = 25;

/// Handles POST: one step of a revocation.
///
/// # Errors
/// `malformed` for a body that selects nothing or is wrong; `badRevocationReason`.
pub async fn step<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let known = [&SELECTS[..], &["reason", "issued_before", "cursor", "limit"]].concat();
    let members = Input::body(request, &known);
    let selection = members.as_ref().map_err(Clone::clone).and_then(|members| selection(ports, members));
    let target = selection.as_ref().ok().map(describe);
    answer_with_audit(ports, (operator, request), ("certificates.revoke", target.as_deref()), 200, async {
        let (members, selection) = (members?, selection?);
        let reason = check_reason(members.number("reason")?)?;
        let before = members.parsed("issued_before", "a time like 2027-01-31T00:00:00Z", Time::parse_rfc3339)?;
        // Times have whole seconds; certificates issued in the current second are included.
        let before = before.unwrap_or_else(|| Time::from_secs(ports.now().secs() + 1));
        let (issuer, after) = place(ports, &selection, &members)?;
        let most = if reason == Some(KEY_COMPROMISE) { MAX_KEY_COMPROMISE } else { MAX_REVOKED };
        let limit = limit(&members)?.min(most);
        let query =
            Query { selection: selection.clone(), issued_before: Some(before), after, limit, ..Query::default() };
        let step = RevokeNext { query, reason, by: operator.name.clone() };
        let part: RevokedPart = ports.ask(&LedgerAt(issuer.clone()), &step).await?;
        let next = if part.complete { following(ports, &selection, &issuer) } else { Some((issuer, part.reached)) };
        let next = next.map(|(issuer, after)| format!("{issuer}.{after}"));
        let rest = if next.is_some() { "more remain" } else { "none remain" };
        let detail =
            format!("{} revoked, {}, issued before {}; {rest}", part.revoked.len(), said(reason), before.rfc3339());
        let value = json!({
            "selection": selection, "reason": reason, "issued_before": before.rfc3339(), "revoked": part.revoked,
            "next": next,
        });
        Ok(Done::saying(value, detail))
    })
    .await
}

pub(in crate::ca) fn limit(members: &Input) -> Result<usize, Problem> {
    let Some(number) = members.number("limit")? else { return Ok(MAX_REVOKED) };
    let limit = usize::try_from(number).ok().filter(|limit| (1..=MAX_REVOKED).contains(limit));
    limit.ok_or_else(|| {
        Problem::malformed(format!("limit is {number}; it has to be a whole number from 1 to {MAX_REVOKED}."))
    })
}

/// Returns the ids of issuers that the selection includes.
fn issuers<'a, P: Ports>(ports: &'a P, selection: &'a Selection) -> impl Iterator<Item = &'a str> {
    let all = ports.settings().issuers.slots().map(|slot| slot.issuer.id());
    all.filter(|id| selection.issuer.as_deref().is_none_or(|wanted| wanted == *id))
}

/// Returns where a step begins: the issuer, and the position in its ledger.
fn place<P: Ports>(ports: &P, selection: &Selection, members: &Input) -> Result<(String, Option<String>), Problem> {
    let found = members.parsed("cursor", "`next` of the previous step", |text| {
        let (issuer, after) = text.split_once('.')?;
        let issuer = issuers(ports, selection).find(|id| *id == issuer)?;
        let after = if after.is_empty() { None } else { Some(Serial::from_hex(after).map(|serial| serial.hex())?) };
        Some((issuer.to_owned(), after))
    })?;
    let first = || issuers(ports, selection).next().map(|id| (id.to_owned(), None));
    found.or_else(first).ok_or_else(|| Problem::internal("no issuer is configured"))
}

/// Returns the issuer of the step that a body asks for.
///
/// # Errors
/// `malformed` for a wrong cursor.
pub fn issuer_of<P: Ports>(ports: &P, selection: &Selection, members: &Input) -> Result<String, Problem> {
    Ok(place(ports, selection, members)?.0)
}

/// Returns the start of the next issuer's ledger.
fn following<P: Ports>(ports: &P, selection: &Selection, issuer: &str) -> Option<(String, String)> {
    let next = issuers(ports, selection).skip_while(|id| *id != issuer).nth(1)?;
    Some((next.to_owned(), String::new()))
}
