//! The calendar as it is fetched. The last part of its URL is a MAC, the only authentication.

use super::calendar::events::{Deadline, Ending, IssuerDay, Revoked, Turn, deadline, ending, issuer_day, revoked};
use super::calendar::{Event, MAX_EVENTS};
use super::{calendar, notices};
use crate::ca::config::settings::Settings;
use crate::ca::health::operation::TOKEN_TODO;
use crate::ca::http::message::{Answer, Request, Response, unknown_path};
use crate::ca::ledger::expiry_scan::{Candidate, ScanExpiring, ScanPage, dates, is_succeeded, not_renewed_elsewhere};
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::partitions::external_key::{ExternalKeyAt, ShowKey};
use crate::ca::partitions::operations::calendar::CalendarGeneration;
use crate::ca::partitions::operations::external_keys::ListKeys;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::ask::Page;
use crate::ca::runtime::ports::Ports;
use crate::pki::IssuerSlot;
use crate::records::Problem;
use crate::records::ledger::imported::no_owner;
use crate::records::operations::notice::{IssuerTurn, NoticeKind};
use crate::records::operations::proof as proofs;
use crate::values::Time;
use core::time::Duration;
use serde_json::Value;
use std::collections::BTreeSet;
use url::Url;

/// Maximum number of scans of a ledger, each of some thousand certificates, first expiry first.
const MAX_SCANS: usize = 10;

/// Maximum number of pages of external account keys, and of keys on each.
const MAX_KEYS: (usize, usize) = (10, 1000);

/// Maximum number of external account keys that are shown.
const MAX_ENDING_KEYS: usize = 50;

/// Distance from now within which the end of an external account key is shown.
const KEYS_SHOWN: Duration = Duration::from_secs(366 * 86_400);

/// How long a program may cache the calendar, in seconds.
const CACHED: u64 = 900;

/// Returns how often the calendar's URL was replaced; `moved` replaces it once more first.
///
/// # Errors
/// When operations do not answer.
pub async fn generation<P: Ports>(ports: &P, moved: bool) -> Result<u64, Problem> {
    ports.ask(&OperationsAt, &CalendarGeneration { moved }).await
}

/// Returns the proof in the calendar's URL.
pub fn proof(settings: &Settings, generation: u64) -> String {
    proofs::calendar(&settings.nonce_key, generation)
}

/// Handles GET of the calendar.
///
/// # Errors
/// 404, as for any unknown path, for a proof that is wrong or was replaced; when a partition does not answer.
pub async fn show<P: Ports>(ports: &P, request: &Request, sent: &str) -> Answer {
    let settings = ports.settings();
    // A made-up proof is refused without a call. A replaced one costs one call a minute.
    let moved = settings.nonce_key.all().find_map(|key| proofs::calendar_moved(key, sent)).ok_or_else(unknown_path)?;
    let (name, now) = (format!("calendar/{moved}"), ports.now());
    if ports.memory().is_absent(&name, now) {
        return Err(unknown_path());
    }
    if moved != generation(ports, false).await? {
        ports.memory().keep_absent(name, now);
        return Err(unknown_path());
    }
    let mut events: Vec<Event> = settings.issuers.slots().flat_map(|slot| issuer_days(settings, slot)).collect();
    events.extend(settings.root.as_ref().map(|root| {
        let (id, name, at) = ("root".to_owned(), root.name().to_owned(), root.not_after());
        issuer_day(&IssuerDay { id, name, turn: Turn::RootEnds, at })
    }));
    events.extend(settings.root_list.as_ref().map(|list| {
        let name = settings.root.as_ref().map(|root| root.name().to_owned()).unwrap_or_default();
        issuer_day(&IssuerDay { id: "root".to_owned(), name, turn: Turn::RootListEnds, at: list.list().next_update })
    }));
    events.extend(deadlines(settings, request.endpoint_until).iter().map(deadline));
    events.extend(ending_keys(ports).await?.iter().map(deadline));
    for slot in settings.issuers.slots() {
        events.extend(endings(ports, slot.issuer.id()).await?.iter().map(|one| ending(&shown(one))));
    }
    let mut seen = BTreeSet::new();
    let revocations = notices::newest(ports, MAX_EVENTS).await?;
    let revocations = revocations.iter().filter_map(revocation);
    // The newest revocation of a certificate is in effect.
    events.extend(revocations.filter(|one| seen.insert(one.serial.clone())).map(|one| revoked(&one)));
    let host = Url::parse(&settings.urls.of_path("/")).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = host.unwrap_or_default();
    let text = calendar::write(&format!("Certificates of {host}"), &host, events, ports.now());
    Ok(Response::text(200, "text/calendar; charset=utf-8", text)
        .with("Cache-Control", &format!("private, max-age={CACHED}"))
        .with("X-Content-Type-Options", "nosniff")
        .indexed(&settings.urls))
}

/// Returns the ends of things outside of the CA, its endpoint and admin tokens.
fn deadlines(settings: &Settings, endpoint: Option<Time>) -> Vec<Deadline> {
    let outside = settings.expiry_dates.iter().map(|(thing, at)| {
        let (id, todo) = (thing.name().to_owned(), format!("{}. Then set EXPIRY_DATES.", thing.todo()));
        Deadline { id, thing: thing.what().to_owned(), todo, at: *at }
    });
    let endpoint = endpoint.map(|at| {
        let todo =
            "renew the files of `serve --tls-cert`. `--tls-from-ca` renews by itself, a month before.".to_owned();
        Deadline { id: "serve-endpoint".to_owned(), thing: "the TLS certificate of `serve`".to_owned(), todo, at }
    });
    let tokens = settings.admin.all().iter().filter_map(|token| {
        let (id, thing) = (format!("token-{}", token.name), format!("admin token {}", token.name));
        Some(Deadline { id, thing, todo: format!("{TOKEN_TODO}."), at: token.until? })
    });
    outside.chain(endpoint).chain(tokens).collect()
}

/// Returns the ends of external account keys, the nearest first. Disabled ones are left out.
async fn ending_keys<P: Ports>(ports: &P) -> Result<Vec<Deadline>, Problem> {
    let (now, mut ending, mut after) = (ports.now(), Vec::new(), None);
    for _ in 0..MAX_KEYS.0 {
        let page = ports.ask(&OperationsAt, &ListKeys(Page { after, limit: MAX_KEYS.1 })).await?;
        ending.extend(
            page.ending.into_iter().filter(|(at, _)| *at > now.minus(KEYS_SHOWN) && *at < now.plus(KEYS_SHOWN)),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    ending.sort_by_key(|(at, _)| at.millis().abs_diff(now.millis()));
    ending.truncate(MAX_ENDING_KEYS);
    let mut shown = Vec::new();
    for (at, kid) in ending {
        let key = ports.ask(&ExternalKeyAt(kid.clone()), &ShowKey).await?.record;
        if key.is_some_and(|key| key.disabled.is_none() && key.expires == Some(at)) {
            let todo =
                "create another with `selvedge eab create` where accounts are still to come; those made with it go on.";
            let (id, thing) = (format!("key-{kid}"), format!("external account key {kid}"));
            shown.push(Deadline { id, thing, todo: todo.to_owned(), at });
        }
    }
    Ok(shown)
}

/// Returns this issuer's certificates that expire soon and that no issuer has renewed.
async fn endings<P: Ports>(ports: &P, issuer: &str) -> Result<Vec<Candidate>, Problem> {
    let (ledger, mut all) = (LedgerAt::from(issuer), Vec::new());
    let mut scan = ScanExpiring { at: ports.now(), since: None, after: None };
    for _ in 0..MAX_SCANS {
        let ScanPage { found, after } = ports.ask(&ledger, &scan).await?;
        all.extend(not_renewed_elsewhere(ports, issuer, found).await?);
        scan.after = after;
        if scan.after.is_none() || all.len() >= MAX_EVENTS {
            break;
        }
    }
    Ok(all)
}

fn shown(one: &Candidate) -> Ending {
    let Candidate { serial, names, not_after, account, profile, .. } = one.clone();
    Ending { serial, names, not_after, account: (account != no_owner()).then(|| account.to_string()), profile }
}

/// Returns the revocation that a notice reports; `None` for another kind of notice.
fn revocation(notice: &Value) -> Option<Revoked> {
    let text = |at: &str| notice.pointer(at).and_then(Value::as_str);
    if text("/kind")? != NoticeKind::CertificateRevoked.name() {
        return None;
    }
    let names = notice.pointer("/data/names")?.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned);
    Some(Revoked {
        serial: text("/data/serial")?.to_owned(),
        names: names.collect(),
        at: Time::parse_rfc3339(text("/data/revoked/at")?)?,
        reason: notice.pointer("/data/revoked/reason").and_then(Value::as_u64).and_then(|code| code.try_into().ok()),
    })
}

/// Returns the events of an issuer. The last full-length day is left out if another issuer is active by then.
fn issuer_days(settings: &Settings, slot: &IssuerSlot) -> Vec<Event> {
    let (issuer, dates) = (&slot.issuer, dates(&slot.issuer));
    let day =
        |turn, at| issuer_day(&IssuerDay { id: issuer.id().to_owned(), name: issuer.name().to_owned(), turn, at });
    let full = dates.at(IssuerTurn::LastFullLength);
    let mut days = vec![day(Turn::Ends, dates.at(IssuerTurn::End))];
    if !is_succeeded(settings, issuer, full) {
        days.push(day(Turn::LastFullLength, full));
    }
    if settings.issuers.slots().count() > 1 {
        days.extend(slot.activation().map(|at| day(Turn::TakesOver, at)));
    }
    days
}
