//! The report as a table and as JSON.

use std::fmt::Write;

use selvedge::values::Time;
use serde_json::{Value, json};

use crate::common::invocation::companion;
use crate::common::moment::when;
use crate::common::web::clean;
use crate::operator::OperatorStatus;

use super::facts::{Authority, Facts, FetchedCrl, Issuer, Overview};
use super::judge::issuer_facts;
use selvedge::ca::health::finding::{Finding, Severity};
use selvedge::ca::health::issuers::{IssuerState as State, handover};

fn state_name(issuer: &Issuer, now: Time) -> &'static str {
    match state(issuer, now) {
        State::Active => "signs",
        State::Next => "next",
        State::Retired => "retired",
    }
}

fn state(issuer: &Issuer, now: Time) -> State {
    issuer_facts(issuer).state(now)
}

/// The report as a table.
pub fn table(facts: &Facts, findings: &[Finding], now: Time) -> String {
    let mut out = format!("{}\n\n", facts.url);
    let _ = match &facts.root {
        Some(root) => writeln!(out, "  root      {}\n            ends {}", root.name, when(root.not_after, now)),
        None => writeln!(out, "  root      not checked: root.pem does not exist (pass its folder with --ca DIR)"),
    };
    if let Authority::Works(overview) = &facts.authority {
        for issuer in &overview.issuers {
            rows(&mut out, overview, issuer, now);
        }
    }
    if let Some(Ok(status)) = &facts.operator {
        operator(&mut out, status, now);
    }
    out.push('\n');
    if !findings.iter().any(|finding| finding.severity != Severity::Note) {
        out.push_str("Nothing is due.\n");
    }
    for Finding { severity, what, todo, .. } in findings {
        let (what, todo) = (clean(what), clean(todo).replace("`selvedge ", &format!("`{} ", companion())));
        let _ = writeln!(out, "{}: {what}\n      {todo}", severity.name());
    }
    out
}

fn operator(out: &mut String, status: &OperatorStatus, now: Time) {
    let version = match status.policy.version {
        0 => "the configuration's".to_owned(),
        n => format!("version {n}"),
    };
    let shadow = if status.policy.shadow { ", with a shadow policy" } else { "" };
    let _ = writeln!(out, "  policy    {version}{shadow}");
    let needed = if status.external_account_required { "needs" } else { "does not need" };
    let _ = writeln!(out, "  accounts  creating one {needed} an external account key");
    let webhook = &status.webhook;
    let _ = match webhook.configured {
        true => writeln!(out, "  webhook   {} notices waiting, {} given up", webhook.waiting, webhook.given_up),
        false => writeln!(out, "  webhook   none"),
    };
    if let Some(certificates) = status.health.as_ref().map(|health| &health.certificates) {
        let _ = writeln!(
            out,
            "  in force  {} certificates, {} of them renewed; {} end unrenewed soon",
            certificates.valid, certificates.renewed, certificates.unrenewed
        );
    }
    status.health.iter().flat_map(|health| &health.logs).for_each(|log| log.write(out, now));
}

fn rows(out: &mut String, overview: &Overview, issuer: &Issuer, now: Time) {
    let _ = writeln!(out, "  issuer {}  {}, {}", issuer.place, issuer.name, state_name(issuer, now));
    if let (State::Next, Some(at)) = (state(issuer, now), issuer.takes_over) {
        let _ = writeln!(out, "            takes over {}", when(at, now));
    }
    let _ = writeln!(out, "            ends {}", when(issuer.not_after, now));
    if state(issuer, now) != State::Retired {
        let by = handover(issuer.not_after, overview.longest());
        let _ = writeln!(out, "            the next has to take over by {}", when(by, now));
    }
    let until = issuer.certificates_until.map_or_else(
        || "no certificate yet that names a CRL".to_owned(),
        |at| format!("last certificates until {}", when(at, now)),
    );
    let _ = writeln!(out, "            {until}");
    for former in issuer.former() {
        let until = when(former.until, now);
        let _ =
            writeln!(out, "            {} has to keep answering until {until}: certificates name it", former.origin);
    }
    let lists = match issuer.crls.len() {
        1 => "1 CRL".to_owned(),
        n => format!("{n} CRLs"),
    };
    let _ = match &issuer.fetched {
        Some(Ok(list)) => {
            let (number, entries, until) = (&list.number, list.entries, when(list.next_update, now));
            writeln!(
                out,
                "            {lists}; {} has number {number}, {entries} entries, valid until {until}",
                list.url
            )
        }
        _ => writeln!(out, "            {lists}"),
    };
}

/// The report as JSON.
pub fn json(facts: &Facts, findings: &[Finding], now: Time) -> Value {
    let (works, refuses) = match &facts.authority {
        Authority::Works(overview) => (Some(overview), None),
        Authority::Refuses(why) => (None, Some(why)),
    };
    let issuers =
        |overview: &Overview| overview.issuers.iter().map(|one| of_issuer(overview, one, now)).collect::<Vec<_>>();
    let mut all = json!({
        "url": facts.url,
        "at": now.rfc3339(),
        "root": facts.root.as_ref().map(|root| json!({ "name": root.name, "not_after": root.not_after.rfc3339() })),
        "refuses": refuses,
        "longest_lifetime": works.map(|overview| overview.longest().as_secs()),
        "problems": works.map(|overview| &overview.problems),
        "issuers": works.map(issuers),
        "findings": findings,
    });
    // Without a token it is omitted.
    if let (Some(status), Some(all)) = (&facts.operator, all.as_object_mut()) {
        all.insert("operator".to_owned(), status.as_ref().map_or(Value::Null, |status| status.answer.clone()));
    }
    all
}

fn of_issuer(overview: &Overview, issuer: &Issuer, now: Time) -> Value {
    let signs = state(issuer, now) != State::Retired;
    let mut shown = json!({
        "place": issuer.place,
        "id": issuer.id,
        "name": issuer.name,
        "state": state_name(issuer, now),
        "not_after": issuer.not_after.rfc3339(),
        "next_by": signs.then(|| handover(issuer.not_after, overview.longest()).rfc3339()),
        "certificates_until": issuer.certificates_until.map(Time::rfc3339),
        "crls": issuer.crls.len(),
        "former_addresses": issuer.former().iter().map(|former| {
            json!({ "address": former.origin, "until": former.until.rfc3339() })
        }).collect::<Vec<_>>(),
        "fetched": issuer.fetched.as_ref().map(|found| match found {
            Ok(list) => of_list(list),
            Err(what) => json!({ "fault": what }),
        }),
    });
    if let (Some(at), Some(members)) = (issuer.takes_over, shown.as_object_mut()) {
        members.insert("takes_over".to_owned(), at.rfc3339().into());
    }
    shown
}

fn of_list(list: &FetchedCrl) -> Value {
    json!({
        "url": list.url,
        "number": list.number,
        "this_update": list.this_update.rfc3339(),
        "next_update": list.next_update.rfc3339(),
        "entries": list.entries,
    })
}
