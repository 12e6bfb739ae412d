//! What holds over all that is stored, whatever happened before.

use super::client::Client;
use super::world::World;
use crate::jose::testing::ClientKey;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// No key has two accounts, and each account is found by its key.
pub fn check_keys(world: &World, what: &str) {
    let mut accounts: BTreeMap<String, String> = BTreeMap::new();
    for (partition, account) in world.records("account") {
        let thumbprint = account["thumbprint"].as_str().unwrap().to_owned();
        if let Some(other) = accounts.insert(thumbprint, partition.clone()) {
            panic!("{what}: {other} and {partition} have the same key");
        }
    }
    let owners: BTreeMap<String, Value> = world.records("owner").into_iter().collect();
    for (thumbprint, partition) in accounts {
        let owner =
            owners.get(&format!("key/{thumbprint}")).unwrap_or_else(|| panic!("{what}: {partition} has no claim"));
        assert_eq!(format!("account/{}", owner["account"].as_str().unwrap()), partition, "{what}");
    }
}

/// Each key finds its account, or gets one, and keeps it.
pub fn check_key_works(world: &World, key: &ClientKey, what: &str) {
    let client = Client::with_key(world, key.clone());
    let first = client.new_account(json!({}));
    assert!([200, 201].contains(&first.status()), "{what}: {}", first.text());
    assert_eq!(client.new_account(json!({})).is(200).location(), first.location(), "{what}");
    check_keys(world, what);
}

/// No serial number, and no order, has two certificates; each certificate is in the ledger.
pub fn check_certificates(world: &World, what: &str) {
    let ledger = world.rows();
    let mut orders = BTreeMap::new();
    for (_, certificate) in world.records("cert/") {
        let serial = certificate["serial"].as_str().unwrap();
        let entered = ledger.keys().any(|(_, key)| *key == format!("serial/{serial}"));
        assert!(entered, "{what}: serial {serial} is not in the ledger");
        let order = certificate["order"].as_str().unwrap().to_owned();
        assert!(orders.insert(order, serial.to_owned()).is_none(), "{what}: an order with two certificates");
    }
    for (_, order) in world.records("order/") {
        if let Some(id) = order["certificate"].as_str() {
            assert!(
                ledger.keys().any(|(_, key)| *key == format!("cert/{id}")),
                "{what}: a certificate that is not there"
            );
        }
    }
}
