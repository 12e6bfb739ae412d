//! The partition of an external account key: its record, changes and uses.

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
    /// The partition of an external account key: the operator's record and the uses.
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
    /// The account that is being created; with `None` nothing is recorded.
    pub account: Option<Id>,
    /// Check value of the MAC key that verified the binding; absent for a configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
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
    /// The record that an operator created; `None` for a configured or unknown key.
    pub record: Option<ExternalKeyRecord>,
    /// The accounts that were created with it.
    pub accounts: Vec<String>,
}

/// Changes the key; replies whether it exists. `None` keeps a member unchanged.
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

/// A change of the policy of an external account key.
///
/// In JSON, nested `Option`s would not distinguish `null` from an absent value.
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
    BindKey -> bool = key.bind(&ask);
    CreateKey -> bool = key.create_key(&ask.0);
    ShowKey -> ExternalKeyState = key.show_key();
    ChangeKey -> bool = key.change_key_record(ask);
}

/// The problem for a binding whose key is used up.
fn spent() -> Problem {
    let detail = "The external account binding is refused: its key is good for one account key, and another has used it. \
                  Ask the operator of this CA for a key of your own.";
    Problem::new(Kind::Unauthorized, detail)
}

/// The problem for a binding whose key was disabled or has expired.
fn over(why: &str) -> Problem {
    let detail =
        format!("The external account binding is refused: its key {why}. Ask the operator of this CA for another one.");
    Problem::new(Kind::Unauthorized, detail)
}

/// Records the use of an external account key for an account. It is idempotent.
///
/// Without an account, it only checks whether the use would be refused.
///
/// # Errors
/// `unauthorized` when the key is used up, disabled or expired; `rateLimited` when too many accounts were created with
/// it recently; `serverInternal` when its partition does not answer.
pub async fn spend<P: Ports>(ports: &P, kid: &str, bind: BindKey) -> Result<(), Problem> {
    match ports.ask(&ExternalKeyAt(kid.to_owned()), &bind).await? {
        true => Ok(()),
        false => Err(spent()),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> ExternalKey<P, K> {
    /// Records the use of this external account key: see [`spend`].
    ///
    /// Returns `false` if it is used up or no longer exists. A key for one use is also bound to the account: after a
    /// key change of that account, the old account key cannot create a second account.
    ///
    /// # Errors
    /// `unauthorized` if it was disabled or has expired; `rateLimited` when too many accounts were bound with it
    /// recently; when the storage fails.
    pub fn bind(&self, asked: &BindKey) -> Result<bool, Problem> {
        let BindKey { thumbprint, account, check } = asked;
        let configured = self.ports.settings().external.keys.get(&self.kid).map(|key| key.uses);
        self.transact(|txn| {
            let uses = match (configured, txn.get::<ExternalKeyRecord>("")?) {
                (Some(uses), _) => uses,
                (None, None) => return Ok(false),
                (None, Some(key)) if key.disabled.is_some() => return Err(over("was disabled")),
                (None, Some(key)) if key.expires.is_some_and(|at| at <= self.ports.now()) => {
                    return Err(over("has expired"));
                }
                // The previous NONCE_KEY verifies keys of its own time only: a thief of it makes no others.
                (None, Some(key)) if check.as_ref().is_some_and(|check| *check != key.check) => {
                    return Err(over("is of another NONCE_KEY"));
                }
                (None, Some(key)) => key.uses,
            };
            let same = |found: &ExternalUse| account.as_ref().is_none_or(|account| *account == found.account);
            if uses == Uses::Once {
                let used = txn.list::<ExternalUse>(None, 2)?;
                if used.iter().any(|(by, found)| *by != *thumbprint || !same(found)) {
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

/// Record id of the limit on an account's key changes.
pub(in crate::ca) const KEYS: &str = "keys";

impl<P: PartitionPorts + 'static, K: Kv + 'static> ExternalKey<P, K> {
    /// Counts one more account of this key if `made`; otherwise only checks the limit.
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

/// Maximum number of uses that are read to list a key's accounts.
const MAX_ACCOUNTS: usize = 100;

impl<P: PartitionPorts + 'static, K: Kv + 'static> ExternalKey<P, K> {
    /// Creates the key. Returns `false` if another one exists or the kid has accounts.
    ///
    /// A kid has accounts if it was that of a configured key.
    pub(in crate::ca) fn create_key(&self, record: &ExternalKeyRecord) -> Result<bool, Problem> {
        self.transact(|txn| {
            if let Some(found) = txn.get::<ExternalKeyRecord>("")? {
                // A repeated request for the same key succeeds.
                return Ok(found == *record);
            }
            if !txn.list::<ExternalUse>(None, 1)?.is_empty() {
                return Ok(false);
            }
            txn.put("", record)?;
            Ok(true)
        })
    }

    /// Returns the key and its accounts.
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

    /// Changes the key. Returns `false` if it does not exist.
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
