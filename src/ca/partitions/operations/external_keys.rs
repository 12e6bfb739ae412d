//! The list of the external account keys that operators created.

use super::kind::Operations;
use crate::ca::runtime::ask::Page;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::external_key::ExternalKeyEntry;
use crate::store::Kv;
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// Enters the kid of an external account key, before the key is created.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnterKey {
    /// Its kid.
    pub kid: String,
    /// Its creation time.
    pub created: Time,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// Lists the kids of external account keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListKeys(pub Page);

/// A page of kids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyPage {
    /// Kids with the times when they were entered.
    pub entered: Vec<(Time, String)>,
    /// Kids with the times when they end.
    #[serde(default)]
    pub ending: Vec<(Time, String)>,
    /// The cursor of the next page.
    pub next: Option<String>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Adds a kid to the list, before its key is created.
    pub(in crate::ca) fn enter_key(&self, EnterKey { kid, created, expires }: EnterKey) -> Result<(), Problem> {
        self.transact(|txn| {
            let id = format!("{:016}-{kid}", created.millis());
            txn.put(&id, &ExternalKeyEntry { kid, created, expires })?;
            Ok(())
        })
    }

    /// Returns a page of kids, the oldest first.
    pub(in crate::ca) fn keys(&self, page: &Page) -> Result<KeyPage, Problem> {
        self.transact(|txn| {
            let mut found = txn.list::<ExternalKeyEntry>(page.after.as_deref(), page.limit.saturating_add(1))?;
            let more = found.len() > page.limit;
            found.truncate(page.limit);
            let next = found.last().filter(|_| more).map(|(id, _)| id.clone());
            let ending = found.iter().filter_map(|(_, entry)| Some((entry.expires?, entry.kid.clone()))).collect();
            let entered = found.into_iter().map(|(_, entry)| (entry.created, entry.kid)).collect();
            Ok(KeyPage { entered, ending, next })
        })
    }
}
