//! The list of the external account keys that operators made.

use crate::ca::runtime::operation::Page;
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::external_key::ExternalKeyEntry;
use crate::store::Kv;
use crate::values::Time;
use serde_json::{Value, json};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Notes that there will be a key of this kid, made then.
    pub(in crate::ca) fn enter_key(&self, kid: String, created: Time) -> Result<Value, Problem> {
        self.transact(|txn| {
            let id = format!("{:016}-{kid}", created.millis());
            txn.put(&id, &ExternalKeyEntry { kid, created })?;
            Ok(true.into())
        })
    }

    /// What was entered of keys, the oldest first.
    pub(in crate::ca) fn keys(&self, page: &Page) -> Result<Value, Problem> {
        self.transact(|txn| {
            let mut found = txn.list::<ExternalKeyEntry>(page.after.as_deref(), page.limit.saturating_add(1))?;
            let more = found.len() > page.limit;
            found.truncate(page.limit);
            let next = found.last().filter(|_| more).map(|(id, _)| id.clone());
            let entered: Vec<(Time, String)> = found.into_iter().map(|(_, entry)| (entry.created, entry.kid)).collect();
            Ok(json!({ "entered": entered, "next": next }))
        })
    }
}
