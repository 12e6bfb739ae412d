//! The answers to HTTP requests: add-checkpoint, and what monitors read.

use super::host::{WitnessAt, WitnessHost};
use super::messages::{AddCheckpoint, Outcome, show};
use super::trust::{Unverified, verified};
use crate::ca::config::witness::TrustedLog;
use crate::ca::http::message::{Body, Request, Response};
use crate::ca::runtime::message::{Reply, read_json};
use crate::records::Problem;
use crate::records::witness::WitnessedRecord;
use crate::tlog::checkpoint::CheckpointFault;
use crate::tlog::witness::{SIZE, Submission};
use crate::tlog::{Checkpoint, Note};
use serde::de::DeserializeOwned;

/// The path of the witness, below which all else is.
const PREFIX: &str = "/witness";

/// The path of submissions.
const ADD_CHECKPOINT: &str = "/witness/add-checkpoint";

/// The media type of notes.
const TEXT: &str = "text/plain; charset=utf-8";

/// How long caches may keep a newest checkpoint.
const BRIEFLY: &str = "public, max-age=5";

/// Whether a path is that of a witness, or below it.
pub fn is_for_witness(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers any request to a witness.
pub async fn answer<H: WitnessHost>(host: &H, request: &Request) -> Response {
    let mut response = match (request.method.as_str(), request.path.as_str()) {
        ("POST", ADD_CHECKPOINT) => add(host, request).await,
        (_, ADD_CHECKPOINT) => {
            refusal(405, "add-checkpoint takes a POST (c2sp.org/tlog-witness).").with("Allow", "POST")
        }
        ("GET" | "HEAD", path) => read(host, path).await,
        (_, path) if is_for_witness(path) => refusal(405, "Only GET reads here.").with("Allow", "GET, HEAD"),
        _ => nothing(),
    };
    if request.method == "HEAD" {
        response.body = Body::Text(String::new());
    }
    response
}

/// Returns the answer while the configuration is unusable.
pub fn unusable() -> Response {
    refusal(503, "This witness is not configured correctly; its log says what is wrong.").retry_after(60)
}

fn refusal(status: u16, sentence: &str) -> Response {
    Response::text(status, TEXT, format!("{sentence}\n")).with("Cache-Control", "no-store")
}

fn nothing() -> Response {
    refusal(404, "There is nothing at this URL: this is a witness, with its verifier key at /witness.")
}

/// Answers a submission.
async fn add<H: WitnessHost>(host: &H, request: &Request) -> Response {
    let Some(body) = &request.body else { return refusal(413, "The body is larger than any checkpoint with a proof.") };
    let submission = match Submission::parse(body) {
        Ok(submission) => submission,
        Err(fault) => return refusal(400, &format!("The body cannot be read: {fault}.")),
    };
    let note = match Note::parse(submission.note) {
        Ok(note) => note,
        Err(fault) => return refusal(400, &format!("The checkpoint cannot be read: {fault}.")),
    };
    let checkpoint = match Checkpoint::parse(note.text()) {
        Ok(checkpoint) => checkpoint,
        Err(CheckpointFault::Empty) => return refusal(422, "The tree is empty, and its root is another one."),
        Err(fault) => return refusal(400, &format!("The checkpoint cannot be read: {fault}.")),
    };
    let Some(log) = host.witness().log(&checkpoint.origin) else {
        return refusal(
            404,
            "This witness does not know a log with this origin; its operator adds logs to WITNESS_LOGS.",
        );
    };
    let signatures = match verified(host, log, &checkpoint, &note).await {
        Ok(signatures) => signatures,
        Err(Unverified::Refused(why)) => return refusal(403, why),
        Err(Unverified::Failed(failure)) => return failed(host, &failure.into()),
    };
    if submission.old > checkpoint.size {
        return refusal(400, "The old size is larger than the checkpoint's.");
    }
    let Submission { old, proof, .. } = submission;
    let ask = AddCheckpoint { old, proof, text: note.text().to_owned(), signatures };
    match asked(host, log, &ask).await {
        Ok(Outcome::Cosigned(line)) => Response::text(200, TEXT, line).with("Cache-Control", "no-store"),
        Ok(Outcome::Conflict(size)) => Response::text(409, SIZE, format!("{size}\n")).with("Cache-Control", "no-store"),
        Ok(Outcome::Inconsistent(why)) => refusal(422, &why),
        Err(problem) => failed(host, &problem),
    }
}

/// Answers a reader.
async fn read<H: WitnessHost>(host: &H, path: &str) -> Response {
    if path == PREFIX {
        return Response::text(200, TEXT, format!("{}\n", host.witness().vkey)).with("Cache-Control", BRIEFLY);
    }
    let hash = path.strip_prefix("/witness/").and_then(|rest| rest.strip_suffix("/checkpoint"));
    let log = hash.and_then(|hash| host.witness().logs.iter().find(|log| WitnessAt::of(&log.origin).hash() == hash));
    let Some(log) = log else { return nothing() };
    match newest(host, log).await {
        Ok(Some(record)) => Response::text(200, TEXT, record.note()).with("Cache-Control", BRIEFLY),
        Ok(None) => refusal(404, "This witness has not cosigned a checkpoint of this log yet."),
        Err(problem) => failed(host, &problem),
    }
}

async fn newest<H: WitnessHost>(host: &H, log: &TrustedLog) -> Result<Option<WitnessedRecord>, Problem> {
    answered(host.call(&WitnessAt::of(&log.origin), &show()?).await?)
}

async fn asked<H: WitnessHost>(host: &H, log: &TrustedLog, ask: &AddCheckpoint) -> Result<Outcome, Problem> {
    answered(host.call(&WitnessAt::of(&log.origin), &ask.message()?).await?)
}

fn answered<T: DeserializeOwned>(reply: Reply) -> Result<T, Problem> {
    match reply {
        Reply::Answer(json) => read_json(&json),
        Reply::Refused(problem) => Err(*problem),
    }
}

fn failed<H: WitnessHost>(host: &H, problem: &Problem) -> Response {
    host.log(problem.log.as_deref().unwrap_or(&problem.detail));
    refusal(503, "The witness could not do its work; try again.").retry_after(problem.retry_after.unwrap_or(5).into())
}
