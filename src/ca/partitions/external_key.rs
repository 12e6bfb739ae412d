//! The partitions' side of external account keys: of the key itself, and of the list of kids.

use super::client_address::ACCOUNTS;
use crate::ca::config::rate_limits::LimitName;
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::acme::account::ExternalUse;
use crate::records::operations::audit::Actor;
use crate::records::operations::external_key::{ExternalKeyRecord, Uses};
use crate::records::{Kind, Problem};
use crate::store::{Kv, Txn};
use crate::values::Id;
use serde::{Deserialize, Serialize};
use serde_json::Value;

partition_kind! {
    /// The partition of an external account key: what an operator made, and its uses.
    ExternalKey {
        /// Its key identifier.
        kid: String,
    }
}

/// The partition of the external account key of this kid.
#[derive(Clone, Debug)]
pub struct ExternalKeyAt(pub String);

impl Address for ExternalKeyAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Eab(self.0.clone())
    }
}

/// Binds the key to an account key; replies whether the key is usable for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BindKey {
    /// The account key's thumbprint.
    pub thumbprint: String,
    /// The account that is being made; `None` only asks.
    pub account: Option<Id>,
}

/// Creates the key if absent; replies whether the key is this one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CreateKey(pub ExternalKeyRecord);

/// Asks for the key and its accounts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowKey;

/// An external account key and its accounts.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExternalKeyState {
    /// The key as an operator made it; `None` for a key of the configuration, or an unknown one.
    pub record: Option<ExternalKeyRecord>,
    /// The accounts that were made with it.
    pub accounts: Vec<String>,
}

/// Changes the key; replies whether there is one. `None` keeps a member as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeKey {
    /// Whether it is disabled.
    pub disabled: Option<bool>,
    /// Its policy.
    pub policy: PolicyChange,
    /// Its purpose.
    pub note: Option<String>,
    /// The operator.
    pub by: Actor,
}

/// A change of the policy of an external account key. In JSON a `null` within an `Option` would be none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PolicyChange {
    /// Keeps the policy.
    Stays,
    /// Removes the policy.
    Ends,
    /// Sets this document.
    Is(Value),
}

asks! {
    ExternalKey at ExternalKeyAt, |key, ask|
    BindKey -> bool = key.bind(&ask.thumbprint, ask.account);
    CreateKey -> bool = key.create_key(&ask.0);
    ShowKey -> ExternalKeyState = key.show_key();
    ChangeKey -> bool = key.change_key_record(ask);
}

/// What a binding with a key says that is spent.
fn spent() -> Problem {
    let detail = "The external account binding is refused: its key is good for one account key, and another has used it. \
                  Ask the operator of this CA for a key of your own.";
    Problem::new(Kind::Unauthorized, detail)
}

/// What a binding says with a key that an operator ended, or whose time is over.
fn over(why: &str) -> Problem {
    let detail =
        format!("The external account binding is refused: its key {why}. Ask the operator of this CA for another one.");
    Problem::new(Kind::Unauthorized, detail)
}

/// Has the use of an external account key recorded, by the account key of this thumbprint for `account`. Without an
/// account it is only asked whether that would be refused. May be repeated.
///
/// # Errors
/// `unauthorized` when the key is spent; `rateLimited` when it made too many accounts lately; `serverInternal` when its partition does not answer.
pub async fn spend<P: Ports>(ports: &P, kid: &str, thumbprint: &str, account: Option<&Id>) -> Result<(), Problem> {
    let bind = BindKey { thumbprint: thumbprint.to_owned(), account: account.cloned() };
    match ports.ask(&ExternalKeyAt(kid.to_owned()), &bind).await? {
        true => Ok(()),
        false => Err(spent()),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> ExternalKey<P, K> {
    /// Records the use of this external account key: see [`spend`]. `false` when it is spent, or is no key any more.
    ///
    /// A key for one use is bound to the account too: once that account has changed its key, the old account key cannot
    /// come back for a second account.
    ///
    /// # Errors
    /// `unauthorized` for one that was disabled or has expired; `rateLimited` when too many accounts were bound with it
    /// lately; when the storage fails.
    pub fn bind(&self, thumbprint: &str, account: Option<Id>) -> Result<bool, Problem> {
        let configured = self.ports.settings().external.keys.get(&self.kid).map(|key| key.uses);
        self.transact(|txn| {
            let uses = match (configured, txn.get::<ExternalKeyRecord>("")?) {
                (Some(uses), _) => uses,
                (None, None) => return Ok(false),
                (None, Some(key)) if key.disabled.is_some() => return Err(over("was disabled")),
                (None, Some(key)) if key.expires.is_some_and(|at| at <= self.ports.now()) => {
                    return Err(over("has expired"));
                }
                (None, Some(key)) => key.uses,
            };
            let same = |found: &ExternalUse| account.as_ref().is_none_or(|account| *account == found.account);
            if uses == Uses::Once {
                let used = txn.list::<ExternalUse>(None, 2)?;
                if used.iter().any(|(by, found)| by != thumbprint || !same(found)) {
                    return Ok(false);
                }
            }
            let recorded = txn.get::<ExternalUse>(thumbprint)?.is_some_and(|found| same(&found));
            if !recorded {
                self.count_bound(txn, account.is_some())?;
            }
            if let Some(account) = account.clone().filter(|_| !recorded) {
                txn.put(thumbprint, &ExternalUse { account, at: self.ports.now() })?;
            }
            Ok(true)
        })
    }
}

/// Key changes of an account.
pub(in crate::ca) const KEYS: &str = "keys";

impl<P: PartitionPorts + 'static, K: Kv + 'static> ExternalKey<P, K> {
    /// One more account with this external account key, if `made`; else whether there may be.
    ///
    /// # Errors
    /// `rateLimited`; when the storage fails.
    pub(in crate::ca) fn count_bound(&self, txn: &mut Txn<'_, K>, made: bool) -> Result<(), Problem> {
        if made {
            return self.use_up(txn, LimitName::BoundAccounts, ACCOUNTS);
        }
        self.look(txn, LimitName::BoundAccounts, ACCOUNTS).map(|_| ())
    }
}

/// How many accounts of a key are shown.
const MAX_ACCOUNTS: usize = 100;

impl<P: PartitionPorts + 'static, K: Kv + 'static> ExternalKey<P, K> {
    /// Comes into being; `false` for a key that exists, and where a key of the configuration had the kid, and accounts.
    pub(in crate::ca) fn create_key(&self, record: &ExternalKeyRecord) -> Result<bool, Problem> {
        self.transact(|txn| {
            if let Some(found) = txn.get::<ExternalKeyRecord>("")? {
                // Asked twice for the very same.
                return Ok(found == *record);
            }
            if !txn.list::<ExternalUse>(None, 1)?.is_empty() {
                return Ok(false);
            }
            txn.put("", record)?;
            Ok(true)
        })
    }

    /// What the key is.
    pub(in crate::ca) fn show_key(&self) -> Result<ExternalKeyState, Problem> {
        self.transact(|txn| {
            let record = txn.get::<ExternalKeyRecord>("")?;
            let uses = txn.list::<ExternalUse>(None, MAX_ACCOUNTS)?;
            let mut accounts: Vec<String> = uses.into_iter().map(|(_, made)| made.account.to_string()).collect();
            accounts.sort_unstable();
            accounts.dedup();
            Ok(ExternalKeyState { record, accounts })
        })
    }

    /// Changes the key; `false` where there is none.
    pub(in crate::ca) fn change_key_record(&self, change: ChangeKey) -> Result<bool, Problem> {
        self.transact(|txn| {
            let Some(mut record) = txn.get::<ExternalKeyRecord>("")? else { return Ok(false) };
            match change.disabled {
                Some(true) if record.disabled.is_none() => record.disabled = Some(change.by),
                Some(false) => record.disabled = None,
                Some(true) | None => {}
            }
            match change.policy {
                PolicyChange::Stays => {}
                PolicyChange::Ends => record.policy = None,
                PolicyChange::Is(document) => record.policy = Some(document),
            }
            if let Some(note) = change.note {
                record.note = Some(note).filter(|note| !note.is_empty());
            }
            txn.put("", &record)?;
            Ok(true)
        })
    }
}
