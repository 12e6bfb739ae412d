//! Backups: their begin, which is audited, and the rows of partitions, page by page.
//!
//! A page has rows of as many partitions as fit. The client names the partitions: rosters list the accounts, issuers the
//! ledgers, the operations partition the external account keys.

use super::audit::{Done, answer_with_audit};
use super::body;
use super::body::Input;
use super::operator::Operator;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::partitions::backups::head::head;
pub use crate::ca::partitions::backups::head::{FORMAT, MAX_PARTS, issuers, nonce_key_check};
use crate::ca::runtime::copying::{CopiedRow, CopiedRows, CopyRows, Reached};
use crate::ca::runtime::message::{InBackup, PartitionId};
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::acme::nonce::derived;
use crate::records::operations::proof::same_secret;
use crate::values::{Time, b64};
use core::time::Duration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Size at which a page takes no further row, in octets.
const PAGE: usize = 1024 * 1024;

/// How long a backup may take.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// Label of the tokens of backups.
const TOKEN_LABEL: &[u8] = b"selvedge backup v1\0";

/// A request for rows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    token: String,
    parts: Vec<WantedPart>,
}

/// A partition whose next rows are wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedPart {
    partition: String,
    #[serde(default)]
    reached: Option<Reached>,
}

/// Rows of a partition.
#[derive(Serialize)]
struct Part {
    partition: String,
    #[serde(flatten)]
    page: CopiedRows,
}

/// Handles POST: begins a backup.
///
/// # Errors
/// `malformed` for a body with members; `serverInternal`.
pub async fn begin<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let members = Input::body(request, &[]);
    answer_with_audit(ports, (operator, request), ("backup.begin", None), 201, async {
        members?;
        let (settings, now) = (ports.settings(), ports.now());
        let id = b64::encode(&ports.random::<16>()?);
        let head = head(ports, &id, now);
        let value = json!({ "backup": head, "token": token(&settings.nonce_key, &format!("{id}.{}", now.millis())) });
        Ok(Done::saying(value, format!("backup {id}")))
    })
    .await
}

/// Returns the token of a backup. It shows that its begin is in the audit record.
fn token(key: &[u8; 32], begun: &str) -> String {
    format!("{begun}.{}", b64::encode(&derived(key, TOKEN_LABEL, begun.as_bytes())))
}

fn check_token<P: Ports>(ports: &P, sent: &str) -> Result<(), Problem> {
    let begun = sent.rsplit_once('.').map_or("", |(begun, _)| begun);
    let at = begun.rsplit_once('.').and_then(|(_, at)| at.parse().ok()).map(Time::from_millis);
    let known = ports.settings().nonce_key.all().any(|key| same_secret(key, sent, &token(key, begun)));
    match at {
        Some(at) if known && ports.now() < at.plus(LIFETIME) => Ok(()),
        _ => Err(Problem::malformed(
            "token is not that of a backup begun here within seven days; begin one by POST to /admin/v1/backups.",
        )),
    }
}

/// Handles POST: the next rows of some partitions, as many as fit. Partitions that did not fit are left out.
///
/// # Errors
/// `malformed` for a wrong body; `serverInternal` when a partition does not answer.
pub async fn rows<P: Ports>(ports: &P, request: &Request) -> Answer {
    let wanted: Wanted = typed(request)?;
    check_token(ports, &wanted.token)?;
    check_count(wanted.parts.len())?;
    let (mut parts, mut room) = (Vec::new(), PAGE);
    for WantedPart { partition, reached } in wanted.parts {
        let id = saved(&partition)?;
        if room == 0 {
            break;
        }
        let page = ports.ask(&id, &CopyRows { reached, octets: room }).await?;
        room = room.saturating_sub(page.rows.iter().map(CopiedRow::octets).sum());
        parts.push(Part { partition, page });
    }
    #[derive(Serialize)]
    struct Page {
        parts: Vec<Part>,
    }
    let text = serde_json::to_string(&Page { parts }).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Response::text(200, "application/json", text))
}

/// Returns the partition of this name, if backups have its rows.
///
/// # Errors
/// `malformed` for another name.
pub fn saved(name: &str) -> Result<PartitionId, Problem> {
    let id = PartitionId::parse(name).filter(|id| id.backup() == InBackup::Saved && id.name() == name);
    id.ok_or_else(|| {
        let shown = crate::values::quote::quote(name);
        Problem::malformed(format!(
            "{shown} is not the name of a partition that backups have, like account/ID or ledger/ISSUER."
        ))
    })
}

/// Checks the number of partitions in a request.
///
/// # Errors
/// `malformed` for too many.
pub fn check_count(count: usize) -> Result<(), Problem> {
    if count <= MAX_PARTS {
        return Ok(());
    }
    Err(Problem::malformed(format!("The request has {count} partitions; send at most {MAX_PARTS} at once.")))
}

/// Reads a body of fixed members.
///
/// # Errors
/// As [`body::text`]; `malformed`, with the fault.
pub fn typed<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    let text = body::text(request)?;
    Input::query(request, &[])?;
    serde_json::from_str(text).map_err(|error| {
        let error = error.to_string();
        let fault = crate::values::quote::excerpt(&error);
        Problem::malformed(format!("The body is not as docs/openapi.json has it: {fault}."))
    })
}
