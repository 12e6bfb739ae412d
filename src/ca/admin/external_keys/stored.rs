//! The partitions' side of external account keys: of the key itself, and of the list of kids.

use crate::acme::Problem;
use crate::acme::account::ExternalUse;
use crate::acme::external_key::{ExternalKeyEntry, ExternalKeyRecord};
use crate::ca::runtime::ask::json_of;
use crate::ca::runtime::operation::Shown;
use crate::ca::runtime::operation::{KeyChange, Page, PolicyChange};
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::PartitionPorts;
use crate::store::Kv;
use crate::values::Time;
use serde_json::{Value, json};

/// How many accounts of a key are shown.
const MAX_ACCOUNTS: usize = 100;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// Notes that there will be a key of this kid, made then.
    pub(in crate::ca::admin) fn enter_key(&self, kid: String, created: Time) -> Result<Value, Problem> {
        self.transact(|txn| {
            let id = format!("{:016}-{kid}", created.millis());
            txn.put(&id, &ExternalKeyEntry { kid, created })?;
            Ok(true.into())
        })
    }

    /// What was entered of keys, the oldest first.
    pub(in crate::ca::admin) fn keys(&self, page: &Page) -> Result<Value, Problem> {
        self.transact(|txn| {
            let mut found = txn.list::<ExternalKeyEntry>(page.after.as_deref(), page.limit.saturating_add(1))?;
            let more = found.len() > page.limit;
            found.truncate(page.limit);
            let next = found.last().filter(|_| more).map(|(id, _)| id.clone());
            let entered: Vec<(Time, String)> = found.into_iter().map(|(_, entry)| (entry.created, entry.kid)).collect();
            Ok(json!({ "entered": entered, "next": next }))
        })
    }

    /// Comes into being; `false` for a key that exists, and where a key of the configuration had the kid, and accounts.
    pub(in crate::ca::admin) fn create_key(&self, record: &ExternalKeyRecord) -> Result<Value, Problem> {
        self.transact(|txn| {
            if let Some(found) = txn.get::<ExternalKeyRecord>("")? {
                // Asked twice for the very same.
                return Ok((found == *record).into());
            }
            if !txn.list::<ExternalUse>(None, 1)?.is_empty() {
                return Ok(false.into());
            }
            txn.put("", record)?;
            Ok(true.into())
        })
    }

    /// What the key is.
    pub(in crate::ca::admin) fn show_key(&self) -> Result<Value, Problem> {
        self.transact(|txn| {
            let record = txn.get::<ExternalKeyRecord>("")?;
            let uses = txn.list::<ExternalUse>(None, MAX_ACCOUNTS)?;
            let mut accounts: Vec<String> = uses.into_iter().map(|(_, made)| made.account.to_string()).collect();
            accounts.sort_unstable();
            accounts.dedup();
            json_of(&Shown { record, accounts })
        })
    }

    /// Changes the key; `false` where there is none.
    pub(in crate::ca::admin) fn change_key_record(&self, change: KeyChange) -> Result<Value, Problem> {
        self.transact(|txn| {
            let Some(mut record) = txn.get::<ExternalKeyRecord>("")? else { return Ok(false.into()) };
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
            Ok(true.into())
        })
    }
}
