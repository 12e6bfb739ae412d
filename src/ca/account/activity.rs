//! The row that each POST of an account writes.
//!
//! It has the redeemed nonces. What it has besides needs no rows of its own: open orders, begun jobs, a limit.

use super::kind::Account;
use crate::ca::runtime::jobs::Work;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::redeemed::RedeemedNonces;
use crate::records::{AuthorizationRecord, Problem};
use crate::store::{Kv, Record, Table, Txn};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// The recent activity of an account, stored as `activity` in its partition.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ActivityRecord {
    /// The redeemed nonces.
    pub nonces: RedeemedNonces,
    /// The jobs that requests began. Completed ones are removed when the next job begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub begun: Vec<BegunJob>,
    /// The theoretical arrival time of the limit of new orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_orders: Option<Time>,
    /// The latest orders that may be open, by their requests; the latest is the last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placed: Vec<PlacedOrder>,
}

/// A job that a request began, without a row of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunJob {
    /// Its work.
    pub work: Work,
    /// The key authorization of a challenge when the client responded. Its authorization need not have it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_authorization: Option<String>,
}

impl From<Work> for BegunJob {
    fn from(work: Work) -> Self {
        Self { work, key_authorization: None }
    }
}

/// An order that is returned again for an equivalent request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedOrder {
    /// The digest of the request.
    pub request: String,
    /// The order.
    pub order: Id,
    /// Expiry of the order.
    pub expires: Time,
}

/// Maximum number of placed orders in the row. More open ones are not found again by their requests.
const MAX_PLACED: usize = 32;

impl ActivityRecord {
    /// Reads an authorization, with the responses to its challenges.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn authorization<K: Kv>(
        &self,
        txn: &Txn<'_, K>,
        id: &Id,
        now: Time,
    ) -> Result<Option<AuthorizationRecord>, Problem> {
        let mut found = txn.get::<AuthorizationRecord>(id.as_str())?;
        found.iter_mut().for_each(|authorization| self.mark_responses(authorization, now));
        Ok(found)
    }

    /// Marks the challenges of an authorization to which the client responded.
    ///
    /// The response is stored here only, which saves a row: the authorization is written with the result.
    pub fn mark_responses(&self, authorization: &mut AuthorizationRecord, now: Time) {
        for BegunJob { work, key_authorization } in &self.begun {
            if let Work::Validate(id, kind) = work
                && *id == authorization.id
            {
                authorization.respond(kind, key_authorization.clone().unwrap_or_default(), now);
            }
        }
    }

    /// Adds an order; expired ones, and the oldest of too many, are removed.
    pub fn place(&mut self, placed: PlacedOrder, now: Time) {
        self.placed.retain(|other| other.request != placed.request && other.expires > now);
        self.placed.push(placed);
        let excess = self.placed.len().saturating_sub(MAX_PLACED);
        self.placed.drain(..excess);
    }
}

impl Record for ActivityRecord {
    const PREFIX: &'static str = "activity";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the recent activity.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn activity(&self, txn: &Txn<'_, K>) -> Result<ActivityRecord, Problem> {
        Ok(txn.get::<ActivityRecord>("")?.unwrap_or_default())
    }

    /// Returns the authorization with this id, if any, with the responses to its challenges.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn find_authorization(&self, txn: &Txn<'_, K>, id: &Id) -> Result<Option<AuthorizationRecord>, Problem> {
        self.activity(txn)?.authorization(txn, id, self.ports.now())
    }
}
