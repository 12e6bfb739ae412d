//! The backups in the bucket `BACKUPS`: their list, and their objects.

use super::audit::{Done, answer_with_audit};
use super::backups::typed;
use super::body::Input;
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request};
use crate::ca::http::operator_routes::is_plain;
use crate::ca::partitions::backups::bucket::Manifest;
use crate::ca::partitions::backups::kind::BackupsAt;
use crate::ca::partitions::backups::list::{BackupsState, ListBackups, ReadBackup, ShowBackups};
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::values::Time;
use crate::values::quote::quote;
use serde::Deserialize;
use serde_json::{Value, json};

/// Maximum length of the name of a backup.
const MAX_NAME: usize = 64;

/// A request for an object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: String,
    #[serde(default)]
    object: Option<u64>,
}

/// Returns the state of the backups as JSON.
pub(super) fn state_shown(state: &BackupsState) -> Value {
    let last = state.last.as_ref().map(|last| {
        json!({
            "name": last.name, "begun": last.begun.rfc3339(), "ended": last.ended.rfc3339(), "octets": last.octets,
        })
    });
    let failed = state
        .failed
        .as_ref()
        .map(|failed| json!({ "begun": failed.begun.rfc3339(), "at": failed.at.rfc3339(), "why": failed.why }));
    json!({
        "since": state.since.rfc3339(), "last": last, "failed": failed,
        "running": state.running.map(Time::rfc3339), "due": state.due.rfc3339(),
    })
}

fn manifest_shown(one: &Manifest) -> Value {
    json!({
        "name": one.name, "id": one.id, "base_url": one.base_url, "version": one.version,
        "begun": one.begun.rfc3339(), "ended": one.ended.rfc3339(), "objects": one.objects, "octets": one.octets,
        "sha256": one.sha256, "partitions": one.partitions,
    })
}

/// Handles GET: the whole backups in the bucket, the newest first.
///
/// # Errors
/// `malformed` for another query; `serverInternal` when the bucket does not answer.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let input = Input::query(request, &["before"])?;
    let before = input.text("before", MAX_NAME)?.map(named).transpose()?;
    let state = ports.ask(&BackupsAt, &ShowBackups).await?;
    let page = ports.ask(&BackupsAt, &ListBackups { before }).await?;
    let next = page.backups.last().filter(|_| page.more).map(|last| last.name.clone());
    Ok(shown(
        200,
        &json!({
            "schedule": state.as_ref().map(state_shown),
            "backups": page.backups.iter().map(manifest_shown).collect::<Vec<_>>(), "next": next,
        }),
    ))
}

fn named(name: &str) -> Result<String, Problem> {
    if name.len() <= MAX_NAME && is_plain(name) {
        return Ok(name.to_owned());
    }
    let shown = quote(name);
    Err(Problem::malformed(format!("{shown} is not the name of a backup, like 2027-01-31T03-00-00Z-1a2b3c4d.")))
}

/// Handles POST: an object of a whole backup, or its manifest. The first one is audited.
///
/// # Errors
/// `malformed` for a wrong body; 404 for no such backup; `serverInternal` when the bucket does not answer.
pub async fn object<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let Wanted { name, object } = typed(request)?;
    let name = named(&name)?;
    if object.is_some() {
        return Ok(shown(200, &json!({ "object": object, "data": read(ports, &name, object).await? })));
    }
    answer_with_audit(ports, (operator, request), ("backup.fetch", Some(&name)), 200, async {
        let manifest: Manifest = serde_json::from_str(&read(ports, &name, None).await?)
            .map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Done::saying(json!({ "manifest": manifest_shown(&manifest) }), name.clone()))
    })
    .await
}

async fn read<P: Ports>(ports: &P, name: &str, object: Option<u64>) -> Result<String, Problem> {
    let found = ports.ask(&BackupsAt, &ReadBackup { name: name.to_owned(), object }).await?;
    found.ok_or_else(|| {
        let what = object.map_or_else(String::new, |n| format!("object {n} of "));
        let detail =
            format!("The bucket does not have {what}a whole backup {name:?}; `selvedge backup list` has them.");
        Problem::malformed(detail).with_status(404)
    })
}
