//! The transparency logs, as files ([tlog-tiles](https://c2sp.org/tlog-tiles)) and proofs.

use crate::ca::config::log::EntryReaders;
use crate::ca::config::settings::Settings;
use crate::ca::documents::log_page;
use crate::ca::documents::log_page::PageLog;
use crate::ca::http::html;
use crate::ca::http::message::{Answer, Body, Request, Response};
use crate::ca::http::permissions::Permission;
use crate::ca::http::routes::LogRoute;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::ledger::log_checkpoint::{CurrentCheckpoint, ProveEntry, shared_key};
use crate::ca::ledger::log_reader::{ReadEntries, ReadTile, ShowLogs, ShownLog};
use crate::ca::operator_api::sign_in;
use crate::ca::runtime::ports::Ports;
use crate::pki::Issuer;
use crate::records::{Kind, Problem};
use crate::tlog::Tile;
use crate::tlog::tile::Resource;
use crate::values::{Time, b64};
use serde_json::{Value, json};

/// For how long caches may keep what a log says of its newest leaves.
const CURRENT: &str = "public, max-age=2";

/// For how long caches may keep a tile: it never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// For how long a reader may keep entries that only operators may read.
const FOREVER_PRIVATE: &str = "private, max-age=31536000, immutable";

/// The media type of texts.
const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a GET of a resource of an issuer's logs.
///
/// # Errors
/// 404 `malformed` for an issuer without a log, and for what no checkpoint covers; 401 or 403 for entries.
pub async fn show<P: Ports>(ports: &P, request: &Request, issuer: &str, route: &LogRoute) -> Answer {
    let settings = ports.settings();
    let issuer = settings.issuers.find(issuer).filter(|_| settings.log.is_some()).ok_or_else(unknown)?;
    let at = LedgerAt::from(issuer.id());
    let response = match route {
        LogRoute::List => list(ports, request, issuer).await?,
        LogRoute::Proof(serial) => {
            let proof = ports.ask(&at, &ProveEntry { serial: serial.hex() }).await?;
            Response::text(200, TEXT, proof.ok_or_else(unlogged)?).with("Cache-Control", CURRENT)
        }
        LogRoute::File(log, Resource::Checkpoint) => {
            let found = ports.ask(&at, &CurrentCheckpoint { log: log.clone() }).await?;
            Response::text(200, TEXT, found.ok_or_else(unknown)?.note).with("Cache-Control", CURRENT)
        }
        LogRoute::File(log, Resource::Hashes(tile)) => {
            let (log, (level, index, width)) = (log.clone(), shape(*tile));
            octets(ports.ask(&at, &ReadTile { log, level, index, width }).await?, FOREVER)?
        }
        LogRoute::File(log, Resource::Entries(tile)) => {
            let control = match readers(settings) {
                EntryReaders::Public => FOREVER,
                EntryReaders::Operators => match admitted(ports, request).await {
                    Ok(()) => FOREVER_PRIVATE,
                    Err(problem) => return Ok(refused(settings, &problem)),
                },
            };
            let (log, (_, index, width)) = (log.clone(), shape(*tile));
            octets(ports.ask(&at, &ReadEntries { log, index, width }).await?, control)?
        }
    };
    Ok(response.indexed(&settings.urls))
}

fn readers(settings: &Settings) -> EntryReaders {
    settings.log.as_ref().map_or(EntryReaders::Operators, |log| log.entries)
}

fn shape(tile: Tile) -> (u8, u64, u16) {
    (tile.level(), tile.index(), tile.width())
}

/// Admits operators that may read.
async fn admitted<P: Ports>(ports: &P, request: &Request) -> Result<(), Problem> {
    let operator = sign_in::operator(ports, request).await?;
    if operator.role.is_some_and(|role| Permission::Read.is_of(role)) {
        return Ok(());
    }
    let detail = "Refused: entries of the log are read with the permission \"read\".";
    Err(Problem::new(Kind::Unauthorized, detail))
}

fn refused(settings: &Settings, problem: &Problem) -> Response {
    let response = Response::problem(problem).with("Cache-Control", "no-store").indexed(&settings.urls);
    match problem.status {
        401 => response.with("WWW-Authenticate", "Bearer realm=\"operations\""),
        _ => response,
    }
}

/// The response with a tile.
fn octets(found: Option<String>, control: &str) -> Answer {
    let broken = || Problem::internal("a tile of the log is broken");
    let octets = b64::decode(&found.ok_or_else(uncovered)?).ok_or_else(broken)?;
    let response = Response { body: Body::Bytes(octets), ..Response::empty(200) };
    Ok(response.with("Content-Type", "application/octet-stream").with("Cache-Control", control))
}

/// The list of an issuer's logs, the oldest first: a page for browsers.
async fn list<P: Ports>(ports: &P, request: &Request, issuer: &Issuer) -> Answer {
    let (settings, logs) = (ports.settings(), ports.ask(&LedgerAt::from(issuer.id()), &ShowLogs).await?);
    let response = if html::is_wanted(request.accept.as_deref()) {
        let logs: Result<Vec<PageLog>, Problem> = logs.iter().map(|log| on_page(settings, issuer, log)).collect();
        html::guarded(log_page::page(settings, issuer, &logs?), html::CONTENT_POLICY)
    } else {
        let logs: Result<Vec<Value>, Problem> = logs.iter().map(|log| shown(settings, issuer.id(), log)).collect();
        Response::json(200, &json!({ "logs": logs? }))
    };
    Ok(response.with("Vary", "Accept").with("Cache-Control", CURRENT))
}

/// The verifier keys of a log. An earlier release of the ledger leaves them to its record.
fn keys_of(log: &ShownLog) -> Result<Vec<String>, Problem> {
    match log.keys.is_empty() {
        true => shared_key(&log.state),
        false => Ok(log.keys.clone()),
    }
}

fn on_page(settings: &Settings, issuer: &Issuer, log: &ShownLog) -> Result<PageLog, Problem> {
    Ok(PageLog {
        url: settings.urls.log(issuer.id(), &log.state.id),
        key: keys_of(log)?.into_iter().next(),
        size: log.size,
        is_closed: log.state.closed.is_some(),
    })
}

fn shown(settings: &Settings, issuer: &str, log: &ShownLog) -> Result<Value, Problem> {
    let ShownLog { state, size, .. } = log;
    Ok(json!({
        "id": state.id,
        "origin": state.origin,
        "url": settings.urls.log(issuer, &state.id),
        "keys": keys_of(log)?,
        "size": size,
        "least": state.least,
        "begun": state.begun.rfc3339(),
        "closed": state.closed.as_ref().map(|closed| Time::rfc3339(closed.at)),
    }))
}

fn unknown() -> Problem {
    Problem::malformed("There is no such transparency log. GET /log/ISSUER lists those of an issuer.").with_status(404)
}

fn unlogged() -> Problem {
    let detail = "No certificate with this serial number is in a transparency log of this issuer.";
    Problem::malformed(detail).with_status(404)
}

fn uncovered() -> Problem {
    let detail = "The log does not have this tile: no checkpoint covers it, or its entries were pruned. GET the checkpoint for \
                  the size of the log.";
    Problem::malformed(detail).with_status(404)
}
