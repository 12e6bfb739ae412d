//! Immediate replacement of certificates ([RFC 9773 §4.2](https://www.rfc-editor.org/rfc/rfc9773#section-4.2)).
//! Selected certificates that were issued before the request get a suggested window in the past, so their clients renew
//! at the next poll.
//!
//! A replacement is one record in each ledger, for any number of certificates. It takes effect at once and can be
//! withdrawn.

use super::audit::{Done, answer_with_audit};
use super::body::{Input, MAX_VALUE};
use super::certificates::pattern;
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::http::message::{Answer, Request};
use crate::ca::partitions::operations::audit::act;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::replacements::{
    ListReplacements, PutReplacement, REPLACEMENTS, ReplacementStore,
};
use crate::ca::runtime::ports::Ports;
use crate::pki::profile;
use crate::records::Problem;
use crate::records::ledger::inventory::{ReplaceRecord, Selection};
use crate::values::{Id, b64};
use core::time::Duration;
use serde_json::{Value, json};
use url::Url;

/// Members of a body that select certificates.
pub const SELECTS: [&str; 5] = ["issuer", "profile", "account", "external_account", "name"];

/// Maximum length of an external account key's kid, in characters.
const MAX_KID: usize = 128;

/// Maximum length of a reason, and of an explanation's URL, in characters.
const MAX_REASON: usize = 200;

const MAX_URL: usize = 500;

/// Returns all stored replacements, newest first.
pub(in crate::ca) async fn all<P: Ports>(ports: &P) -> Result<Vec<ReplaceRecord>, Problem> {
    let mut found = ports.ask(&OperationsAt, &ListReplacements).await?;
    found.sort_by_key(|record| core::cmp::Reverse(record.made.at));
    Ok(found)
}

/// Handles GET of replacements.
///
/// # Errors
/// `serverInternal`.
pub async fn list<P: Ports>(ports: &P) -> Answer {
    let all: Vec<Value> = all(ports).await?.iter().map(wire).collect();
    Ok(shown(200, &json!({ "replacements": all })))
}

fn wire(record: &ReplaceRecord) -> Value {
    json!({
        "id": record.id, "selection": record.selection, "made": act(&record.made), "reason": record.reason,
        "explanation": record.explanation, "withdrawn": record.withdrawn.as_ref().map(act),
    })
}

/// Handles POST that creates a replacement.
///
/// # Errors
/// `malformed` for a body that selects nothing or is wrong.
pub async fn create<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let known = [&SELECTS[..], &["reason", "explanation"]].concat();
    let members = Input::body(request, &known);
    let selection = members.as_ref().map_err(Clone::clone).and_then(|members| selection(ports, members));
    let target = selection.as_ref().ok().map(describe);
    answer_with_audit(ports, (operator, request), ("certificates.replace", target.as_deref()), 201, async {
        let (members, selection) = (members?, selection?);
        let explanation = members.text("explanation", MAX_URL)?;
        if explanation.is_some_and(|text| !Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))) {
            return Err(Problem::malformed("explanation is not the URL of a web page."));
        }
        let holding = all(ports).await?.iter().filter(|record| record.withdrawn.is_none()).count();
        if holding >= REPLACEMENTS {
            let detail =
                format!("There are {REPLACEMENTS} active replacements, the maximum; withdraw those that are done.");
            return Err(Problem::malformed(detail));
        }
        let longest = profile::all().iter().map(|profile| profile.validity).max().unwrap_or(Duration::ZERO);
        let record = ReplaceRecord {
            id: b64::encode(&ports.random::<9>()?).replace('-', "."),
            selection,
            made: operator.acts(ports),
            reason: members.text("reason", MAX_REASON)?.map(str::to_owned),
            explanation: explanation.map(str::to_owned),
            withdrawn: None,
            // An issuance in progress may complete a little later.
            expires: ports.now().plus(longest).plus(Duration::from_secs(24 * 3600)),
        };
        put(ports, &record).await?;
        let reason = record.reason.clone();
        Ok(Done { value: wire(&record), detail: reason })
    })
    .await
}

/// Stores a record in operations and in all ledgers. Safe to repeat after a partial failure.
pub(in crate::ca) async fn put<P: Ports>(ports: &P, record: &ReplaceRecord) -> Result<(), Problem> {
    let put = PutReplacement(record.clone());
    ports.ask(&ReplacementStore::Operations, &put).await?;
    for slot in ports.settings().issuers.slots() {
        ports.ask(&ReplacementStore::Ledger(slot.issuer.id().to_owned()), &put).await?;
    }
    Ok(())
}

/// Reads the selection of certificates from a body.
///
/// # Errors
/// `malformed` for a body that selects nothing, or names something unknown.
pub fn selection<P: Ports>(ports: &P, members: &Input) -> Result<Selection, Problem> {
    let issuers = &ports.settings().issuers;
    let selection = Selection {
        issuer: members.parsed("issuer", "the id of an issuer of this CA", |text| {
            issuers.find(text).map(|issuer| issuer.id().to_owned())
        })?,
        profile: members
            .parsed("profile", "a profile of this CA", |text| profile::find(text).map(|found| found.name.to_owned()))?,
        account: members.parsed("account", "the id of an account", Id::parse)?,
        external_account: members.text("external_account", MAX_KID)?.map(str::to_owned),
        name: pattern(members.text("name", MAX_VALUE)?)?,
    };
    if selection == Selection::default() {
        let detail = "Nothing is selected: give issuer, profile, account, external_account or name; the name \"*\" \
                      selects everything.";
        return Err(Problem::malformed(detail));
    }
    Ok(selection)
}

/// Returns a selection as short text.
pub fn describe(selection: &Selection) -> String {
    let members = [
        ("issuer", selection.issuer.clone()),
        ("profile", selection.profile.clone()),
        ("account", selection.account.as_ref().map(Id::to_string)),
        ("external_account", selection.external_account.clone()),
        ("name", selection.name.clone()),
    ];
    let given = members.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?)));
    given.collect::<Vec<_>>().join(", ")
}

/// Handles POST that withdraws a replacement.
///
/// # Errors
/// 404 for an unknown replacement.
pub async fn withdraw<P: Ports>(ports: &P, operator: &Operator, request: &Request, id: &str) -> Answer {
    answer_with_audit(ports, (operator, request), ("certificates.withdraw", Some(id)), 200, async {
        Input::body(request, &[])?;
        let found = all(ports).await?.into_iter().find(|record| record.id == id);
        let mut record = found.ok_or_else(|| not_found("replacement"))?;
        if record.withdrawn.is_none() {
            record.withdrawn = Some(operator.acts(ports));
        }
        put(ports, &record).await?;
        Ok(Done::saying(wire(&record), describe(&record.selection)))
    })
    .await
}
