//! Failures for operators: refused requests, failed validations and issuances, and paused names.
//!
//! Equal failures share a record with a count. Nothing is recorded for a success.

use crate::records::acme::problem::Problem;
use crate::store::{Record, Table};
use crate::values::quote::visible;
use crate::values::{Id, Time, b64};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Maximum number of names in a failure, beside their total.
pub const MAX_NAMES: usize = 10;

/// Maximum length of a detail, in characters.
const MAX_DETAIL: usize = 1000;

/// Maximum length of the detail of a subproblem, in characters.
const MAX_SUBDETAIL: usize = 300;

/// Maximum length of a name, in characters.
const MAX_NAME: usize = 253;

/// Maximum length of a kid that a client sent, in characters.
const MAX_KID: usize = 128;

/// How long a failure is kept after the last of its kind.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// The number of days for which failures are counted by day.
const DAYS_COUNTED: u64 = 30;

/// How long a paused name is kept. Its account keeps the pause as long.
const PAUSE_KEPT: Duration = Duration::from_secs(400 * 86_400);

/// The origin of a failure. Each has a bound of its own, so that none displaces another's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A request that an account signed, or its validation or issuance.
    Account,
    /// A request for a new account.
    Registration,
    /// A request that names an account and was not signed by it. No key is needed to send one.
    Unsigned,
}

impl Origin {
    /// All origins.
    pub const ALL: [Self; 3] = [Self::Account, Self::Registration, Self::Unsigned];

    /// The first part of record ids.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Account => "a",
            Self::Registration => "r",
            Self::Unsigned => "u",
        }
    }

    /// Maximum number of records.
    pub const fn bound(self) -> usize {
        match self {
            Self::Account => 600,
            Self::Registration => 200,
            Self::Unsigned => 100,
        }
    }
}

/// The problem of one identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subproblem {
    /// The identifier.
    pub name: String,
    /// The error type.
    pub problem: String,
    /// The detail.
    pub detail: String,
}

/// A refused request, a failed validation or an abandoned issuance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its origin.
    pub origin: Origin,
    /// The resource of the request, `validation` or `issuance`.
    pub step: String,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Id>,
    /// The external account key of the account, or the one that a registration names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// The first names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The number of all names.
    pub names_count: usize,
    /// The error type.
    pub problem: String,
    /// The HTTP status.
    pub status: u16,
    /// The detail as the client got it, without proofs in URLs.
    pub detail: String,
    /// The problems of single identifiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subproblems: Vec<Subproblem>,
    /// The exceeded rate limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// The cause of an internal failure, which the client did not get.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The client address of a registration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// The first characters of a text.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

impl Failure {
    /// A failure with this problem. `clean` removes proofs from URLs in details.
    pub fn new(origin: Origin, step: &str, problem: &Problem, clean: impl Fn(&str) -> String) -> Self {
        let subproblems = problem.subproblems.iter().take(MAX_NAMES).map(|(named, sub)| Subproblem {
            name: shown(&named.value),
            problem: sub.kind.token().to_owned(),
            detail: cut(&clean(&sub.detail), MAX_SUBDETAIL),
        });
        Self {
            origin,
            step: step.to_owned(),
            account: None,
            external_account: None,
            names: Vec::new(),
            names_count: 0,
            problem: problem.kind.token().to_owned(),
            status: problem.status,
            detail: cut(&clean(&problem.detail), MAX_DETAIL),
            subproblems: subproblems.collect(),
            limit: problem.limit.clone(),
            cause: problem.log.as_ref().map(|log| cut(log, MAX_DETAIL)),
            address: None,
            request: None,
        }
    }

    /// The same failure about names as a client sent them. They need not be names.
    pub fn about_texts<'a>(self, texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut names, mut count) = (Vec::new(), 0);
        for text in texts {
            if count < MAX_NAMES {
                names.push(shown(text));
            }
            count += 1;
        }
        Self { names, names_count: count, ..self }
    }

    /// The same failure with the external account key that a client named.
    pub fn bound_to(self, kid: Option<&str>) -> Self {
        Self { external_account: kid.map(|kid| cut(&visible(&cut(kid, MAX_KID)), MAX_KID)), ..self }
    }

    /// The first two parts of the record ids of an account or an address.
    pub fn owner(&self) -> String {
        let owner = match (&self.account, &self.address) {
            (Some(account), _) => account.to_string(),
            (None, address) => digest(&[address.as_deref().unwrap_or_default()]),
        };
        format!("{}/{owner}", self.origin.group())
    }

    /// The id of its record. Equal failures have the same id, whatever times their details name.
    pub fn id(&self) -> String {
        let mut parts = vec![self.step.as_str(), self.problem.as_str(), self.limit.as_deref().unwrap_or_default()];
        parts.push(self.external_account.as_deref().unwrap_or_default());
        parts.extend(self.names.iter().map(String::as_str));
        format!("{}/{}", self.owner(), digest(&parts))
    }
}

/// A name that a client sent, with escapes for all but printable ASCII.
fn shown(text: &str) -> String {
    cut(&visible(text.get(..text.floor_char_boundary(MAX_NAME)).unwrap_or_default()), MAX_NAME)
}

fn digest(parts: &[&str]) -> String {
    b64::encode(Sha256::digest(parts.join("\n")).get(..16).unwrap_or_default())
}

/// Equal failures with their count, stored as `failure/{origin}/{owner}/{digest}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The last of them.
    pub failure: Failure,
    /// Time of the first.
    pub first: Time,
    /// Time of the last.
    pub last: Time,
    /// Their number.
    pub count: u64,
}

impl FailureRecord {
    /// A record of one failure.
    pub fn of(failure: Failure, now: Time) -> Self {
        Self { failure, first: now, last: now, count: 1 }
    }

    /// Adds later equal failures.
    pub fn add(&mut self, later: Self) {
        self.count = self.count.saturating_add(later.count);
        self.first = self.first.min(later.first);
        if later.last >= self.last {
            (self.failure, self.last) = (later.failure, later.last);
        }
    }
}

impl Record for FailureRecord {
    const PREFIX: &'static str = "failure";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.last.plus(KEPT))
    }
}

/// A paused name of an account, stored as `paused/{account}/{digest of the name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedRecord {
    /// The account.
    pub account: Id,
    /// The external account key of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// The name, as `{type}:{value}`.
    pub subject: String,
    /// Time when the pause began.
    pub since: Time,
    /// Number of consecutive failed validations.
    pub streak: u32,
}

impl PausedRecord {
    /// The id of the record of an account's name, as `{type}:{value}`.
    pub fn id_of(account: &Id, subject: &str) -> String {
        format!("{account}/{}", digest(&[subject]))
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.subject.split_once(':').map_or(&*self.subject, |(_, name)| name)
    }
}

impl Record for PausedRecord {
    const PREFIX: &'static str = "paused";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.since.plus(PAUSE_KEPT))
    }
}

/// The number of records of the failures partition, stored as `failed`. Expired records are still counted until one of
/// the numbers reaches its bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureTotals {
    /// Records of accounts.
    pub account: usize,
    /// Records of registrations.
    pub registration: usize,
    /// Records of unsigned requests.
    pub unsigned: usize,
    /// Records of paused names.
    pub paused: usize,
    /// Failures that were not recorded, since there were too many at once.
    pub omitted: u64,
    /// Failures by day, in days since 1970-01-01 (UTC), and error type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days: BTreeMap<u64, BTreeMap<String, u64>>,
}

impl FailureTotals {
    /// The number of records of this origin.
    pub fn of(&mut self, origin: Origin) -> &mut usize {
        match origin {
            Origin::Account => &mut self.account,
            Origin::Registration => &mut self.registration,
            Origin::Unsigned => &mut self.unsigned,
        }
    }

    /// Counts failures by day and error type. Requests that no account signed are left out: no key is needed to send them.
    pub fn count(&mut self, record: &FailureRecord) {
        if record.failure.origin == Origin::Unsigned {
            return;
        }
        let day = record.last.day();
        let count = self.days.entry(day).or_default().entry(record.failure.problem.clone()).or_default();
        *count = count.saturating_add(record.count);
        let last = self.days.keys().next_back().copied().unwrap_or(day);
        self.days.retain(|found, _| found.saturating_add(DAYS_COUNTED) > last);
    }
}

impl Record for FailureTotals {
    const PREFIX: &'static str = "failed";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::acme::problem::Kind;

    const NOW: Time = Time::from_secs(1_800_000_000);

    fn failure(detail: &str) -> Failure {
        let problem = Problem::new(Kind::RateLimited, detail);
        let account = Some(Id::from_random([1; 16]));
        Failure { account, ..Failure::new(Origin::Account, "new-order", &problem, str::to_owned) }
    }

    #[test]
    fn equal_failures_share_an_id_whatever_their_details() {
        let about = |detail: &str, name: &str| failure(detail).about_texts([name].into_iter());
        let one = about("until 12:00", "a.test");
        assert_eq!(one.id(), about("until 13:00", "a.test").id());
        assert_ne!(one.id(), about("until 12:00", "b.test").id());
        assert!(one.id().starts_with(&one.owner()) && one.owner().len() == 24, "{}", one.owner());
        let mut record = FailureRecord::of(one, NOW);
        let later = FailureRecord::of(about("later", "a.test"), NOW.plus(KEPT));
        record.add(later.clone());
        record.add(FailureRecord { count: u64::MAX, ..FailureRecord::of(failure("earlier"), NOW) });
        assert_eq!((record.failure.detail.as_str(), record.count), ("later", u64::MAX));
        assert_eq!((record.first, record.last), (NOW, later.last));
    }

    #[test]
    fn failures_are_counted_by_day_within_bounds() {
        let mut totals = FailureTotals::default();
        let at = |days: u64| FailureRecord::of(failure("x"), NOW.plus(Duration::from_secs(days * 86_400)));
        (0..100).for_each(|days| totals.count(&at(days)));
        totals.count(&FailureRecord { count: 4, ..at(99) });
        totals.count(&at(3));
        let unsigned = Failure { origin: Origin::Unsigned, ..failure("x") };
        totals.count(&FailureRecord::of(unsigned, at(99).last));
        let found: Vec<u64> = totals.days.values().map(|day| day["rateLimited"]).collect();
        assert_eq!((found.len(), found.iter().sum(), found.last()), (30, 34_u64, Some(&5)));
    }

    #[test]
    fn foreign_texts_are_bounded_and_shown_as_what_they_are() {
        let odd = ["\u{202e}tset.a", "<b>", "=1+1", "a\u{430}.test", "\u{1b}[2J"];
        let many = odd.into_iter().chain(core::iter::repeat_n("x", 90));
        let found = failure(&"é".repeat(5_000)).about_texts(many).bound_to(Some("\u{7}team"));
        assert_eq!((found.names.len(), found.names_count), (MAX_NAMES, 95));
        assert_eq!(found.names[..5], [r"\u{202e}tset.a", "<b>", "=1+1", r"a\u{430}.test", r"\u{1b}[2J"]);
        assert_eq!(found.external_account.as_deref(), Some(r"\u{7}team"));
        assert_eq!(found.detail.chars().count(), MAX_DETAIL + 1);
    }
}
