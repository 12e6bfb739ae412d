//! The list of accounts, spread over several partitions.

use crate::ca::http::routes::Urls;
use crate::ca::runtime::ask::{Address, Page};
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::{PartitionId, ROSTERS};
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::ledger::inventory::RosterEntry;
use crate::store::Kv;
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

partition_kind! {
    /// A partition of the list of accounts.
    Roster {}
}

/// A partition of the list of accounts, by its number below [`ROSTERS`].
#[derive(Clone, Copy, Debug)]
pub struct RosterAt(pub u8);

impl RosterAt {
    /// Returns the partition that lists this account.
    pub fn of(account: &Id) -> Self {
        let [first, ..] = account.bytes();
        Self(first % ROSTERS)
    }
}

impl Address for RosterAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Roster(self.0)
    }
}

/// Enters an account into the list, or updates its entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrol(pub RosterEntry);

/// Lists accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListMembers(pub Page);

/// Counts accounts, up to a number.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CountMembers {
    /// The number at which counting stops.
    pub most: usize,
}

asks! {
    Roster at RosterAt, |roster, ask|
    Enrol -> () = roster.enrol(&ask.0);
    ListMembers -> Vec<RosterEntry> = roster.members(&ask.0);
    CountMembers -> usize = roster.count(ask.most);
}

/// Adds an account to the list before it is created, so that none is missing.
///
/// # Errors
/// `serverInternal`.
pub async fn enrol<P: Ports>(ports: &P, account: &Id, created: Time) -> Result<(), Problem> {
    let member = RosterEntry { account: account.clone(), created, shown: None };
    ports.ask(&RosterAt::of(account), &Enrol(member)).await
}

/// Returns an account as the API shows it; `None` until it has sent its data.
pub(in crate::ca) fn listed_account_of(urls: &Urls, member: &RosterEntry) -> Option<Value> {
    let shown = member.shown.as_ref()?;
    Some(json!({
        "id": member.account, "url": urls.account(&member.account), "status": shown.status,
        "contact": shown.contact, "external_account": shown.external,
        "created": member.created.rfc3339(), "thumbprint": shown.thumbprint,
    }))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Roster<P, K> {
    /// Adds an account or updates its data. An entry that is at least as recent is kept.
    pub(in crate::ca) fn enrol(&self, member: &RosterEntry) -> Result<(), Problem> {
        self.transact(|txn| {
            let id = member.id();
            if !txn.get::<RosterEntry>(&id)?.is_some_and(|known| known.covers(member)) {
                txn.put(&id, member)?;
            }
            Ok(())
        })
    }

    /// Returns the number of accounts, `most` at most.
    pub(in crate::ca) fn count(&self, most: usize) -> Result<usize, Problem> {
        self.transact(|txn| Ok(txn.list::<RosterEntry>(None, most)?.len()))
    }

    /// Returns a page of accounts, the oldest first.
    pub(in crate::ca) fn members(&self, page: &Page) -> Result<Vec<RosterEntry>, Problem> {
        self.transact(|txn| {
            let found = txn.list::<RosterEntry>(page.after.as_deref(), page.limit)?;
            Ok(found.into_iter().map(|(_, member)| member).collect())
        })
    }
}
