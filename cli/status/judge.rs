//! Turns facts into findings at a time, as a pure function.
//!
//! What the authority knows is judged by the library, there or here; this adds what is seen from outside.

use selvedge::ca::health::finding::{Finding, Severity};
use selvedge::ca::health::issuers as health;
use selvedge::ca::health::issuers::{CrlFacts, IssuerFacts};
use selvedge::ca::health::operation::{reported, undelivered};
use selvedge::ca::health::outside;
use selvedge::values::Time;

use super::facts::{Authority, Facts, Issuer, Overview, Root};
use crate::operator::OperatorAnswer;

fn finding(id: &str, severity: Severity, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding::new(id, severity, what, todo)
}

/// The facts about an issuer that the library judges.
pub fn issuer_facts(issuer: &Issuer) -> IssuerFacts {
    IssuerFacts {
        place: issuer.place,
        name: issuer.name.clone(),
        active: issuer.active,
        takes_over: issuer.takes_over,
        not_after: issuer.not_after,
        certificates_until: issuer.certificates_until,
        crls: issuer.crls.iter().map(|list| CrlFacts { next_update: list.next_update, due: list.due }).collect(),
    }
}

/// All findings, most severe first.
pub fn judge(facts: &Facts, now: Time) -> Vec<Finding> {
    let mut found: Vec<Finding> = facts.root.iter().filter_map(|root| judge_root(root, now)).collect();
    match &facts.authority {
        Authority::Refuses(why) => found.push(finding(
            "authority-refuses",
            Severity::Wrong,
            format!("the authority does not work: {why}"),
            "fix it in wrangler.toml or the secrets, then `selvedge deploy`",
        )),
        Authority::Works(overview) => {
            match facts.operator.as_ref().and_then(|answer| answer.as_ref().ok()?.findings()) {
                Some(own) => {
                    // The root of ca/ is usually the authority's too.
                    let more = own.iter().filter(|one| !found.iter().any(|known| known.what == one.what));
                    let more: Vec<Finding> = more.cloned().collect();
                    found.extend(more);
                }
                None => found.extend(judge_overview(overview, now)),
            }
            overview.issuers.iter().for_each(|issuer| published(issuer, now, &mut found));
        }
    }
    found.extend(facts.endpoint.as_ref().and_then(|(host, life)| outside::endpoint(host, *life, now)));
    found.extend(facts.operator.as_ref().and_then(operator));
    found.sort_by_key(|finding| finding.severity);
    found
}

/// The findings about the public overview, where the authority's own are not available.
fn judge_overview(overview: &Overview, now: Time) -> Vec<Finding> {
    let mut found: Vec<Finding> = overview.problems.iter().map(|problem| reported(problem)).collect();
    found.extend(overview.root_crl.as_ref().and_then(|list| health::root_list(list.next_update, now)));
    let issuers: Vec<IssuerFacts> = overview.issuers.iter().map(issuer_facts).collect();
    found.extend(health::issuers(&issuers, overview.longest(), now));
    found
}

/// The finding about the operator's status.
fn operator(status: &OperatorAnswer) -> Option<Finding> {
    match status {
        Err(why) => Some(finding(
            "operator-status",
            Severity::Due,
            format!("the operator's status is not available: {}", why.trim_end_matches('.')),
            "create a token with `selvedge token new NAME`, store it, and pass its file with --token-file",
        )),
        // An earlier version has no findings of its own.
        Ok(status) if status.health.is_none() => undelivered(status.webhook.given_up),
        Ok(_) => None,
    }
}

fn judge_root(root: &Root, now: Time) -> Option<Finding> {
    health::root(&root.name, root.not_after, now)
}

/// The findings about what an issuer publishes, as verifiers see it.
fn published(issuer: &Issuer, now: Time, found: &mut Vec<Finding>) {
    let who = issuer_facts(issuer).named();
    for found_there in &issuer.elsewhere {
        let (severity, what) = match found_there {
            Err(what) => (Severity::Wrong, format!("of {who}, {what}")),
            Ok(list) if list.next_update <= now => {
                (Severity::Wrong, format!("the CRL at {} expired at {}", list.url, list.next_update.rfc3339()))
            }
            Ok(_) => continue,
        };
        let until = issuer.former().into_iter().map(|former| former.until).max();
        let until = until.map_or_else(|| "the last of them expires".to_owned(), Time::rfc3339);
        let todo = format!("certificates name it until {until}: keep that address routed to this authority");
        found.push(finding("crl-elsewhere", severity, what, todo));
    }
    match &issuer.fetched {
        Some(Err(what)) => found.push(finding(
            "crl-unreachable",
            Severity::Wrong,
            format!("of {who}, {what}"),
            "verifiers fetch it by plain http: check the route, and that nothing redirects or challenges requests below \
             /crl/ and /issuer/",
        )),
        Some(Ok(list)) if list.next_update <= now => found.push(finding(
            "crl-cached",
            Severity::Wrong,
            format!("the CRL at {} expired at {}", list.url, list.next_update.rfc3339()),
            "if others are current, a cache on the way keeps it too long",
        )),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
