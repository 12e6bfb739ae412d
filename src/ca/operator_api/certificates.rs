//! The inventory in the operator API: search, show, download and revoke certificates of all issuers.

use super::audit::{Done, answer_with_audit};
use super::body::{Input, MAX_VALUE};
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::account::kind::AccountAt;
use crate::ca::account::operations::DownloadCertificate;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::ledger::entry::{Requester, RevokeCertificate};
use crate::ca::ledger::expiry_scan::LatestExpiry;
use crate::ca::ledger::filter::{Origin, Query, Standing};
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::ledger::view::{FoundEntry, ShowEntry, ShownEntry};
use crate::ca::runtime::ports::Ports;
use crate::pki::certificate::{parse_presented, sha256};
use crate::pki::key::check_spki;
use crate::pki::{Issuer, Serial, pem, profile};
use crate::policy::Pattern;
use crate::records::ledger::entry::check_reason;
use crate::records::ledger::inventory::Selection;
use crate::records::{Kind, Problem};
use crate::values::{Id, Time, b64, hex, unicode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Maximum length of the search text, in characters.
const MAX_TEXT: usize = 100;

/// Allowed names in the query.
const PARAMETERS: &[&str] = &[
    "q",
    "name",
    "serial",
    "account",
    "external_account",
    "profile",
    "issuer",
    "status",
    "origin",
    "ends_after",
    "ends_before",
    "issued_before",
    "format",
    "cursor",
    "limit",
];

/// Handles GET of certificates.
///
/// # Errors
/// `malformed` for a wrong query.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let input = Input::query(request, PARAMETERS)?;
    let csv = input.parsed("format", "\"json\" or \"csv\"", |text| match text {
        "json" => Some(false),
        "csv" => Some(true),
        _ => None,
    })?;
    let query = query(ports, &input)?;
    let page = search(ports, &query).await?;
    if csv == Some(true) {
        let response = Response::text(200, "text/csv; charset=utf-8", super::csv::table(&page.certificates));
        let response = response.with("Content-Disposition", "attachment; filename=\"certificates.csv\"");
        // CSV has no place for the cursor.
        return Ok(page.next.iter().fold(response, |response, next| response.with("Selvedge-Next", next)));
    }
    let Found { certificates, next, complete } = page;
    Ok(shown(200, &json!({ "certificates": certificates, "next": next, "complete": complete })))
}

/// Builds the search from the request's query.
fn query<P: Ports>(ports: &P, input: &Input) -> Result<Query, Problem> {
    let settings = ports.settings();
    let standing = input.parsed("status", "current, valid, unrenewed, revoked, expired or all", |text| {
        serde_json::from_value::<Standing>(text.into()).ok()
    })?;
    let origin = input
        .parsed("origin", "issued, imported or foreign", |text| serde_json::from_value::<Origin>(text.into()).ok())?;
    let text = input.parsed("q", "at most 100 characters long", |text| {
        (text.chars().count() <= MAX_TEXT).then(|| text.to_owned())
    })?;
    let after = input
        .parsed("cursor", "`next` of the previous page", |text| Serial::from_hex(text).map(|serial| serial.hex()))?;
    let serial = input.parsed("serial", "a serial number in hex", |text| {
        let hex = text.to_ascii_lowercase().replace(':', "");
        // OpenSSL leaves out the zero before a high bit.
        Serial::from_hex(&hex).or_else(|| Serial::from_hex(&format!("00{hex}"))).map(|serial| serial.hex())
    })?;
    let selection = Selection {
        issuer: input.parsed("issuer", "the id of an issuer of this CA", |text| {
            settings.issuers.find(text).map(|issuer| issuer.id().to_owned())
        })?,
        profile: input
            .parsed("profile", "a profile of this CA", |text| profile::find(text).map(|p| p.name.to_owned()))?,
        account: input.parsed("account", "the id of an account", Id::parse)?,
        external_account: input.text("external_account", MAX_VALUE)?.map(str::to_owned),
        name: pattern(input.text("name", MAX_VALUE)?)?,
    };
    Ok(Query {
        text,
        serial,
        selection,
        standing: standing.unwrap_or_default(),
        origin,
        ends_after: input.time("ends_after")?,
        ends_before: input.time("ends_before")?,
        issued_before: input.time("issued_before")?,
        after,
        limit: input.page_size()?,
    })
}

/// Checks a pattern of names and returns it with A-labels.
///
/// # Errors
/// `malformed`.
pub fn pattern(text: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let ascii = Some(text).filter(|text| !text.is_ascii()).and_then(unicode::with_a_labels);
    let pattern = ascii.unwrap_or_else(|| text.to_owned());
    match Pattern::parse(&pattern) {
        Ok(_) => Ok(Some(pattern)),
        Err(why) => Err(Problem::malformed(format!("name is {}, which {why}.", crate::values::quote::quote(text)))),
    }
}

/// A page of search results.
pub struct Found {
    /// Certificates as JSON.
    pub certificates: Vec<Value>,
    /// Cursor of the next page; `None` at the end.
    pub next: Option<String>,
    /// Whether the page is full or the last; otherwise the search stopped early.
    pub complete: bool,
}

/// Marks certificates that another issuer's certificate has renewed: a ledger sees its own only.
async fn note_renewed_elsewhere<P: Ports>(ports: &P, found: &mut [FoundEntry]) -> Result<(), Problem> {
    for slot in ports.settings().issuers.slots() {
        let mine = |one: &FoundEntry| one.text("issuer") == slot.issuer.id();
        let open = found.iter().filter(|one| !mine(one) && !one.is("renewed"));
        let sets: BTreeSet<String> = open.map(|one| one.set.clone()).collect();
        if sets.is_empty() {
            continue;
        }
        let sets = sets.into_iter().collect();
        let latest = ports.ask(&LedgerAt::from(slot.issuer.id()), &LatestExpiry { sets }).await?;
        for one in found.iter_mut().filter(|one| !mine(one)) {
            let ends = Time::parse_rfc3339(one.text("not_after"));
            if latest.get(&one.set).is_some_and(|last| ends.is_some_and(|ends| last.secs() > ends.secs())) {
                one.set_renewed();
            }
        }
    }
    Ok(())
}

/// Searches the ledgers of all issuers and merges the results in one order.
///
/// # Errors
/// When a ledger does not answer.
pub async fn search<P: Ports>(ports: &P, query: &Query) -> Result<Found, Problem> {
    let settings = ports.settings();
    let wanted = |id: &str| query.selection.issuer.as_deref().is_none_or(|issuer| issuer == id);
    let (mut all, mut bound) = (Vec::new(), None::<String>);
    for issuer in settings.issuers.slots().map(|slot| slot.issuer.id()).filter(|id| wanted(id)) {
        let part = ports.ask(&LedgerAt::from(issuer), query).await?;
        all.extend(part.found);
        if !part.complete {
            // This ledger has not searched beyond this point yet.
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
    note_renewed_elsewhere(ports, &mut all).await?;
    all.retain(|one| query.standing.accepts(one));
    Ok(Found { certificates: all.into_iter().map(|one| one.shown).collect(), next, complete })
}

/// Returns the certificate with this serial number and the ledger of its issuer.
///
/// # Errors
/// 404 for an unknown certificate; when a ledger does not answer.
async fn entry<P: Ports>(ports: &P, serial: &Serial) -> Result<(LedgerAt, ShownEntry), Problem> {
    for slot in ports.settings().issuers.slots() {
        let ledger = LedgerAt::from(slot.issuer.id());
        if let Some(mut entry) = ports.ask(&ledger, &ShowEntry { serial: serial.hex() }).await? {
            note_renewed_elsewhere(ports, core::slice::from_mut(&mut entry.found)).await?;
            return Ok((ledger, entry));
        }
    }
    Err(not_found("certificate"))
}

/// Handles GET of a certificate. Once it is issued, the answer also has its fingerprint and its key.
///
/// # Errors
/// 404 for an unknown certificate.
pub async fn show<P: Ports>(ports: &P, serial: &Serial) -> Answer {
    let (_, mut entry) = entry(ports, serial).await?;
    let chain = chain(ports, &entry, serial).await?;
    let leaf = chain.and_then(|chain| pem::read_certificates(&chain).ok()?.into_iter().next());
    let found = &mut entry.found;
    if let (Some(der), Some(members)) = (leaf, found.shown.as_object_mut()) {
        let spki = parse_presented(&der).map(|read| read.spki_der).unwrap_or_default();
        let key = check_spki(&spki).map(|key| key.kind().to_string()).ok();
        members.insert("fingerprint".to_owned(), hex::encode(&sha256(&der)).into());
        members.insert("key_type".to_owned(), key.into());
        members.insert("key_digest".to_owned(), hex::encode(&sha256(&spki)).into());
    }
    Ok(shown(200, &found.shown))
}

/// Returns a revocation reason as text for the audit record.
pub fn said(reason: Option<u8>) -> String {
    reason.map_or_else(|| "no reason".to_owned(), |reason| format!("reason {reason}"))
}

/// Returns a certificate with its chain in PEM; `None` while it is being issued. One of another CA is alone.
async fn chain<P: Ports>(ports: &P, entry: &ShownEntry, serial: &Serial) -> Result<Option<String>, Problem> {
    let Some(der) = &entry.der else {
        let ask = DownloadCertificate { serial: serial.hex() };
        return ports.ask(&AccountAt(entry.account.clone()), &ask).await;
    };
    let broken = || Problem::internal("a stored certificate is broken");
    let der = b64::decode(der).ok_or_else(broken)?;
    let leaf = pem::write_certificate(&der).map_err(|_| broken())?;
    let is_foreign = entry.found.shown.pointer("/imported/foreign").is_some_and(Value::is_string);
    let issuer = ports.settings().issuers.find(entry.found.text("issuer")).filter(|_| !is_foreign);
    Ok(Some(leaf + issuer.map(Issuer::chain_pem).unwrap_or_default()))
}

/// Handles GET of a certificate with its chain, as PEM.
///
/// # Errors
/// 404 for an unknown certificate, or one not issued yet.
pub async fn download<P: Ports>(ports: &P, serial: &Serial) -> Answer {
    let (_, entry) = entry(ports, serial).await?;
    let pem = chain(ports, &entry, serial).await?.ok_or_else(|| not_found("certificate"))?;
    Ok(Response::text(200, "application/pem-certificate-chain", pem))
}

/// Handles POST to a certificate's revocation.
///
/// # Errors
/// 404 for an unknown certificate; `badRevocationReason`; 409 `alreadyRevoked`; 409 `unauthorized` if it has expired.
pub async fn revoke<P: Ports>(ports: &P, operator: &Operator, request: &Request, serial: &Serial) -> Answer {
    let hex = serial.hex();
    answer_with_audit(ports, (operator, request), ("certificate.revoke", Some(&hex)), 200, async {
        let reason = check_reason(Input::body(request, &["reason"])?.number("reason")?)?;
        let (ledger, found) = entry(ports, serial).await?;
        let revoke = RevokeCertificate {
            serial: serial.hex(),
            tbs_digest: found.tbs_digest.clone(),
            reason,
            by: Requester::Operator(operator.name.clone()),
        };
        match ports.ask(&ledger, &revoke).await {
            Ok(()) => {}
            // Not a lack of rights: no operator could revoke it.
            Err(problem) if problem.kind == Kind::Unauthorized => return Err(problem.with_status(409)),
            Err(problem) if problem.kind == Kind::AlreadyRevoked => return Err(problem.with_status(409)),
            Err(problem) => return Err(problem),
        }
        let names = found.found.shown.get("names").map(Value::to_string).unwrap_or_default();
        Ok(Done::saying(entry(ports, serial).await?.1.found.shown, format!("{}; {names}", said(reason))))
    })
    .await
}
