//! Accounts as operators see them.

use super::audit::{Done, audited_answer};
use super::body::{Members, Query};
use super::operation::{Operation, Page};
use super::operator::Operator;
use super::state::{ask, ask_for, not_found, shown};
use crate::acme::inventory::MemberRecord;
use crate::acme::{AccountRecord, AccountStatus, CertificateRecord, Problem};
use crate::ca::cell::Cell;
use crate::ca::http::{Answer, Request};
use crate::ca::message::{Partition, ROSTERS};
use crate::ca::ports::{PartitionPorts, Ports};
use crate::store::Kv;
use crate::values::Id;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most accounts of a page, each of which is asked for by itself, and how many there are when nothing is said.
const MOST: usize = 200;
const USUAL: usize = 50;

/// Notes that there will be an account: before it is made, so that none is missing.
///
/// # Errors
/// `serverInternal`.
pub async fn enrol<P: Ports>(ports: &P, account: &Id) -> Result<(), Problem> {
    let [first, ..] = account.bytes();
    ask(ports, &Partition::Roster(first % ROSTERS), Operation::Enrol(account.clone())).await.map(drop)
}

/// GET of the list.
///
/// # Errors
/// `malformed` for a query that is wrong.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let query = Query::read(request, &["cursor", "limit"])?;
    let limit = query.limit(MOST, USUAL)?;
    let page = Page { after: query.get("cursor").map(str::to_owned), limit: limit.saturating_add(1) };
    let mut ids: Vec<String> = Vec::new();
    for n in 0..ROSTERS {
        ids.extend(ask_for::<P, Vec<String>>(ports, &Partition::Roster(n), Operation::Members(page.clone())).await?);
    }
    ids.sort_unstable();
    let next = ids.get(limit.saturating_sub(1)).filter(|_| ids.len() > limit).cloned();
    ids.truncate(limit);
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    // One whose making was broken off, and begun again, stands there twice.
    ids.retain(|id| seen.insert(id.split_once('-').map(|(_, id)| id.to_owned())));
    for id in ids.iter().filter_map(|id| Id::parse(id.split_once('-')?.1)) {
        // One that was never made is none.
        if let Some(account) = of_id(ports, &id, Operation::ShowAccount).await? {
            all.push(account);
        }
    }
    Ok(shown(200, &json!({ "accounts": all, "next": next })))
}

async fn of_id<P: Ports>(ports: &P, id: &Id, operation: Operation) -> Result<Option<Value>, Problem> {
    let found = ask(ports, &Partition::Account(id.clone()), operation).await?;
    Ok(Some(found).filter(|found| !found.is_null()))
}

/// GET of one.
///
/// # Errors
/// 404 for one that there is not.
pub async fn show<P: Ports>(ports: &P, id: &Id) -> Answer {
    let found = of_id(ports, id, Operation::ShowAccount).await?;
    found.map(|found| shown(200, &found)).ok_or_else(|| not_found("account"))
}

/// POST to an account's end (RFC 8555 §7.1.6: `revoked`, ended by the server).
///
/// # Errors
/// 404 for one that there is not.
pub async fn deactivate<P: Ports>(ports: &P, operator: &Operator, request: &Request, id: &Id) -> Answer {
    let target = id.to_string();
    audited_answer(ports, (operator, request), ("account.deactivate", Some(&target)), 200, async {
        Members::read(request, &[])?;
        let found = of_id(ports, id, Operation::EndAccount).await?;
        found.map(Done::from).ok_or_else(|| not_found("account"))
    })
    .await
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Notes that there will be an account.
    pub(super) fn enrol(&self, account: Id) -> Result<Value, Problem> {
        self.transact(|txn| {
            txn.put(&format!("{:016}-{account}", self.ports.now().millis()), &MemberRecord { account })?;
            Ok(true.into())
        })
    }

    /// The ids of records of accounts, the oldest first.
    pub(super) fn members(&self, page: &Page) -> Result<Value, Problem> {
        self.transact(|txn| {
            let found = txn.list::<MemberRecord>(page.after.as_deref(), page.limit)?;
            Ok(found.into_iter().map(|(id, _)| id).collect())
        })
    }

    /// This account; `null` when there is none.
    pub(super) fn show_account(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            Ok(txn.get::<AccountRecord>("")?.map_or(Value::Null, |account| self.account_shown(&account)))
        })
    }

    fn account_shown(&self, account: &AccountRecord) -> Value {
        json!({
            "id": account.id, "url": self.ports.settings().urls.account(&account.id), "status": account.status,
            "contact": account.contact, "external_account": account.external.as_ref().map(|bound| &bound.kid),
            "created": account.created.rfc3339(), "thumbprint": account.thumbprint,
        })
    }

    /// Ends this account; `null` when there is none. One that is over stays as it is.
    pub(super) fn end_account(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let Some(mut account) = txn.get::<AccountRecord>("")? else { return Ok(Value::Null) };
            if account.status == AccountStatus::Valid {
                account.status = AccountStatus::Revoked;
                self.cancel_orders(txn)?;
                txn.put("", &account)?;
            }
            Ok(self.account_shown(&account))
        })
    }

    /// A certificate of this account with its chain; `null` when it is not there.
    pub(super) fn download(&self, serial: &str) -> Result<Value, Problem> {
        self.transact(|txn| Ok(txn.get::<CertificateRecord>(serial)?.map_or(Value::Null, |found| found.pem.into())))
    }
}
