//! What a world has stored and done, counted.

use super::world::World;
use crate::ca::account::activity::ActivityRecord;
use crate::ca::runtime::jobs::Work;
use crate::records::acme::authorization::ChallengeStatus;
use crate::records::{AuthorizationRecord, OrderRecord};
use crate::store::Record as _;
use std::cell::RefCell;
use std::collections::BTreeMap;

impl World {
    /// What the partitions with this name prefix cost.
    ///
    /// Rows written, set alarms included, and Durable Object requests: calls and alarms.
    pub fn cost(&self, prefix: &str) -> (u64, u64) {
        let sum = |counts: &RefCell<BTreeMap<String, u64>>| -> u64 {
            counts.borrow().iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
        };
        let partitions = self.state.partitions.borrow();
        let of_kind = partitions.iter().filter(|(name, _)| name.starts_with(prefix));
        let rows: u64 = of_kind.map(|(_, kv)| kv.copy().rows_written()).sum();
        (rows + sum(&self.state.alarms_set), sum(&self.state.requests))
    }

    /// The number of stored redemptions of nonces.
    pub fn redeemed_nonces(&self) -> u64 {
        let rows = self.rows();
        let of_accounts = rows.iter().filter(|((_, key), _)| key == ActivityRecord::PREFIX);
        let read = |row: &String| serde_json::from_str::<ActivityRecord>(row).expect("a row that fits").nonces.count();
        of_accounts.map(|(_, row)| read(row)).sum::<u64>() + self.records("nonce/").len() as u64
    }

    /// Names of the jobs that are recorded, or underway in an order or a challenge.
    pub fn works(&self) -> Vec<String> {
        let mut works = Vec::new();
        for ((_, key), row) in self.rows() {
            match key.split_once('/') {
                Some(("job", name)) => works.push(name.to_owned()),
                Some(("order", _)) => {
                    let order: OrderRecord = serde_json::from_str(&row).expect("an order");
                    works.extend(order.is_being_issued().then(|| Work::Issue(order.id).name()));
                }
                Some(("authz", _)) => {
                    let authorization: AuthorizationRecord = serde_json::from_str(&row).expect("an authorization");
                    let open = authorization.challenges.iter().filter(|c| c.status == ChallengeStatus::Processing);
                    let id = &authorization.id;
                    works.extend(open.map(|challenge| Work::Validate(id.clone(), challenge.kind.clone()).name()));
                }
                _ => {}
            }
        }
        works.sort();
        works.dedup();
        works
    }
}
