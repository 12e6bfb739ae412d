//! Restoring a backup into an empty, closed CA: its begin, rows, end and undoing.
//!
//! The operations partition is marked first and opened last. Each step may be repeated.

use super::backups::{FORMAT, MAX_PARTS, check_count, issuers, nonce_key_check, saved, typed};
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request};
use crate::ca::partitions::operations::audit::{AuditFilter, ListAudit};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::copying::CopiedRow;
use crate::ca::runtime::message::{NONCE_SHARDS, PartitionId, ROSTERS};
use crate::ca::runtime::ports::Ports;
use crate::ca::runtime::restoring::{
    EndRestore, ImportRows, MarkRestore, RestoreState, ShowRestore, UndoRestore, ending, occupied, other,
};
use crate::records::Problem;
use crate::records::operations::audit::{Event, Outcome};
use crate::records::operations::restore::{RestoreRecord, WholeRestore};
use crate::values::quote::quote;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a backup says of itself.
#[derive(Deserialize)]
struct Head {
    format: u64,
    id: String,
    version: String,
    base_url: String,
    issuers: Vec<String>,
    nonce_key: String,
}

/// A request to begin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    backup: Value,
    #[serde(default)]
    other_nonce_key: bool,
}

/// A request with rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    backup: String,
    line: u64,
    parts: Vec<Part>,
}

/// Rows of a partition.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    partition: String,
    rows: Vec<CopiedRow>,
}

/// A request to open or to undo partitions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    backup: String,
    partitions: Vec<String>,
    last: bool,
}

/// Handles GET: how this CA stands for a restore.
///
/// # Errors
/// `serverInternal`.
pub async fn show<P: Ports>(ports: &P) -> Answer {
    let RestoreState { under_way, vacant } = ports.ask(&PartitionId::Operations, &ShowRestore).await?;
    Ok(shown(200, &state(ports, under_way.as_ref(), vacant)))
}

fn state<P: Ports>(ports: &P, under_way: Option<&RestoreRecord>, vacant: bool) -> Value {
    let under_way = under_way.and_then(|mark| Some((mark, mark.whole.as_ref()?))).map(|(mark, whole)| {
        json!({
            "backup": mark.backup, "line": whole.line, "ending": whole.ending, "begun": whole.begun.at.rfc3339(),
            "by": whole.begun.by,
        })
    });
    json!({ "closed": ports.settings().closed, "vacant": vacant, "under_way": under_way })
}

/// Handles POST: begins a restore, or goes on with it.
///
/// # Errors
/// `malformed` with the reason, if the backup is not for this CA, or the CA is open or not empty.
pub async fn begin<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let Begin { backup, other_nonce_key } = typed(request)?;
    let head: Head = serde_json::from_value(backup)
        .map_err(|error| Problem::malformed(format!("backup is not the head of a backup: {error}.")))?;
    check_closed(ports)?;
    check_head(ports, &head, other_nonce_key)?;
    let operations = ports.ask(&PartitionId::Operations, &ShowRestore).await?;
    if let Some(mark) = &operations.under_way {
        check_mark(mark, &head.id)?;
        return Ok(shown(200, &state(ports, Some(mark), false)));
    }
    let ledgers = head.issuers.iter().cloned().chain(issuers(ports)).map(PartitionId::Ledger);
    let fixed = (0..ROSTERS).map(PartitionId::Roster).chain([PartitionId::Compromised]).chain(ledgers);
    for id in fixed {
        let found = ports.ask(&id, &ShowRestore).await?;
        if !found.vacant {
            return Err(occupied(&id));
        }
    }
    let whole = WholeRestore { begun: operator.acts(ports), line: 0, ending: false, replaced: 0 };
    let mark = RestoreRecord { backup: head.id, whole: Some(whole) };
    ports.ask(&PartitionId::Operations, &MarkRestore(mark.clone())).await?;
    Ok(shown(200, &state(ports, Some(&mark), false)))
}

fn check_closed<P: Ports>(ports: &P) -> Result<(), Problem> {
    if ports.settings().closed {
        return Ok(());
    }
    Err(Problem::malformed(
        "This CA serves clients, and a restore is for a closed one: set CLOSED to \"true\" and start or deploy it again first.",
    ))
}

/// Checks that a backup is of this CA, and can be read here.
fn check_head<P: Ports>(ports: &P, head: &Head, other_nonce_key: bool) -> Result<(), Problem> {
    let refused =
        |why: String| Err(Problem::malformed(format!("The backup cannot be restored: {why} Nothing was changed.")));
    let version = env!("CARGO_PKG_VERSION");
    if head.format > FORMAT || numbers(&head.version) > numbers(version) {
        let (format, newer) = (head.format, quote(&head.version));
        return refused(format!(
            "it has format {format}, written by version {newer}; this is version {version} with format {FORMAT}. Run that version or a later one."
        ));
    }
    let base = ports.settings().urls.of_path("");
    if head.base_url != base {
        let other = quote(&head.base_url);
        return refused(format!(
            "it is of the CA at {other}, and this is the one at {base}, whose account URLs differ."
        ));
    }
    let known = issuers(ports);
    if let Some(missing) = head.issuers.iter().find(|id| !known.contains(id)) {
        let missing = quote(missing);
        return refused(format!(
            "its issuer {missing} is not configured here, so its certificates could not be revoked. Put back all ISSUER_CHAIN and ISSUER_KEY."
        ));
    }
    let same = ports.settings().nonce_key.all().any(|key| head.nonce_key == nonce_key_check(key));
    if !same && !other_nonce_key {
        return refused(
            "NONCE_KEY is another one here, so operators' external account keys and the calendar's URL would be invalid. Put it \
             back, set it as NONCE_KEY_PREVIOUS, or confirm with --other-nonce-key."
                .to_owned(),
        );
    }
    Ok(())
}

/// The numbers of a version, for comparison.
fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
}

fn check_mark(mark: &RestoreRecord, backup: &str) -> Result<(), Problem> {
    if mark.backup == backup { Ok(()) } else { Err(other(mark)) }
}

/// Returns the restore of this backup that is under way.
async fn under_way<P: Ports>(ports: &P, backup: &str) -> Result<(RestoreRecord, WholeRestore), Problem> {
    check_closed(ports)?;
    let found = ports.ask(&PartitionId::Operations, &ShowRestore).await?.under_way;
    let none = || Problem::malformed("No restore is under way here; begin one by POST to /admin/v1/restoration.");
    let mark = found.ok_or_else(none)?;
    check_mark(&mark, backup)?;
    let whole = mark.whole.clone().ok_or_else(none)?;
    Ok((mark, whole))
}

/// Returns whether the last step of this restore is done already. Its answer was lost.
async fn is_done<P: Ports>(ports: &P, step: &str, backup: &str) -> Result<bool, Problem> {
    let filter = AuditFilter { what: Some(step.to_owned()), ..AuditFilter::default() };
    let page = ports.ask(&OperationsAt, &ListAudit { before: None, limit: 1, filter }).await?;
    let target = target(backup);
    let has = |entry: &Value, name: &str, text: &str| entry.get(name).and_then(Value::as_str) == Some(text);
    Ok(page.entries.first().is_some_and(|entry| has(entry, "what", step) && has(entry, "target", &target)))
}

/// Returns whether this CA is closed and has nothing. Then the undoing of a restore has nothing left but its audit entry.
async fn is_empty<P: Ports>(ports: &P) -> Result<bool, Problem> {
    let found = ports.ask(&PartitionId::Operations, &ShowRestore).await?;
    Ok(ports.settings().closed && found.under_way.is_none() && found.vacant)
}

/// The target of an entry of the audit record.
fn target(backup: &str) -> String {
    format!("backup {backup}")
}

/// Handles POST: imports rows.
///
/// # Errors
/// `malformed` for a wrong body or without a restore of this backup; `serverInternal` when a partition does not answer.
pub async fn rows<P: Ports>(ports: &P, request: &Request) -> Answer {
    let Rows { backup, line, parts } = typed(request)?;
    check_count(parts.len())?;
    let (mark, whole) = under_way(ports, &backup).await?;
    if whole.ending {
        return Err(Problem::malformed("All rows of this backup are imported already; go on with the end."));
    }
    for Part { partition, rows } in parts {
        ports.ask(&saved(&partition)?, &ImportRows { backup: backup.clone(), rows }).await?;
    }
    let mark = RestoreRecord { whole: Some(WholeRestore { line: line.max(whole.line), ..whole }), ..mark };
    ports.ask(&PartitionId::Operations, &MarkRestore(mark.clone())).await?;
    Ok(shown(200, &state(ports, Some(&mark), false)))
}

/// Handles POST: opens partitions; at last those of nonces, and that of the operators.
///
/// # Errors
/// As [`rows`].
pub async fn end<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let Named { backup, partitions, last } = typed(request)?;
    check_count(partitions.len())?;
    let (mark, whole) = match under_way(ports, &backup).await {
        Err(_) if last && ports.settings().closed && is_done(ports, "restore", &backup).await? => {
            return Ok(shown(200, &json!({ "complete": last })));
        }
        found => found?,
    };
    if !whole.ending {
        let whole = WholeRestore { ending: true, ..whole.clone() };
        ports.ask(&PartitionId::Operations, &MarkRestore(RestoreRecord { whole: Some(whole), ..mark })).await?;
    }
    let opened = EndRestore { backup, event: None };
    for partition in partitions {
        let id = saved(&partition)?;
        if id != PartitionId::Operations {
            ports.ask(&id, &opened).await?;
        }
    }
    if last {
        for shard in 0..NONCE_SHARDS {
            ports.ask(&PartitionId::Nonce(shard), &opened).await?;
        }
        let replaced = match whole.replaced {
            0 => String::new(),
            n => format!("; it replaced {n} entries of this record"),
        };
        let detail = format!("begun at {} by {}{replaced}", whole.begun.at.rfc3339(), whole.begun.by);
        let event = event(ports, (operator, request), "restore", &opened.backup, detail);
        ports.ask(&PartitionId::Operations, &EndRestore { event: Some(event), ..opened }).await?;
        ports.memory().forget_policies();
    }
    Ok(shown(200, &json!({ "complete": last })))
}

/// Handles POST: deletes what a restore imported; at last the mark of the operations partition.
///
/// # Errors
/// As [`rows`]; `malformed` once partitions are being opened.
pub async fn undo<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let Named { backup, partitions, last } = typed(request)?;
    check_count(partitions.len())?;
    let begun = match under_way(ports, &backup).await {
        Ok((_, whole)) if whole.ending => return Err(ending()),
        Ok((_, whole)) => format!("begun at {} by {}", whole.begun.at.rfc3339(), whole.begun.by),
        Err(_) if last && is_empty(ports).await? => {
            if is_done(ports, "restore.undo", &backup).await? {
                return Ok(shown(200, &json!({ "complete": last })));
            }
            "interrupted when all was deleted".to_owned()
        }
        Err(problem) => return Err(problem),
    };
    let undo = UndoRestore { backup, event: None };
    for partition in partitions {
        let id = saved(&partition)?;
        if id != PartitionId::Operations {
            ports.ask(&id, &undo).await?;
        }
    }
    if last {
        let event = event(ports, (operator, request), "restore.undo", &undo.backup, begun);
        ports.ask(&PartitionId::Operations, &UndoRestore { event: Some(event), ..undo }).await?;
    }
    Ok(shown(200, &json!({ "complete": last })))
}

/// The entry of the audit record about a restore. It has only one, for the record is itself restored.
fn event<P: Ports>(
    ports: &P,
    (operator, request): (&Operator, &Request),
    what: &str,
    backup: &str,
    detail: String,
) -> Event {
    let target = Some(target(backup));
    Event { target, outcome: Outcome::Done, detail: Some(detail), ..operator.event(ports, request, what) }
}

const _: () = assert!(MAX_PARTS + NONCE_SHARDS as usize + 5 < 50);
