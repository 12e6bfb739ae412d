//! Lists and sums of failures and paused names.

use super::kind::Failures;
use super::record::MAX_PAUSED;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Pattern;
use crate::records::operations::failure::{FailureRecord, FailureTotals, Origin, PausedRecord};
use crate::records::{Kind, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Id, Identifier, Time, unicode};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A filter of failures. All given members have to match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureFilter {
    /// The account.
    pub account: Option<Id>,
    /// The external account key.
    pub external_account: Option<String>,
    /// A pattern of names.
    pub name: Option<String>,
    /// Part of a name, or the whole id of a request.
    pub text: Option<String>,
    /// The error type.
    pub problem: Option<String>,
    /// The step.
    pub step: Option<String>,
}

/// Lists failures, the latest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListFailures {
    /// The filter.
    pub filter: FailureFilter,
    /// The last failure of the page before, with its time.
    pub after: Option<(Time, String)>,
    /// Maximum number of failures.
    pub limit: usize,
}

/// A page of failures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FailurePage {
    /// The failures with their ids.
    pub failures: Vec<(String, FailureRecord)>,
    /// Whether there are more.
    pub more: bool,
    /// Number of failures that were not recorded.
    pub omitted: u64,
}

/// Lists paused names, in the order of their accounts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ListPaused {
    /// The filter; error type and step are ignored.
    pub filter: FailureFilter,
    /// The id of the name before the first.
    pub after: Option<String>,
    /// Maximum number of names.
    pub limit: usize,
}

/// Sums failures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SummarizeFailures {
    /// The earliest time of the last failure.
    pub since: Time,
}

/// The sums of failures since a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSummary {
    /// Records of accounts, by error type.
    pub problems: BTreeMap<String, u64>,
    /// The accounts among them.
    pub accounts: u64,
    /// Records of refused registrations.
    pub registrations: u64,
    /// Records of requests that their account did not sign.
    pub unsigned: u64,
    /// Paused names.
    pub paused: u64,
    /// Failures that were not recorded, of all time.
    pub omitted: u64,
    /// Failures by day and error type, whatever the time.
    pub days: BTreeMap<u64, BTreeMap<String, u64>>,
}

/// A filter in the form that is compared.
struct Parsed<'a> {
    filter: &'a FailureFilter,
    pattern: Option<Pattern>,
    plain: Option<String>,
    unicode: Option<String>,
}

impl<'a> Parsed<'a> {
    fn of(filter: &'a FailureFilter) -> Result<Self, Problem> {
        let pattern = filter.name.as_deref().map(Pattern::parse).transpose();
        let pattern = pattern.map_err(|why| Problem::malformed(format!("name {why}.")))?;
        let text = filter.text.as_deref().map(str::trim);
        let (plain, unicode) = (text.map(str::to_lowercase), text.map(unicode::for_search));
        Ok(Self { filter, pattern, plain, unicode })
    }

    fn names_fit<'n>(&self, mut names: impl Iterator<Item = &'n str> + Clone) -> bool {
        let has_text = |name: &str| {
            self.plain.as_ref().is_none_or(|part| name.to_lowercase().contains(part.as_str()))
                || self.unicode.as_ref().is_some_and(|part| unicode::form(name).is_some_and(|form| form.contains(part)))
        };
        let touched = |name: &str| {
            let found = Identifier::parse(name);
            found.is_ok_and(|found| self.pattern.as_ref().is_none_or(|pattern| pattern.touches(&found)))
        };
        (self.plain.is_none() || names.clone().any(has_text)) && (self.pattern.is_none() || names.any(touched))
    }

    fn owner_fits(&self, account: Option<&Id>, external: Option<&String>) -> bool {
        self.filter.account.as_ref().is_none_or(|wanted| Some(wanted) == account)
            && self.filter.external_account.as_ref().is_none_or(|wanted| Some(wanted) == external)
    }

    fn fits(&self, FailureRecord { failure, .. }: &FailureRecord) -> bool {
        let same = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let of_request = self.filter.text.is_some() && self.filter.text == failure.request;
        let names = failure.names.iter().chain(failure.subproblems.iter().map(|sub| &sub.name)).map(String::as_str);
        self.owner_fits(failure.account.as_ref(), failure.external_account.as_ref())
            && same(&self.filter.problem, &failure.problem)
            && same(&self.filter.step, &failure.step)
            && (of_request || self.names_fit(names))
    }
}

/// All failures; their number is bounded.
fn all<K: Kv>(txn: &Txn<'_, K>) -> Result<Vec<(String, FailureRecord)>, Problem> {
    let bound = Origin::ALL.into_iter().map(Origin::bound).sum();
    Ok(txn.list::<FailureRecord>(None, bound)?)
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Failures<P, K> {
    /// Returns a page of failures, the latest first.
    ///
    /// # Errors
    /// `malformed` for an invalid pattern; when the storage fails.
    pub(in crate::ca) fn list(&self, ask: &ListFailures) -> Result<FailurePage, Problem> {
        let filter = Parsed::of(&ask.filter)?;
        self.transact(|txn| {
            let mut found = all(txn)?;
            found.retain(|(_, record)| filter.fits(record));
            found.sort_by(|(a, one), (b, other)| other.last.cmp(&one.last).then(a.cmp(b)));
            if let Some((time, id)) = &ask.after {
                found.retain(|(found, record)| {
                    (core::cmp::Reverse(record.last), found) > (core::cmp::Reverse(*time), id)
                });
            }
            let more = found.len() > ask.limit;
            found.truncate(ask.limit);
            let omitted = txn.get::<FailureTotals>("")?.unwrap_or_default().omitted;
            Ok(FailurePage { failures: found, more, omitted })
        })
    }

    /// Returns paused names.
    ///
    /// # Errors
    /// As [`Failures::list`].
    pub(in crate::ca) fn paused(&self, ask: &ListPaused) -> Result<Vec<PausedRecord>, Problem> {
        let filter = Parsed::of(&ask.filter)?;
        self.transact(|txn| {
            let found =
                txn.list::<PausedRecord>(ask.after.as_deref(), MAX_PAUSED)?.into_iter().map(|(_, record)| record);
            let found = found.filter(|record| {
                filter.owner_fits(Some(&record.account), record.external_account.as_ref())
                    && filter.names_fit(core::iter::once(record.name()))
            });
            Ok(found.take(ask.limit).collect())
        })
    }

    /// Returns the sums of failures.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn summary(&self, since: Time) -> Result<FailureSummary, Problem> {
        self.transact(|txn| {
            let FailureTotals { omitted, days, .. } = txn.get("")?.unwrap_or_default();
            let mut summary = FailureSummary { omitted, days, ..FailureSummary::default() };
            let mut accounts = BTreeSet::new();
            for (_, record) in all(txn)?.into_iter().filter(|(_, record)| record.last >= since) {
                match record.failure.origin {
                    Origin::Account => {
                        *summary.problems.entry(record.failure.problem).or_default() += 1;
                        accounts.extend(record.failure.account);
                    }
                    Origin::Registration => summary.registrations += 1,
                    Origin::Unsigned => summary.unsigned += 1,
                }
            }
            summary.accounts = u64::try_from(accounts.len()).unwrap_or(u64::MAX);
            summary.paused = u64::try_from(txn.list::<PausedRecord>(None, MAX_PAUSED)?.len()).unwrap_or(u64::MAX);
            Ok(summary)
        })
    }
}

impl FailureSummary {
    /// Number of failures that were the server's.
    pub fn internal(&self) -> u64 {
        self.problems.get(Kind::ServerInternal.token()).copied().unwrap_or_default()
    }

    /// Number of all failures of accounts.
    pub fn of_accounts(&self) -> u64 {
        self.problems.values().sum()
    }
}
