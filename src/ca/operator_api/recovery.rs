//! Point-in-time recovery of a partition: its steps, each of which may be repeated.
//!
//! The client holds the rows of before, and a token that says which recovery they are of. The audit record has its begin,
//! with both bookmarks, and its end.

use super::audit::note;
use super::backups::{saved, typed};
use super::operator::Operator;
use super::state::shown;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::carrying::rules;
use crate::ca::runtime::copying::{CopiedRow, CopyRows, Reached};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::Ports;
use crate::ca::runtime::recovering::{
    Bookmarks, CarryRows, CopyHeld, GoTo, HoldPartition, HoldRecovered, ShowRecovery, Stage,
};
use crate::ca::runtime::restoring::{EndRestore, ShowRestore};
use crate::records::Problem;
use crate::records::acme::nonce::derived;
use crate::records::operations::audit::{Event, Outcome};
use crate::records::operations::proof::same_secret;
use crate::values::{Time, b64};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Size at which a page takes no further row, in octets.
const PAGE: usize = 512 * 1024;

/// Label of the tokens of recoveries.
const TOKEN_LABEL: &[u8] = b"selvedge recovery v1\0";

/// A step, with the members that it needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    step: String,
    partition: Option<String>,
    at: Option<String>,
    recovery: Option<Recovery>,
    token: Option<String>,
    reached: Option<Reached>,
    #[serde(default)]
    rows: Vec<CopiedRow>,
    #[serde(default)]
    last: bool,
    #[serde(default)]
    carried: u64,
}

/// A recovery under way, as the client holds it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovery {
    id: String,
    partition: String,
    at: Time,
    to: String,
    undo: String,
}

/// Handles POST: a step.
///
/// # Errors
/// `malformed` with the reason: an open CA, a platform without bookmarks, a step out of order; `serverInternal` when the
/// partition does not answer, after which the step may be repeated.
pub async fn step<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let sent: Sent = typed(request)?;
    if !ports.settings().closed {
        return Err(Problem::malformed(
            "This CA serves clients, and a recovery is for a closed one: set CLOSED to \"true\" and deploy it again first.",
        ));
    }
    let who = (operator, request);
    if sent.step == "begin" {
        let (Some(partition), Some(at)) = (&sent.partition, &sent.at) else {
            return Err(Problem::malformed("The step \"begin\" needs partition and at."));
        };
        return apart(begin(ports, who, partition, at)).await;
    }
    let (Some(recovery), Some(token)) = (&sent.recovery, &sent.token) else {
        return Err(Problem::malformed("Each step but \"begin\" needs recovery and token, which that answers."));
    };
    let id = known(ports, recovery, token)?;
    match sent.step.as_str() {
        "rows" => {
            let rows = CopyRows { reached: sent.reached, octets: PAGE };
            let page = ports.ask(&id, &CopyHeld { recovery: recovery.id.clone(), rows }).await?;
            let text = serde_json::to_string(&page).map_err(|error| Problem::internal(error.to_string()))?;
            Ok(Response::text(200, "application/json", text))
        }
        "back" => apart(back(ports, &id, recovery)).await,
        "carry" => {
            let (rows, last) = (sent.rows, sent.last);
            ports.ask(&id, &CarryRows { recovery: recovery.id.clone(), rows, last }).await?;
            Ok(shown(200, &json!({})))
        }
        "end" => {
            let done = ("recovery", format!("{} rows of before were sent", sent.carried));
            apart(open(ports, who, (&id, recovery), Stage::Carried, done)).await
        }
        "undo" => apart(undo(ports, who, &id, recovery)).await,
        _ => Err(Problem::malformed("step has to be begin, rows, back, carry, end or undo.")),
    }
}

/// Holds a partition, with an entry in the audit record before it.
async fn begin<P: Ports>(ports: &P, who: (&Operator, &Request), partition: &str, at: &str) -> Answer {
    let id = saved(partition)?;
    let at = Time::parse_rfc3339(at).filter(|at| *at < ports.now());
    let Some(at) = at else {
        return Err(Problem::malformed("at has to be a time in the past, like 2027-01-31T12:00:00Z."));
    };
    let recovery = b64::encode(&ports.random::<12>()?);
    let event =
        event(ports, who, "recovery.begin", partition, Outcome::Attempted, format!("{recovery}, to {}", at.rfc3339()));
    // Operations that an earlier recovery holds have its begin already.
    let held = id == PartitionId::Operations && ports.ask(&id, &ShowRestore).await?.under_way.is_some();
    if !held {
        note(ports, event).await?;
    }
    let Bookmarks { to, undo } = ports.ask(&id, &HoldPartition { recovery: recovery.clone(), at }).await?;
    let recovery = Recovery { id: recovery, partition: partition.to_owned(), at, to, undo };
    let rules: Vec<_> = rules(&id)
        .unwrap_or_default()
        .iter()
        .map(|(name, rule)| json!({ "family": name, "effect": rule.effect() }))
        .collect();
    Ok(shown(201, &json!({ "recovery": recovery, "token": token(ports, &recovery)?, "families": rules })))
}

/// Takes a partition back, and marks it again at once.
async fn back<P: Ports>(ports: &P, id: &PartitionId, recovery: &Recovery) -> Answer {
    match stage_of(ports, id, recovery).await? {
        Some(Stage::Carried) => return Err(out_of_order()),
        Some(Stage::Held) => {
            let went = go_to(ports, id, recovery, &recovery.to).await;
            if stage_of(ports, id, recovery).await? == Some(Stage::Held) {
                return Err(went.err().unwrap_or_else(|| stayed(id)));
            }
        }
        // Without a mark it went back already.
        Some(Stage::Back) | None => {}
    }
    ports.ask(id, &HoldRecovered { recovery: recovery.id.clone() }).await?;
    forget(ports, id);
    Ok(shown(200, &json!({})))
}

/// Sends a partition to a bookmark. Its end takes the reply with it, so the state of the partition is what counts.
async fn go_to<P: Ports>(ports: &P, id: &PartitionId, recovery: &Recovery, bookmark: &str) -> Result<(), Problem> {
    ports.ask(id, &GoTo { recovery: recovery.id.clone(), bookmark: bookmark.to_owned() }).await
}

/// The failure of a platform that did not go to a bookmark.
fn stayed(id: &PartitionId) -> Problem {
    Problem::internal(format!("{} did not go to the bookmark", id.name()))
}

/// Goes to the state of before, and opens the partition.
async fn undo<P: Ports>(ports: &P, who: (&Operator, &Request), id: &PartitionId, recovery: &Recovery) -> Answer {
    let stage = match stage_of(ports, id, recovery).await? {
        // It went back, and nothing was done since.
        None => {
            ports.ask(id, &HoldRecovered { recovery: recovery.id.clone() }).await?;
            Stage::Back
        }
        Some(stage) => stage,
    };
    if stage != Stage::Held {
        let went = go_to(ports, id, recovery, &recovery.undo).await;
        if stage_of(ports, id, recovery).await? != Some(Stage::Held) {
            return Err(went.err().unwrap_or_else(|| stayed(id)));
        }
    }
    forget(ports, id);
    open(ports, who, (id, recovery), Stage::Held, ("recovery.undo", "as it was before".to_owned())).await
}

/// Opens a partition, with an entry in the audit record.
async fn open<P: Ports>(
    ports: &P,
    who: (&Operator, &Request),
    (id, recovery): (&PartitionId, &Recovery),
    stage: Stage,
    (what, detail): (&str, String),
) -> Answer {
    match stage_of(ports, id, recovery).await? {
        Some(found) if found == stage => {}
        // It is open already, and the answer was lost.
        None if ports.ask(id, &ShowRecovery).await?.as_ref() == Some(&recovery.id) => return Ok(complete()),
        _ => return Err(out_of_order()),
    }
    let detail = format!("{}, to {}; {detail}", recovery.id, recovery.at.rfc3339());
    let event = event(ports, who, what, &recovery.partition, Outcome::Done, detail);
    let operations = *id == PartitionId::Operations;
    let opened = EndRestore { backup: stage.mark(&recovery.id), event: operations.then(|| event.clone()) };
    // Before it, so that no opened partition lacks it.
    if !operations {
        note(ports, event).await?;
    }
    ports.ask(id, &opened).await?;
    forget(ports, id);
    Ok(complete())
}

fn complete() -> Response {
    shown(200, &json!({ "complete": true }))
}

fn event<P: Ports>(
    ports: &P,
    (operator, request): (&Operator, &Request),
    what: &str,
    partition: &str,
    outcome: Outcome,
    detail: String,
) -> Event {
    let (target, detail) = (Some(partition.to_owned()), Some(detail));
    Event { target, outcome, detail, ..operator.event(ports, request, what) }
}

/// The refusal of a step for which the partition is in another state.
fn out_of_order() -> Problem {
    Problem::malformed("This step of the recovery is for another state of the partition: it is open, or further on.")
}

/// Returns the state of a partition in a recovery; `None` for one without a mark.
async fn stage_of<P: Ports>(ports: &P, id: &PartitionId, recovery: &Recovery) -> Result<Option<Stage>, Problem> {
    let Some(mark) = ports.ask(id, &ShowRestore).await?.under_way else { return Ok(None) };
    Stage::of(&mark.backup, &recovery.id).map(Some).ok_or_else(out_of_order)
}

fn forget<P: Ports>(ports: &P, id: &PartitionId) {
    if *id == PartitionId::Operations {
        ports.memory().forget_policies();
    }
}

/// Returns the partition of a recovery that was begun here.
fn known<P: Ports>(ports: &P, recovery: &Recovery, sent: &str) -> Result<PartitionId, Problem> {
    if !same_secret(&ports.settings().nonce_key, sent, &token(ports, recovery)?) {
        return Err(Problem::malformed("token is not that of this recovery; begin one by the step \"begin\"."));
    }
    saved(&recovery.partition)
}

/// Returns the token of a recovery. It shows that its begin is in the audit record.
fn token<P: Ports>(ports: &P, recovery: &Recovery) -> Result<String, Problem> {
    let text = serde_json::to_string(recovery).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(b64::encode(&derived(&ports.settings().nonce_key, TOKEN_LABEL, text.as_bytes())))
}
