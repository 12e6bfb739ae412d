//! The lists of accounts, spread over a few partitions.

use crate::ca::http::routes::Urls;
use crate::ca::runtime::ask::{ask, json_of};
use crate::ca::runtime::message::{PartitionId, ROSTERS};
use crate::ca::runtime::operation::{Operation, Page};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::ledger::inventory::MemberRecord;
use crate::store::Kv;
use crate::values::{Id, Time};
use serde_json::{Value, json};

/// The partition that lists this account.
pub(in crate::ca) fn roster(account: &Id) -> PartitionId {
    let [first, ..] = account.bytes();
    PartitionId::Roster(first % ROSTERS)
}

/// Notes that there will be an account: before it is made, so that none is missing.
///
/// # Errors
/// `serverInternal`.
pub async fn enrol<P: Ports>(ports: &P, account: &Id, created: Time) -> Result<(), Problem> {
    let member = MemberRecord { account: account.clone(), created, shown: None };
    ask(ports, &roster(account), Operation::Enrol(Box::new(member))).await.map(drop)
}

/// An account as operators see it.
pub(in crate::ca) fn shown_of(urls: &Urls, member: &MemberRecord) -> Option<Value> {
    let shown = member.shown.as_ref()?;
    Some(json!({
        "id": member.account, "url": urls.account(&member.account), "status": shown.status,
        "contact": shown.contact, "external_account": shown.external,
        "created": member.created.rfc3339(), "thumbprint": shown.thumbprint,
    }))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Notes an account, or what it tells of itself. What is known already in a later state stays.
    pub(in crate::ca) fn enrol(&self, member: &MemberRecord) -> Result<Value, Problem> {
        self.transact(|txn| {
            let id = member.id();
            if !txn.get::<MemberRecord>(&id)?.is_some_and(|known| known.covers(member)) {
                txn.put(&id, member)?;
            }
            Ok(true.into())
        })
    }

    /// Accounts, the oldest first.
    pub(in crate::ca) fn members(&self, page: &Page) -> Result<Value, Problem> {
        self.transact(|txn| {
            let found = txn.list::<MemberRecord>(page.after.as_deref(), page.limit)?;
            json_of(&found.into_iter().map(|(_, member)| member).collect::<Vec<_>>())
        })
    }
}
