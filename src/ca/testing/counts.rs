//! What a world has stored and done, counted.

use super::world::World;
use crate::ca::account::activity::ActivityRecord;
use crate::ca::runtime::jobs::Work;
use crate::records::acme::authorization::ChallengeStatus;
use crate::records::acme::redeemed::RedeemedNonces;
use crate::records::{AuthorizationRecord, OrderRecord};
use crate::store::{Kv, MemoryKv, Record};
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
        let rows: u64 = of_kind.map(|(_, kv)| kv.look(MemoryKv::rows_written)).sum();
        (rows + sum(&self.state.alarms_set), sum(&self.state.requests))
    }

    /// The rows that the partitions with this name prefix have, and their octets.
    pub fn stored(&self, prefix: &str) -> (u64, u64) {
        let partitions = self.state.partitions.borrow();
        let of_kind = partitions.iter().filter(|(name, _)| name.starts_with(prefix));
        of_kind.fold((0, 0), |(rows, octets), (_, kv)| kv.look(|kv| (rows + kv.count(), octets + kv.size())))
    }

    /// The number of stored redemptions of nonces.
    pub fn redeemed_nonces(&self) -> u64 {
        self.redeemed_in("")
    }

    /// The number of redemptions that partitions with this name prefix have stored.
    pub fn redeemed_in(&self, prefix: &str) -> u64 {
        let rows = self.rows().into_iter().filter(|((partition, _), _)| partition.starts_with(prefix));
        let count = |((_, key), row): ((String, String), String)| match key.as_str() {
            ActivityRecord::PREFIX => read::<ActivityRecord>(&row).nonces.count(),
            RedeemedNonces::PREFIX => read::<RedeemedNonces>(&row).count(),
            _ => 0,
        };
        rows.map(count).sum()
    }

    /// Names of the jobs that are recorded, or underway in an order or a challenge.
    pub fn works(&self) -> Vec<String> {
        let (rows, mut works) = (self.rows(), Vec::new());
        for ((partition, key), row) in &rows {
            match key.split_once('/') {
                Some(("job", name)) => works.push(name.to_owned()),
                Some(("order", _)) => {
                    let order: OrderRecord = read(row);
                    let serial = order.issuance.as_ref().map(|issuance| issuance.serial.as_str()).unwrap_or_default();
                    let issued = rows.contains_key(&(partition.clone(), format!("cert/{serial}")));
                    works.extend((order.is_being_issued() && !issued).then(|| Work::Issue(order.id).name()));
                }
                Some(("authz", _)) => {
                    let mut authorization: AuthorizationRecord = read(row);
                    if let Some(activity) = rows.get(&(partition.clone(), ActivityRecord::PREFIX.to_owned())) {
                        read::<ActivityRecord>(activity).mark_responses(&mut authorization, self.now());
                    }
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

fn read<R: Record>(row: &str) -> R {
    serde_json::from_str(row).expect("a record that fits")
}
