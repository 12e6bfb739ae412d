//! Findings about the root, the issuers and their CRLs.

use super::finding::{Finding, Severity, day};
use crate::ca::config::issuers::name_of;
use crate::records::ledger::crl::RENEWED;
use crate::values::Time;
use core::time::Duration;

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

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerFacts {
    /// Its number.
    pub place: u8,
    /// Its display name.
    pub name: String,
    /// Whether it signs new certificates.
    pub active: bool,
    /// When it takes over; `None` for the first issuer.
    pub takes_over: Option<Time>,
    /// The earliest notAfter of its chain.
    pub not_after: Time,
    /// When the last certificate that names a CRL expires.
    pub certificates_until: Option<Time>,
    /// Its CRLs.
    pub crls: Vec<CrlFacts>,
}

/// A CRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlFacts {
    /// Its nextUpdate.
    pub next_update: Option<Time>,
    /// When it is due for renewal; `None` when all of its certificates have expired.
    pub due: Option<Time>,
}

/// The state of an issuer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerState {
    /// Signs new certificates.
    Active,
    /// Takes over later.
    Next,
    /// Signs only CRLs for its certificates.
    Retired,
}

impl IssuerFacts {
    /// Its state at `now`.
    pub fn state(&self, now: Time) -> IssuerState {
        match self.active {
            true => IssuerState::Active,
            false if self.takes_over.is_some_and(|at| at > now) => IssuerState::Next,
            false => IssuerState::Retired,
        }
    }

    /// Its number and name.
    pub fn named(&self) -> String {
        format!("issuer {} ({})", self.place, self.name)
    }
}

/// The latest takeover from an issuer that expires at `not_after`.
///
/// After a later one, the longest certificates would outlive the issuer.
pub fn handover(not_after: Time, longest: Duration) -> Time {
    not_after.minus(longest)
}

fn has_expired(not_after: Time, now: Time) -> bool {
    // notAfter is the last second of validity.
    now.secs() > not_after.secs()
}

/// The finding about a root of this name that ends at `not_after`.
pub fn root(name: &str, not_after: Time, now: Time) -> Option<Finding> {
    let end = day(not_after);
    let todo = "create a new root with `selvedge init` in another folder, and distribute it to all clients before the present \
                one expires";
    if has_expired(not_after, now) {
        return Some(Finding::new(
            "root-expired",
            Severity::Wrong,
            format!("the root {name} expired {end}: certificates below it do not verify"),
            "create a new CA with `selvedge init`, and distribute its root to all clients",
        ));
    }
    let left = now.until(not_after);
    if left <= ROOT_LEAD {
        let what = format!("the root {name} expires {end}, in less than a year");
        return Some(Finding::new("root-ending", Severity::Due, what, todo));
    }
    (left < ISSUER_LIFETIME).then(|| {
        let what = format!("the root {name} expires {end}: an issuer of five years would outlive it");
        Finding::new("root-ending", Severity::Note, what, todo)
    })
}

/// The finding about a root CRL that is due. An expired one is a problem of the configuration.
pub fn root_list(end: Time, now: Time) -> Option<Finding> {
    (end > now && end <= now.plus(ROOT_CRL_LEAD)).then(|| {
        let what = format!(
            "the root's CRL is valid until {}: after that, verifiers that check issuers refuse everything",
            day(end)
        );
        let todo = "sign another with `selvedge issuer crl`, where the root's key is, then `selvedge deploy`";
        Finding::new("root-crl-ending", Severity::Due, what, todo)
    })
}

/// The findings about all issuers. `longest` is the longest lifetime of certificates.
pub fn issuers(all: &[IssuerFacts], longest: Duration, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut all: Vec<&IssuerFacts> = all.iter().collect();
    all.sort_by_key(|issuer| issuer.takes_over);
    if !all.iter().any(|issuer| issuer.active) {
        let todo = "check wrangler.toml and the Worker's log";
        found.push(Finding::new("no-active-issuer", Severity::Wrong, "no issuer is active", todo));
    }
    let signing: Vec<&&IssuerFacts> = all.iter().filter(|issuer| issuer.state(now) != IssuerState::Retired).collect();
    for (at, issuer) in signing.iter().enumerate() {
        found.extend(succession(issuer, signing.get(at + 1).map(|next| **next), longest, now));
    }
    for (at, issuer) in all.iter().enumerate() {
        if issuer.state(now) == IssuerState::Retired {
            let followed = all.get(at + 1).and_then(|next| next.takes_over).unwrap_or(now);
            found.extend(retired(issuer, followed, longest, now));
        }
        lists(issuer, now, &mut found);
    }
    found
}

/// The finding about the successor of an issuer.
fn succession(issuer: &IssuerFacts, next: Option<&IssuerFacts>, longest: Duration, now: Time) -> Option<Finding> {
    const ID: &str = "issuer-succession";
    let by = handover(issuer.not_after, longest);
    let (who, end, last) = (issuer.named(), day(issuer.not_after), day(by));
    let make = "create the next one with `selvedge issuer new` (or `issuer request`), then `selvedge deploy`";
    if let Some((next, at)) = next.and_then(|next| Some((next, next.takes_over?))) {
        let (when, from) = (day(at), name_of("ISSUER_ACTIVE_FROM", next.place));
        return (at > by).then(|| {
            let severity = if issuer.active && now > by { Severity::Wrong } else { Severity::Due };
            let what = format!(
                "{who} expires {end}, and {} takes over on {when}, after {last}: in between the longest certificates \
                 cannot be issued",
                next.named()
            );
            let todo = format!("set {from} in wrangler.toml to an earlier time, then `selvedge deploy`");
            Finding::new(ID, severity, what, todo)
        });
    }
    if has_expired(issuer.not_after, now) {
        return Some(Finding::new("issuer-expired", Severity::Wrong, format!("{who} expired {end}"), make));
    }
    if now > by {
        let what = format!("{who} expires {end}: since {last} it cannot issue the longest certificates");
        return Some(Finding::new(ID, Severity::Wrong, what, make));
    }
    (now >= by.minus(ISSUER_LEAD)).then(|| {
        let what = format!("{who} expires {end} and has no successor; one has to take over by {last}");
        Finding::new(ID, Severity::Due, what, make)
    })
}

/// The finding about a retired issuer that may be removed.
///
/// Short-lived certificates are not counted, so the longest lifetime after the takeover has to pass too.
fn retired(issuer: &IssuerFacts, followed: Time, longest: Duration, now: Time) -> Option<Finding> {
    // After the last certificate expires its CRL is signed once more (RFC 5280 §3.3).
    let counted = issuer.certificates_until.map_or(followed, |until| until.plus(RENEWED).plus(RENEWED));
    let over = counted.max(followed.plus(longest)).min(issuer.not_after);
    (now > over).then(|| {
        let name = |what: &str| name_of(what, issuer.place);
        let file = |kind: &str| match issuer.place {
            1 => format!("issuer.{kind}"),
            n => format!("issuer-{n}.{kind}"),
        };
        Finding::new(
            "issuer-removable",
            Severity::Note,
            format!("{} is retired, and all of its certificates have expired: it may be removed", issuer.named()),
            format!(
                "remove {}, {} and {} from wrangler.toml, move {} and {} out of the CA's folder, `selvedge deploy`, then \
                 delete the secret: `selvedge tool wrangler secret delete {}`",
                name("ISSUER_CHAIN"),
                name("ISSUER_ACTIVE_FROM"),
                name("ALTERNATE_CHAINS"),
                file("pem"),
                file("key"),
                name("ISSUER_KEY")
            ),
        )
    })
}

/// The findings about the issuer's CRLs that are still renewed.
fn lists(issuer: &IssuerFacts, now: Time, found: &mut Vec<Finding>) {
    let todo = "check the Worker's log (`selvedge tool wrangler tail`), the issuer's key, and whether Cloudflare runs its \
                alarms";
    let renewed: Vec<&CrlFacts> = issuer.crls.iter().filter(|list| list.due.is_some()).collect();
    let count = |is: &dyn Fn(&CrlFacts) -> bool| renewed.iter().filter(|list| is(list)).count();
    let late = count(&|list| list.due.is_some_and(|due| due.plus(CRL_OVERDUE) < now));
    let over = count(&|list| list.next_update.is_some_and(|until| until <= now));
    // A CRL cannot outlive its issuer, so its end near the issuer's is normal.
    let soon = count(&|list| {
        list.next_update
            .is_some_and(|until| until > now && until < now.plus(CRL_EXPIRY_WARNING) && until < issuer.not_after)
    });
    let of = |n: usize| {
        let verb = if n == 1 { "is" } else { "are" };
        format!("{n} of {} CRLs of {} {verb}", renewed.len(), issuer.named())
    };
    for (id, n, severity, what) in [
        ("crl-expired", over, Severity::Wrong, "expired: verifiers may refuse its certificates"),
        ("crl-late", late, Severity::Wrong, "due for more than an hour and not signed"),
        ("crl-ending", soon, Severity::Due, "to expire within 48 hours and not renewed"),
    ] {
        if n > 0 {
            let count = u64::try_from(n).unwrap_or(u64::MAX);
            found.push(Finding::new(id, severity, format!("{} {what}", of(n)), todo).counted(count));
        }
    }
}
