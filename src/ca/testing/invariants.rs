//! What holds over all that is stored, whatever happened before.

use super::client::Client;
use super::world::World;
use crate::jose::testing::ClientKey;
use crate::pki::{certificate, pem};
use crate::values::{Time, b64};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

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

/// All that holds at every moment, whatever was broken off and wherever: S-01, O-12, and that nothing is stuck.
pub fn check_all(world: &World, what: &str) {
    check_keys(world, what);
    check_certificates(world, what);
    check_ledger(world, what);
    check_work(world, what);
    check_secrets(world, what);
}

/// S-04: what is stored has no secret in it, nor has the log.
fn check_secrets(world: &World, what: &str) {
    let secrets = world.secrets();
    for ((partition, key), record) in world.rows() {
        secrets.check(&format!("{what}: {partition}, {key}"), &record);
    }
    world.log().iter().for_each(|line| secrets.check(&format!("{what}: the log"), line));
}

/// The stored records of a type: partition, id, record.
fn rows(world: &World, prefix: &str) -> Vec<(String, String, Value)> {
    let rows = world.rows().into_iter();
    let rows = rows.filter_map(|((partition, key), json)| {
        let id = key.strip_prefix(prefix)?.strip_prefix('/')?.to_owned();
        Some((partition, id, serde_json::from_str(&json).expect("a record is JSON")))
    });
    rows.collect()
}

fn find<'a>(rows: &'a [(String, String, Value)], partition: &str, id: &Value) -> Option<&'a Value> {
    rows.iter().find(|(at, found, _)| at == partition && found == id).map(|(_, _, record)| record)
}

/// No order has two certificates; each certificate is that of its order, and is in the ledger byte for byte.
fn check_certificates(world: &World, what: &str) {
    let (orders, certificates) = (rows(world, "order"), rows(world, "cert"));
    let entries: BTreeMap<String, Value> =
        rows(world, "serial").into_iter().map(|(_, id, entry)| (id, entry)).collect();
    let mut issued = BTreeSet::new();
    for (partition, id, certificate) in &certificates {
        let (order, serial) = (&certificate["order"], certificate["serial"].as_str().unwrap());
        assert!(issued.insert(order.to_string()), "{what}: an order with two certificates");
        let entry = entries.get(serial).unwrap_or_else(|| panic!("{what}: serial {serial} is not in the ledger"));
        assert_eq!(
            (&entry["order"], format!("account/{}", entry["account"].as_str().unwrap())),
            (order, partition.clone())
        );
        let der = pem::read_certificates(certificate["pem"].as_str().unwrap()).expect("PEM").remove(0);
        let tbs = certificate::parse_presented(&der).expect("a certificate").tbs_hash();
        assert_eq!(entry["tbs_digest"], b64::encode(&tbs), "{what}: another certificate than the ledger's");
        // Orders are deleted some time after they are over; certificates stay.
        if let Some(order) = find(&orders, partition, order) {
            assert_eq!(order["certificate"], *id, "{what}: a certificate that its order does not know");
        }
    }
    for (partition, id, order) in &orders {
        let certificate = &order["certificate"];
        let there = certificate.is_null() || find(&certificates, partition, certificate).is_some();
        assert!(there, "{what}: order {id} has a certificate that is not there");
    }
}

/// No order has two entries in the ledger. An entry without a certificate is one whose order is still being processed,
/// or was given up: what was entered may have been signed, so it stays entered.
fn check_ledger(world: &World, what: &str) {
    let orders = rows(world, "order");
    let mut entered = BTreeSet::new();
    for (_, serial, entry) in rows(world, "serial") {
        let partition = format!("account/{}", entry["account"].as_str().unwrap());
        assert!(entered.insert(entry["order"].to_string()), "{what}: an order with two serial numbers");
        let Some(order) = find(&orders, &partition, &entry["order"]) else { continue };
        assert_eq!(order["issuance"]["serial"], serial, "{what}: an entry that its order does not know");
    }
}

/// Nothing is stuck: whatever is being processed has a job, and each job's partition is woken in time for it.
fn check_work(world: &World, what: &str) {
    let jobs = rows(world, "job");
    let has = |partition: &str, name: String| find(&jobs, partition, &name.into()).is_some();
    for (partition, id, order) in rows(world, "order") {
        let open = !order["issuance"].is_null() && order["certificate"].is_null() && order["error"].is_null();
        assert!(!open || has(&partition, format!("issue-{id}")), "{what}: order {id} is stuck");
    }
    for (partition, id, authorization) in rows(world, "authz") {
        for challenge in authorization["challenges"].as_array().unwrap() {
            let job = format!("validate-{id}-{}", challenge["kind"].as_str().unwrap());
            assert!(challenge["status"] != "processing" || has(&partition, job), "{what}: {id} is stuck");
        }
    }
    let alarms = world.alarms();
    for (partition, name, job) in &jobs {
        let due: Time = serde_json::from_value(job["due"].clone()).expect("an instant");
        let latest = due.max(world.now());
        assert!(alarms.get(partition).is_some_and(|at| *at <= latest), "{what}: nobody wakes {partition} for {name}");
    }
}
