//! Findings about certificates, alarms, notices, failures and settings.

use super::backups;
use super::backups::BackupFacts;
use super::finding::{Finding, Severity, day, number};
use super::growth;
use super::issuers;
use super::issuers::{CRL_OVERDUE, IssuerFacts};
use super::outside;
use super::witnesses;
use super::witnesses::LogFacts;
use crate::ca::config::expiry_dates::Thing;
use crate::values::Time;
use core::time::Duration;

/// All facts about a CA at a time.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The time.
    pub now: Time,
    /// The longest lifetime of certificates.
    pub longest: Duration,
    /// The issuers.
    pub issuers: Vec<IssuerFacts>,
    /// Sizes of the databases of active issuers' ledgers in octets, with the issuers.
    pub ledgers: Vec<(String, u64)>,
    /// Problems of the configuration.
    pub problems: Vec<String>,
    /// Name and notAfter of the root.
    pub root: Option<(String, Time)>,
    /// nextUpdate of the root's CRL.
    pub root_list: Option<Time>,
    /// Whether accounts can be created without an external account key.
    pub registration_open: bool,
    /// Whether `NONCE_KEY_PREVIOUS` is set.
    pub previous_nonce_key: bool,
    /// Number of certificates within the last sixth of their lifetime, not renewed.
    pub unrenewed: u64,
    /// The first of them to expire: its name and notAfter.
    pub first_unrenewed: Option<(String, Time)>,
    /// The earliest due time of the alarms, with the name of the partition.
    pub late: Vec<(String, Time)>,
    /// Notices whose delivery was given up.
    pub given_up: u64,
    /// Names that are paused.
    pub paused: u64,
    /// Kinds of failures of accounts in the last day, and the accounts.
    pub failures: (u64, u64),
    /// Those among them that were the server's.
    pub internal: u64,
    /// Actions that wait for a second person.
    pub approvals: u64,
    /// Admin tokens with their end.
    pub tokens: Vec<(String, Time)>,
    /// Things outside of the CA with their end.
    pub outside: Vec<(Thing, Time)>,
    /// The open transparency logs.
    pub logs: Vec<LogFacts>,
    /// The backups into a bucket.
    pub backups: Option<BackupFacts>,
    /// Partitions that a newer release has stored, with their schema numbers.
    pub newer: Vec<(String, u32)>,
}

/// The time before its end at which a token is reported.
const TOKEN_ENDS: Duration = Duration::from_secs(14 * 86_400);

impl Facts {
    /// Returns the findings, the gravest first.
    pub fn judge(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.problems.iter().map(|problem| reported(problem)).collect();
        found.extend(self.newer.iter().map(|(name, schema)| newer(name, *schema)));
        found.extend(self.root.iter().filter_map(|(name, end)| issuers::root(name, *end, self.now)));
        found.extend(self.root_list.and_then(|end| issuers::root_list(end, self.now)));
        found.extend(issuers::issuers(&self.issuers, self.longest, self.now));
        found.extend(self.ledgers.iter().filter_map(|(issuer, octets)| growth::ledger(issuer, *octets)));
        found.extend(self.logs.iter().flat_map(witnesses::findings));
        found.extend(self.unrenewed());
        found.extend(self.late.iter().filter_map(|(name, due)| late(name, *due, self.now)));
        found.extend(undelivered(self.given_up));
        found.extend(self.backups.iter().flat_map(|facts| backups::late_or_failed(facts, self.now)));
        found.extend(self.of_clients());
        found.extend(approvals(self.approvals));
        found.extend(self.tokens.iter().filter_map(|(name, end)| token(name, *end, self.now)));
        found.extend(self.outside.iter().filter_map(|(thing, end)| outside::thing(*thing, *end, self.now)));
        if self.registration_open {
            let what = "accounts can be created without an external account key";
            let todo = "if that is not intended, set EXTERNAL_ACCOUNT_REQUIRED to true, then `selvedge deploy`";
            found.push(Finding::new("registration-open", Severity::Note, what, todo));
        }
        found.extend(self.previous_nonce_key.then(previous_nonce_key));
        found.sort_by_key(|finding| finding.severity);
        found
    }

    /// The finding about certificates that end soon and were not renewed.
    fn unrenewed(&self) -> Option<Finding> {
        let n = self.unrenewed;
        let first = self.first_unrenewed.as_ref();
        let first = first.map_or_else(String::new, |(name, end)| format!("; the first is {name}, {}", day(*end)));
        let verb = if n == 1 { "expires" } else { "expire" };
        let what = format!("{} {verb} unrenewed, in the last sixth of the lifetime{first}", number(n, "certificate"));
        let todo = "`selvedge certs list --status valid --ends-within 15d` lists them, `selvedge why NAME` shows what their \
                    clients were refused; revoke those that are not needed";
        (n > 0).then(|| Finding::new("certificates-unrenewed", Severity::Due, what, todo).counted(n))
    }

    /// The findings about what clients do.
    fn of_clients(&self) -> Vec<Finding> {
        let (mut found, (failures, accounts)) = (Vec::new(), self.failures);
        if self.paused > 0 {
            let verb = if self.paused == 1 { "is" } else { "are" };
            let what = format!("{} {verb} paused: their validations always fail", number(self.paused, "name"));
            let todo = "`selvedge paused list` lists them, `selvedge why NAME` says why, `selvedge paused resume NAME` ends it";
            found.push(Finding::new("names-paused", Severity::Due, what, todo).counted(self.paused));
        }
        if self.internal > 0 {
            let what = format!("{} of the CA itself in the last day", number(self.internal, "failure"));
            let todo = "`selvedge failures --problem serverInternal` shows the causes";
            found.push(Finding::new("failures-internal", Severity::Due, what, todo).counted(self.internal));
        }
        if failures > 0 {
            let what =
                format!("{} of failure of {} in the last day", number(failures, "kind"), number(accounts, "account"));
            found.push(
                Finding::new("failures", Severity::Note, what, "`selvedge failures` lists them").counted(failures),
            );
        }
        found
    }
}

/// A problem that the configuration reports.
pub fn reported(problem: &str) -> Finding {
    let what = format!("the authority reports: {}", problem.trim_end_matches('.'));
    Finding::new("configuration", Severity::Wrong, what, "fix it, then `selvedge deploy`")
}

/// The finding about a change of `NONCE_KEY` that is not finished.
fn previous_nonce_key() -> Finding {
    let what = "NONCE_KEY_PREVIOUS is set, so external account keys and links of the previous NONCE_KEY are accepted";
    let todo = "once `selvedge eab list` shows no usable key of the previous nonce key that is still needed, `selvedge \
                nonce-key finish`, then `selvedge deploy`";
    Finding::new("nonce-key-previous", Severity::Note, what, todo)
}

/// The finding about a partition that a newer release has stored.
fn newer(name: &str, schema: u32) -> Finding {
    let what = format!("{name} was stored by a newer release, with schema {schema}: this release refuses it");
    let todo = "deploy the release that ran before, or a later one; nothing of it is lost";
    Finding::new("schema-newer", Severity::Wrong, what, todo)
}

/// The finding about notices that were given up.
pub fn undelivered(given_up: u64) -> Option<Finding> {
    let what = format!("{} could not be delivered to the webhook", number(given_up, "notice"));
    let todo = "`selvedge notices list` shows why, `selvedge notices test` tests the webhook";
    (given_up > 0).then(|| Finding::new("notices-undelivered", Severity::Due, what, todo).counted(given_up))
}

/// The finding about actions that wait for a second person.
fn approvals(waiting: u64) -> Option<Finding> {
    let verb = if waiting == 1 { "waits" } else { "wait" };
    let what = format!("{} {verb} for a second person", number(waiting, "action"));
    let todo = "`selvedge approvals list` lists them, `selvedge approvals confirm ID` runs one";
    (waiting > 0).then(|| Finding::new("approvals-waiting", Severity::Note, what, todo).counted(waiting))
}

/// What to do about a token that ends.
pub const TOKEN_TODO: &str = "`selvedge token remove NAME`, `selvedge token new NAME` where it is still needed, then \
                              `selvedge deploy --replace-secrets`";

/// The finding about a token that ends soon, or has ended.
fn token(name: &str, end: Time, now: Time) -> Option<Finding> {
    let todo = TOKEN_TODO;
    if end <= now {
        let what = format!("the admin token {name:?} ended on {}", day(end));
        return Some(Finding::new("token-ended", Severity::Note, what, todo));
    }
    let what = format!("the admin token {name:?} ends on {}", day(end));
    (end <= now.plus(TOKEN_ENDS)).then(|| Finding::new("token-ending", Severity::Due, what, todo))
}

/// The finding about a partition whose alarm is late.
fn late(name: &str, due: Time, now: Time) -> Option<Finding> {
    let what = format!("the alarm of {name} is late: its work was due at {}", due.rfc3339());
    let todo = "check the Worker's log; a request to BASE_URL/issuers sets the alarms of ledgers anew";
    (due.plus(CRL_OVERDUE) < now).then(|| Finding::new("alarm-late", Severity::Wrong, what, todo))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn good() -> Facts {
        let issuer = IssuerFacts {
            place: 1,
            name: "Issuing".to_owned(),
            active: true,
            takes_over: None,
            not_after: NOW.plus(DAY * 1500),
            certificates_until: None,
            crls: Vec::new(),
        };
        Facts {
            now: NOW,
            longest: DAY * 90,
            issuers: vec![issuer],
            ledgers: Vec::new(),
            problems: Vec::new(),
            root: Some(("Root".to_owned(), NOW.plus(DAY * 7000))),
            root_list: Some(NOW.plus(DAY * 1500)),
            registration_open: false,
            previous_nonce_key: false,
            unrenewed: 0,
            first_unrenewed: None,
            late: vec![("operations".to_owned(), NOW.minus(CRL_OVERDUE))],
            given_up: 0,
            paused: 0,
            failures: (0, 0),
            internal: 0,
            approvals: 0,
            tokens: vec![("ada".to_owned(), NOW.plus(TOKEN_ENDS + Duration::from_millis(1)))],
            outside: vec![(Thing::Domain, NOW.plus(DAY * 61))],
            newer: Vec::new(),
            logs: Vec::new(),
            backups: None,
        }
    }

    #[track_caller]
    fn only(facts: &Facts, id: &str, severity: Severity, says: &str) {
        let found = facts.judge();
        assert!(found.len() == 1 && found[0].id == id && found[0].severity == severity, "{found:?}");
        assert!(found[0].what.contains(says), "{found:?}");
    }

    #[test]
    fn each_fact_has_its_finding() {
        assert_eq!(good().judge(), []);
        let first = Some(("a.test".to_owned(), NOW.plus(DAY)));
        only(
            &Facts { unrenewed: 11, first_unrenewed: first, ..good() },
            "certificates-unrenewed",
            Severity::Due,
            "11 certificates expire unrenewed, in the last sixth of the lifetime; the first is a.test, 2027-01-16",
        );
        let newer = vec![("ledger/x".to_owned(), 3)];
        only(&Facts { newer, ..good() }, "schema-newer", Severity::Wrong, "ledger/x was stored by a newer release");
        only(&Facts { paused: 1, ..good() }, "names-paused", Severity::Due, "1 name is paused");
        only(&Facts { internal: 2, ..good() }, "failures-internal", Severity::Due, "2 failures of the CA");
        only(&Facts { failures: (3, 1), ..good() }, "failures", Severity::Note, "3 kinds of failure of 1 account");
        only(&Facts { approvals: 2, ..good() }, "approvals-waiting", Severity::Note, "2 actions wait for a second");
        let of = |end: Time| vec![("ada".to_owned(), end)];
        let says = "the admin token \"ada\" ends on 2027-01-29";
        only(&Facts { tokens: of(NOW.plus(TOKEN_ENDS)), ..good() }, "token-ending", Severity::Due, says);
        only(&Facts { tokens: of(NOW), ..good() }, "token-ended", Severity::Note, "ended on 2027-01-15");
        let outside = vec![(Thing::Domain, NOW.plus(DAY * 60))];
        only(&Facts { outside, ..good() }, "date-ending", Severity::Due, "the CA's domain ends on 2027-03-16");
        let ledgers = vec![("issuer 1 (Issuing)".to_owned(), 8_000_000_000)];
        only(&Facts { ledgers, ..good() }, "ledger-full", Severity::Due, "issuer 1 (Issuing) has 8.0 GB, 80 %");
        only(&Facts { given_up: 1, ..good() }, "notices-undelivered", Severity::Due, "1 notice could");
        only(&Facts { registration_open: true, ..good() }, "registration-open", Severity::Note, "without an external");
        only(&Facts { previous_nonce_key: true, ..good() }, "nonce-key-previous", Severity::Note, "NONCE_KEY_PREVIOUS");
        let late = vec![("the ledger".to_owned(), NOW.minus(CRL_OVERDUE).minus(Duration::from_millis(1)))];
        only(&Facts { late, ..good() }, "alarm-late", Severity::Wrong, "the alarm of the ledger is late");
        only(
            &Facts { problems: vec!["It is odd.".to_owned()], ..good() },
            "configuration",
            Severity::Wrong,
            "It is odd",
        );
        let root = Some(("Root".to_owned(), NOW.minus(DAY)));
        let all = Facts { root, paused: 1, registration_open: true, ..good() }.judge();
        assert_eq!(all.iter().map(|one| one.severity).collect::<Vec<_>>(), Severity::ALL);
    }
}
