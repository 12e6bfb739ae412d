//! Turns facts into findings at a time, as a pure function.

use core::time::Duration;

use selvedge::ca::config::issuers::name_of;
use selvedge::records::ledger::crl::RENEWED;
use selvedge::values::Time;

use super::facts::{Authority, Crl, Facts, Issuer, Overview, Root};
use crate::ceremony::issuer_file;
use crate::common::invocation::companion;
use crate::common::moment::day;
use crate::operator::OperatorAnswer;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long before its takeover the next issuer is due. A company's CA may take weeks to sign.
pub const ISSUER_LEAD: Duration = DAY.saturating_mul(90);
/// The same for the root, which every client has to trust first.
pub const ROOT_LEAD: Duration = DAY.saturating_mul(365);
/// Lifetime of an issuer of `selvedge issuer new`.
pub const ISSUER_LIFETIME: Duration = DAY.saturating_mul(5 * 365);
/// Delay after which a CRL counts as overdue; alarms may be a little late.
pub const CRL_OVERDUE: Duration = HOUR;
/// Remaining validity that needs a warning: renewal, eight days ahead, has failed for days.
pub const CRL_EXPIRY_WARNING: Duration = HOUR.saturating_mul(48);

/// How long before its expiry the root's CRL is due. It needs the offline key and a deployment.
pub const ROOT_CRL_LEAD: Duration = DAY.saturating_mul(90);

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Does not work as it should.
    Wrong,
    /// Needs action now to keep working.
    Due,
    /// For planning.
    Note,
}

/// A finding with what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The fact.
    pub what: String,
    /// What to do.
    pub todo: String,
}

fn finding(severity: Severity, what: impl Into<String>, todo: impl Into<String>) -> Finding {
    Finding { severity, what: what.into(), todo: todo.into() }
}

/// All findings, most severe first.
pub fn judge(facts: &Facts, now: Time) -> Vec<Finding> {
    let mut found: Vec<Finding> = facts.root.iter().filter_map(|root| judge_root(root, now)).collect();
    match &facts.authority {
        Authority::Refuses(why) => found.push(finding(
            Severity::Wrong,
            format!("the authority does not work: {why}"),
            "fix it in wrangler.toml or the secrets, then `selvedge deploy`",
        )),
        Authority::Works(overview) => {
            found.extend(overview.problems.iter().map(|problem| {
                let what = problem.trim_end_matches('.');
                finding(Severity::Wrong, format!("the authority reports: {what}"), "fix it, then `selvedge deploy`")
            }));
            found.extend(root_list(overview, now));
            issuers(overview, now, &mut found);
        }
    }
    found.extend(facts.operator.as_ref().and_then(operator));
    found.sort_by_key(|finding| finding.severity);
    found
}

/// The finding about the operator's status.
fn operator(status: &OperatorAnswer) -> Option<Finding> {
    match status {
        Err(why) => Some(finding(
            Severity::Due,
            format!("the operator's status is not available: {}", why.trim_end_matches('.')),
            "create a token with `selvedge token new NAME`, store it, and pass its file with --token-file",
        )),
        Ok(status) if status.webhook.given_up > 0 => Some(finding(
            Severity::Due,
            format!("{} notices could not be delivered to the webhook", status.webhook.given_up),
            "`selvedge notices list` shows why, `selvedge notices test` tests the webhook",
        )),
        Ok(_) => None,
    }
}

fn judge_root(root: &Root, now: Time) -> Option<Finding> {
    let (name, end) = (&root.name, day(root.not_after));
    let todo = "create a new root with `selvedge init` in another folder, and distribute it to all clients before the present \
                one expires";
    if has_expired(root.not_after, now) {
        return Some(finding(
            Severity::Wrong,
            format!("the root {name} expired {end}: certificates below it do not verify"),
            "create a new CA with `selvedge init`, and distribute its root to all clients",
        ));
    }
    let left = now.until(root.not_after);
    if left <= ROOT_LEAD {
        return Some(finding(Severity::Due, format!("the root {name} expires {end}, in less than a year"), todo));
    }
    (left < ISSUER_LIFETIME).then(|| {
        let what = format!("the root {name} expires {end}: an issuer of five years would outlive it");
        finding(Severity::Note, what, todo)
    })
}

/// The finding about a root CRL that is due. The authority itself reports an expired one.
fn root_list(overview: &Overview, now: Time) -> Option<Finding> {
    let end = overview.root_crl.as_ref()?.next_update;
    (end > now && end <= now.plus(ROOT_CRL_LEAD)).then(|| {
        finding(
            Severity::Due,
            format!(
                "the root's CRL is valid until {}: after that, verifiers that check issuers refuse everything",
                day(end)
            ),
            "sign another with `selvedge issuer crl`, where the root's key is, then `selvedge deploy`",
        )
    })
}

fn has_expired(not_after: Time, now: Time) -> bool {
    // notAfter is the last second of validity.
    now.secs() > not_after.secs()
}

/// The latest takeover from an issuer that expires at `not_after`.
///
/// After a later one, the longest certificates would outlive the issuer.
pub fn handover(not_after: Time, longest: Duration) -> Time {
    not_after.minus(longest)
}

/// The state of an issuer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Signs new certificates.
    Active,
    /// Takes over later.
    Next,
    /// Signs only CRLs for its certificates.
    Retired,
}

/// The state of this issuer at `now`.
pub fn state(issuer: &Issuer, now: Time) -> State {
    match issuer.active {
        true => State::Active,
        false if issuer.takes_over.is_some_and(|at| at > now) => State::Next,
        false => State::Retired,
    }
}

fn issuers(overview: &Overview, now: Time, found: &mut Vec<Finding>) {
    let longest = overview.longest();
    let mut all: Vec<&Issuer> = overview.issuers.iter().collect();
    all.sort_by_key(|issuer| issuer.takes_over);
    let active = all.iter().find(|issuer| issuer.active);
    if active.is_none() {
        found.push(finding(Severity::Wrong, "no issuer is active", "check wrangler.toml and the Worker's log"));
    }
    let signing: Vec<&&Issuer> = all.iter().filter(|issuer| state(issuer, now) != State::Retired).collect();
    for (at, issuer) in signing.iter().enumerate() {
        found.extend(succession(issuer, signing.get(at + 1).map(|next| **next), longest, now));
    }
    for (at, issuer) in all.iter().enumerate() {
        if state(issuer, now) == State::Retired {
            let followed = all.get(at + 1).and_then(|next| next.takes_over).unwrap_or(now);
            found.extend(retired(issuer, followed, longest, now));
        }
        lists(issuer, now, found);
    }
}

fn named(issuer: &Issuer) -> String {
    format!("issuer {} ({})", issuer.place, issuer.name)
}

/// The finding about the successor of an issuer.
fn succession(issuer: &Issuer, next: Option<&Issuer>, longest: Duration, now: Time) -> Option<Finding> {
    let by = handover(issuer.not_after, longest);
    let (who, end, last) = (named(issuer), day(issuer.not_after), day(by));
    let make = "create the next one with `selvedge issuer new` (or `issuer request`), then `selvedge deploy`";
    if let Some((next, at)) = next.and_then(|next| Some((next, next.takes_over?))) {
        let (when, from) = (day(at), name_of("ISSUER_ACTIVE_FROM", next.place));
        return (at > by).then(|| {
            let severity = if issuer.active && now > by { Severity::Wrong } else { Severity::Due };
            let what = format!(
                "{who} expires {end}, and {} takes over on {when}, after {last}: in between the longest certificates \
                 cannot be issued",
                named(next)
            );
            finding(severity, what, format!("set {from} in wrangler.toml to an earlier time, then `selvedge deploy`"))
        });
    }
    if has_expired(issuer.not_after, now) {
        return Some(finding(Severity::Wrong, format!("{who} expired {end}"), make));
    }
    if now > by {
        let what = format!("{who} expires {end}: since {last} it cannot issue the longest certificates");
        return Some(finding(Severity::Wrong, what, make));
    }
    (now >= by.minus(ISSUER_LEAD)).then(|| {
        let what = format!("{who} expires {end} and has no successor; one has to take over by {last}");
        finding(Severity::Due, what, make)
    })
}

/// The finding about a retired issuer that may be removed.
///
/// Short-lived certificates are not counted, so the longest lifetime after the takeover has to pass too.
fn retired(issuer: &Issuer, followed: Time, longest: Duration, now: Time) -> Option<Finding> {
    // After the last certificate expires its CRL is signed once more (RFC 5280 §3.3).
    let counted = issuer.certificates_until.map_or(followed, |until| until.plus(RENEWED).plus(RENEWED));
    let over = counted.max(followed.plus(longest)).min(issuer.not_after);
    (now > over).then(|| {
        let name = |what: &str| name_of(what, issuer.place);
        let file = |kind: &str| issuer_file(issuer.place, kind);
        finding(
            Severity::Note,
            format!("{} is retired, and all of its certificates have expired: it may be removed", named(issuer)),
            format!(
                "remove {}, {} and {} from wrangler.toml, move {} and {} out of the CA's folder, `selvedge deploy`, then \
                 delete the secret: `{} tool wrangler secret delete {}`",
                name("ISSUER_CHAIN"),
                name("ISSUER_ACTIVE_FROM"),
                name("ALTERNATE_CHAINS"),
                file("pem"),
                file("key"),
                companion(),
                name("ISSUER_KEY")
            ),
        )
    })
}

/// The findings about the issuer's CRLs that are still renewed.
fn lists(issuer: &Issuer, now: Time, found: &mut Vec<Finding>) {
    let who = named(issuer);
    let me = companion();
    let todo = &format!(
        "check the Worker's log (`{me} tool wrangler tail`), the issuer's key, and whether Cloudflare runs its alarms"
    );
    let renewed: Vec<&Crl> = issuer.crls.iter().filter(|list| list.due.is_some()).collect();
    let count = |is: &dyn Fn(&Crl) -> bool| renewed.iter().filter(|list| is(list)).count();
    let late = count(&|list| list.due.is_some_and(|due| due.plus(CRL_OVERDUE) < now));
    let over = count(&|list| list.next_update.is_some_and(|until| until <= now));
    // A CRL cannot outlive its issuer, so its end near the issuer's is normal.
    let soon = count(&|list| {
        list.next_update
            .is_some_and(|until| until > now && until < now.plus(CRL_EXPIRY_WARNING) && until < issuer.not_after)
    });
    let of = |n: usize| format!("{n} of {} CRLs of {who}", renewed.len());
    if over > 0 {
        let what = format!("{} expired: verifiers may refuse its certificates", is_or_are(&of(over), over));
        found.push(finding(Severity::Wrong, what, todo));
    }
    if late > 0 {
        let what = format!("{} due for more than an hour and not signed", is_or_are(&of(late), late));
        found.push(finding(Severity::Wrong, what, todo));
    }
    if soon > 0 {
        let what = format!("{} to expire within 48 hours and not renewed", is_or_are(&of(soon), soon));
        found.push(finding(Severity::Due, what, todo));
    }
    for found_there in &issuer.elsewhere {
        let (severity, what) = match found_there {
            Err(what) => (Severity::Wrong, format!("of {who}, {what}")),
            Ok(list) if list.next_update <= now => {
                (Severity::Wrong, format!("the CRL at {} expired at {}", list.url, list.next_update.rfc3339()))
            }
            Ok(_) => continue,
        };
        found.push(finding(
            severity,
            what,
            "certificates name it until the last of them expires: keep that address routed to this authority",
        ));
    }
    match &issuer.fetched {
        Some(Err(what)) => found.push(finding(
            Severity::Wrong,
            format!("of {who}, {what}"),
            "verifiers fetch it by plain http: check the route, and that nothing redirects or challenges requests below \
             /crl/ and /issuer/",
        )),
        Some(Ok(list)) if list.next_update <= now => found.push(finding(
            Severity::Wrong,
            format!("the CRL at {} expired at {}", list.url, list.next_update.rfc3339()),
            "if others are current, a cache on the way keeps it too long",
        )),
        _ => {}
    }
}

fn is_or_are(subject: &str, n: usize) -> String {
    format!("{subject} {}", if n == 1 { "is" } else { "are" })
}

#[cfg(test)]
mod tests;
