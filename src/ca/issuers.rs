//! The issuers as the world sees them: their certificates, and how things stand with them.

use super::authority::name_of;
use super::http::{Answer, Body, Response};
use super::ladder;
use super::message::{Message, Partition, Reply};
use super::ports::Ports;
use super::routes::Lists;
use super::settings::Settings;
use crate::acme::Problem;
use crate::acme::crl::ShardStanding;
use crate::pki::{IssuerSlot, profile};
use crate::values::Time;
use serde_json::{Value, json};

/// The certificate of the issuer with this id, DER (RFC 5280 §4.2.2.1).
///
/// # Errors
/// 404 `malformed` for one that there is not.
pub fn certificate(settings: &Settings, id: &str) -> Answer {
    let unknown = || Problem::malformed("There is no issuer of this name.").with_status(404);
    let issuer = settings.issuers.find(id).ok_or_else(unknown)?;
    let response = Response { body: Body::Bytes(issuer.certificate_der().to_vec()), ..Response::empty(200) };
    Ok(response
        .with("Content-Type", "application/pkix-cert")
        .with("Cache-Control", "public, max-age=3600")
        .indexed(&settings.urls))
}

/// All issuers: which one is active, when each began and ends, until when it has certificates, and its CRLs. Nothing that
/// certificates and CRLs do not tell anyway.
///
/// # Errors
/// When a ledger does not answer.
pub async fn overview<P: Ports>(ports: &P) -> Answer {
    let now = ports.now();
    let overview = match ports.memory().overview(now) {
        Some(kept) => kept,
        None => {
            let made = look(ports, now).await?;
            ports.memory().keep_overview(made.clone(), now);
            made
        }
    };
    Ok(Response::json(200, &overview).with("Cache-Control", "no-store").indexed(&ports.settings().urls))
}

async fn look<P: Ports>(ports: &P, now: Time) -> Result<Value, Problem> {
    let settings = ports.settings();
    let mut all = Vec::new();
    for slot in settings.issuers.slots() {
        let ledger = Partition::Ledger(slot.issuer.id().to_owned());
        match ports.ask(&ledger, &Message::Standing).await? {
            Reply::Standing(shards) => {
                let active = settings.issuers.active(now).id() == slot.issuer.id();
                all.push(shown(settings, slot, active, &shards));
            }
            other => return Err(ladder::unexpected(&other)),
        }
    }
    let longest = profile::all().iter().map(|profile| profile.validity.as_secs()).max();
    let published = settings.published.as_ref();
    let root_list = settings.root_list.as_ref();
    Ok(json!({
        "longest_lifetime": longest,
        "problems": settings.problems,
        "crls": published.map(|published| published.lists(Lists::All)),
        "root_crl": root_list.map(|list| list.shown(published)),
        "issuers": all,
    }))
}

fn shown(settings: &Settings, slot: &IssuerSlot, active: bool, shards: &[ShardStanding]) -> Value {
    let issuer = &slot.issuer;
    let crls: Vec<Value> = shards
        .iter()
        .map(|(shard, record)| {
            json!({
                "url": settings.published.as_ref().map(|published| published.crl(issuer.id(), *shard)),
                "urls": record.urls,
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
    // The first issuer has no such day.
    if let (Some(at), Some(members)) = (slot.activation(), shown.as_object_mut()) {
        members.insert("takes_over".to_owned(), at.rfc3339().into());
    }
    shown
}
