//! The public overview of the issuers: their certificates, periods and CRLs.

use crate::VERSION;
use crate::ca::config::issuers::name_of;
use crate::ca::config::settings::Settings;
use crate::ca::http::message::{Answer, Response};
use crate::ca::http::routes::CrlFile;
use crate::ca::ledger::issuer::ListShards;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::partitions::backups::kind::BackupsAt;
use crate::ca::partitions::backups::list::ShowBackups;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::Ports;
use crate::pki::{IssuerSlot, profile};
use crate::records::Problem;
use crate::records::ledger::crl::{FormerUrl, ShardStatus};
use crate::values::Time;
use serde_json::{Value, json};

/// Returns all issuers with their activity, validity and CRLs. This includes the latest end of their certificates. It
/// discloses only what certificates and CRLs contain anyway.
///
/// # Errors
/// When a ledger does not answer.
pub async fn overview<P: Ports>(ports: &P) -> Answer {
    let now = ports.now();
    let overview = match ports.memory().overview(now) {
        Some(kept) => kept,
        None => {
            apart(expect_backups(ports)).await;
            let made = look(ports, now).await?;
            ports.memory().keep_overview(made.clone(), now);
            made
        }
    };
    Ok(Response::json(200, &overview).with("Cache-Control", "no-store").indexed(&ports.settings().urls))
}

/// Sets the alarm for the next backup, which nothing else does in a new CA.
async fn expect_backups<P: Ports>(ports: &P) {
    if ports.settings().backups.is_some()
        && let Err(problem) = ports.ask(&BackupsAt, &ShowBackups).await
    {
        ports.log(&problem.log.unwrap_or(problem.detail));
    }
}

async fn look<P: Ports>(ports: &P, now: Time) -> Result<Value, Problem> {
    let settings = ports.settings();
    let mut all = Vec::new();
    for slot in settings.issuers.slots() {
        let shards = ports.ask(&LedgerAt::from(slot.issuer.id()), &ListShards).await?;
        let active = settings.issuers.active(now).id() == slot.issuer.id();
        all.push(shown(settings, slot, active, &shards));
    }
    let longest = profile::all().iter().map(|profile| profile.validity.as_secs()).max();
    let published = settings.published.as_ref();
    let root_list = settings.root_list.as_ref();
    Ok(json!({
        "version": VERSION,
        "jurisdiction": settings.jurisdiction,
        "longest_lifetime": longest,
        "problems": settings.problems,
        "crls": published.map(|published| published.crl_file(CrlFile::All)),
        "root_crl": root_list.map(|list| list.shown(published)),
        "issuers": all,
    }))
}

fn former(former: &FormerUrl) -> Value {
    json!({ "url": former.url, "until": former.until.rfc3339() })
}

fn shown(settings: &Settings, slot: &IssuerSlot, active: bool, shards: &[ShardStatus]) -> Value {
    let issuer = &slot.issuer;
    let crls: Vec<Value> = shards
        .iter()
        .map(|(shard, record)| {
            json!({
                "url": settings.published.as_ref().map(|published| published.crl(issuer.id(), *shard)),
                "urls": record.urls,
                "former": record.former.iter().map(former).collect::<Vec<_>>(),
                "signed": record.signed.map(|at| at.rfc3339()),
                "next_update": record.next_update.map(|at| at.rfc3339()),
                "due": record.due.map(|at| at.rfc3339()),
            })
        })
        .collect();
    let revoked = settings.root_list.as_ref().and_then(|list| list.revoked(issuer)).map(Time::rfc3339);
    let mut shown = json!({
        "place": slot.number,
        "variable": name_of("ISSUER_CHAIN", slot.number),
        "id": issuer.id(),
        "name": issuer.name(),
        "active": active,
        "not_before": issuer.not_before().rfc3339(),
        "not_after": issuer.not_after().rfc3339(),
        "certificate": settings.urls.issuer(issuer.id()),
        "certificates_until": shards.iter().map(|(_, record)| record.until).max().map(|at| at.rfc3339()),
        "revoked": revoked,
        "crls": crls,
    });
    // The first issuer has no activation time.
    if let (Some(at), Some(members)) = (slot.activation(), shown.as_object_mut()) {
        members.insert("takes_over".to_owned(), at.rfc3339().into());
    }
    shown
}
