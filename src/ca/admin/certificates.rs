//! The inventory as operators see it: certificates of all issuers, found, shown, downloaded, revoked.

use super::audit::{Done, audited_answer};
use super::body::{Members, Query as Sent, cut};
use super::operation::{Operation, Query, Standing};
use super::operator::Operator;
use super::state::{ask, ask_for, not_found, shown};
use crate::acme::inventory::{Selection, parse_ending};
use crate::acme::ledger::check_reason;
use crate::acme::{Kind, Problem};
use crate::ca::compromise;
use crate::ca::http::{Answer, Request, Response};
use crate::ca::ladder;
use crate::ca::message::{Message, Partition, Reply, Requester, RevocationRequest};
use crate::ca::ports::Ports;
use crate::pki::{Serial, certificate, pem, profile};
use crate::policy::Pattern;
use crate::values::Id;
use serde_json::{Value, json};

/// The most certificates of a page, and how many there are when nothing is said.
const MOST: usize = 200;
const USUAL: usize = 50;

/// The longest text that is searched for, in characters.
const MAX_TEXT: usize = 100;

/// What may stand in the query.
const KNOWN: &[&str] = &[
    "q",
    "name",
    "serial",
    "account",
    "profile",
    "issuer",
    "status",
    "ends_after",
    "ends_before",
    "format",
    "cursor",
    "limit",
];

/// GET of the list.
///
/// # Errors
/// `malformed` for a query that is wrong.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let sent = Sent::read(request, KNOWN)?;
    let csv = sent.parsed("format", "\"json\" or \"csv\"", |text| match text {
        "json" => Some(false),
        "csv" => Some(true),
        _ => None,
    })?;
    let query = query(ports, &sent)?;
    let page = search(ports, &query).await?;
    if csv == Some(true) {
        let response = Response::text(200, "text/csv; charset=utf-8", super::csv::table(&page.certificates));
        let response = response.with("Content-Disposition", "attachment; filename=\"certificates.csv\"");
        // In a table there is no room for it.
        return Ok(page.next.iter().fold(response, |response, next| response.with("Selvedge-Next", next)));
    }
    let Found { certificates, next, complete } = page;
    Ok(shown(200, &json!({ "certificates": certificates, "next": next, "complete": complete })))
}

/// What is looked for.
fn query<P: Ports>(ports: &P, sent: &Sent) -> Result<Query, Problem> {
    let settings = ports.settings();
    let standing = sent.parsed("status", "current, valid, revoked, expired or all", |text| {
        serde_json::from_value::<Standing>(text.into()).ok()
    })?;
    let text = sent.parsed("q", "at most 100 characters long", |text| {
        (text.chars().count() <= MAX_TEXT).then(|| text.to_owned())
    })?;
    let after = sent.parsed("cursor", "the next of the page before", |text| {
        let (_, serial) = parse_ending(text)?;
        Serial::from_hex(serial).map(|_| text.to_owned())
    })?;
    let serial = sent.parsed("serial", "a serial number in hex", |text| {
        Serial::from_hex(&text.to_ascii_lowercase().replace(':', "")).map(|serial| serial.hex())
    })?;
    let selection = Selection {
        issuer: sent.parsed("issuer", "the id of an issuer of this CA", |text| {
            settings.issuers.find(text).map(|issuer| issuer.id().to_owned())
        })?,
        profile: sent
            .parsed("profile", "a profile of this CA", |text| profile::find(text).map(|p| p.name.to_owned()))?,
        account: sent.parsed("account", "the id of an account", Id::parse)?,
        name: pattern(sent.get("name"))?,
    };
    Ok(Query {
        text: text.map(|text| text.to_lowercase()),
        serial,
        selection,
        standing: standing.unwrap_or_default(),
        ends_after: sent.time("ends_after")?,
        ends_before: sent.time("ends_before")?,
        after,
        limit: sent.limit(MOST, USUAL)?,
    })
}

/// A pattern of names.
///
/// # Errors
/// `malformed`.
pub fn pattern(text: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match Pattern::parse(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(why) => Err(Problem::malformed(format!("name is {:?}, which {why}.", cut(text)))),
    }
}

/// A page of what was found.
pub struct Found {
    /// As they are shown.
    pub certificates: Vec<Value>,
    /// Where it goes on; `None` when that was all.
    pub next: Option<String>,
    /// Whether the page is full, or nothing is left; else it stopped early.
    pub complete: bool,
}

/// What a ledger answers.
#[derive(serde::Deserialize)]
struct Part {
    found: Vec<One>,
    reached: String,
    complete: bool,
}

#[derive(serde::Deserialize)]
struct One {
    id: String,
    shown: Value,
}

/// Looks for certificates in the ledgers of all issuers, and puts them in one order.
///
/// # Errors
/// When a ledger does not answer.
pub async fn search<P: Ports>(ports: &P, query: &Query) -> Result<Found, Problem> {
    let settings = ports.settings();
    let wanted = |id: &str| query.selection.issuer.as_deref().is_none_or(|issuer| issuer == id);
    let (mut all, mut bound) = (Vec::new(), None::<String>);
    for issuer in settings.issuers.slots().map(|slot| slot.issuer.id()).filter(|id| wanted(id)) {
        let operation = Operation::Search(Box::new(query.clone()));
        let part: Part = ask_for(ports, &Partition::Ledger(issuer.to_owned()), operation).await?;
        all.extend(part.found);
        if !part.complete {
            // What lies behind this is not known of this ledger.
            bound = Some(bound.map_or(part.reached.clone(), |bound| bound.min(part.reached)));
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(bound) = &bound {
        all.retain(|one| one.id <= *bound);
    }
    let full = all.len() >= query.limit;
    let cut = all.len() > query.limit;
    all.truncate(query.limit);
    let last = all.last().map(|one| one.id.clone()).filter(|_| full);
    let next = if cut { last } else { last.filter(|_| bound.is_some()).or(bound) };
    let complete = full || next.is_none();
    Ok(Found { certificates: all.into_iter().map(|one| one.shown).collect(), next, complete })
}

/// What a ledger has of a certificate.
#[derive(serde::Deserialize)]
pub struct Entry {
    /// As it is shown.
    pub shown: Value,
    tbs_digest: String,
    /// The account that it was issued to.
    pub account: Id,
    #[serde(skip)]
    issuer: String,
}

/// The certificate of this serial number, whichever issuer's it is.
///
/// # Errors
/// 404 for one that was not issued here; when a ledger does not answer.
pub async fn entry<P: Ports>(ports: &P, serial: &Serial) -> Result<Entry, Problem> {
    for slot in ports.settings().issuers.slots() {
        let ledger = Partition::Ledger(slot.issuer.id().to_owned());
        let found: Option<Entry> = ask_for(ports, &ledger, Operation::ShowEntry { serial: serial.hex() }).await?;
        if let Some(entry) = found {
            return Ok(Entry { issuer: slot.issuer.id().to_owned(), ..entry });
        }
    }
    Err(not_found("certificate"))
}

/// GET of one.
///
/// # Errors
/// 404 for one that was not issued here.
pub async fn show<P: Ports>(ports: &P, serial: &Serial) -> Answer {
    Ok(shown(200, &entry(ports, serial).await?.shown))
}

/// The PEM of a certificate with its chain; `None` while it is being issued.
async fn chain<P: Ports>(ports: &P, entry: &Entry, serial: &Serial) -> Result<Option<String>, Problem> {
    let account = Partition::Account(entry.account.clone());
    let found = ask(ports, &account, Operation::Download { serial: serial.hex() }).await?;
    Ok(found.as_str().map(str::to_owned))
}

/// GET of one with its chain.
///
/// # Errors
/// 404 for one that was not issued here, or not yet.
pub async fn download<P: Ports>(ports: &P, serial: &Serial) -> Answer {
    let entry = entry(ports, serial).await?;
    let pem = chain(ports, &entry, serial).await?.ok_or_else(|| not_found("certificate"))?;
    Ok(Response::text(200, "application/pem-certificate-chain", pem))
}

/// POST to a certificate's revocation.
///
/// # Errors
/// 404 for one that was not issued here; `badRevocationReason`; `alreadyRevoked`; `unauthorized` for one that is over.
pub async fn revoke<P: Ports>(ports: &P, operator: &Operator, request: &Request, serial: &Serial) -> Answer {
    let hex = serial.hex();
    audited_answer(ports, (operator, request), ("certificate.revoke", Some(&hex)), 200, async {
        let reason = check_reason(Members::read(request, &["reason"])?.number("reason")?)?;
        let found = entry(ports, serial).await?;
        // Of a certificate that was never finished nobody has the key's certificate either.
        let key = chain(ports, &found, serial).await?.map(|pem| key_of(&pem)).transpose()?;
        let wish = RevocationRequest {
            serial: serial.hex(),
            tbs_digest: found.tbs_digest.clone(),
            key: key.unwrap_or_default(),
            reason,
            by: Requester::Operator(operator.name.clone()),
        };
        let message = Message::Revoke(Box::new(wish));
        match ports.ask(&Partition::Ledger(found.issuer.clone()), &message).await {
            Ok(Reply::Done) => {}
            Ok(other) => return Err(ladder::unexpected(&other)),
            // What nobody can do is nobody's lack of rights.
            Err(problem) if problem.kind == Kind::Unauthorized => return Err(problem.with_status(409)),
            Err(problem) if problem.kind == Kind::AlreadyRevoked => return Err(problem.with_status(409)),
            Err(problem) => return Err(problem),
        }
        let names = found.shown.get("names").map(Value::to_string).unwrap_or_default();
        let reason = reason.map_or_else(|| "no reason".to_owned(), |reason| format!("reason {reason}"));
        Ok(Done::saying(entry(ports, serial).await?.shown, format!("{reason}; {names}")))
    })
    .await
}

/// By what the key of a certificate is known: see [`compromise::fingerprint`].
fn key_of(chain: &str) -> Result<String, Problem> {
    let broken = |what: String| Problem::internal(format!("a stored certificate is broken: {what}"));
    let ders = pem::read_certificates(chain).map_err(|fault| broken(fault.to_string()))?;
    let leaf = ders.first().map(Vec::as_slice).unwrap_or_default();
    let leaf = certificate::parse_presented(leaf).map_err(|fault| broken(fault.to_string()))?;
    Ok(compromise::fingerprint(&leaf.spki_der))
}
