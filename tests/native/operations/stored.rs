//! Backups in the bucket of a world, read as their owner reads them.

use super::backup::Backup;
use super::operator::{Operator, SECOND};
use flate2::read::MultiGzDecoder;
use selvedge::ca::config::backups::Backups;
use selvedge::ca::testing::{Objects, World};
use selvedge::values::age::testing::Identity;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;

/// The beginning of all keys.
pub const ROOT: &str = "ca.test";

fn identity() -> Identity {
    Identity::of([7; 32])
}

/// The same CA with a schedule.
pub fn scheduled(operator: &Operator, schedule: &str, keep: &str) -> Operator {
    let recipient = identity().recipient();
    let value = |name: &str| {
        let text = match name {
            "BACKUP_SCHEDULE" => schedule,
            "BACKUP_RECIPIENT" => &recipient,
            "BACKUP_KEEP" => keep,
            _ => return None,
        };
        Some(text.to_owned())
    };
    let backups = Backups::read(&value).unwrap();
    let world = operator.world.reconfigured(|settings| settings.backups = backups);
    Operator { world, token: operator.token.clone(), address: operator.address }
}

/// Has the CA look at its schedule, and gives it a minute.
pub fn woken(operator: &Operator) {
    operator.world.ask("GET", "/issuers");
    operator.world.live(60 * SECOND);
}

/// The names of whole backups in a bucket, the oldest first.
pub fn names(objects: &Objects) -> Vec<String> {
    let manifests = format!("{ROOT}/manifests/");
    objects.keys().filter_map(|key| Some(key.strip_prefix(&manifests)?.strip_suffix(".json")?.to_owned())).collect()
}

/// Reads a whole backup.
///
/// Its objects are those that the manifest has, and its last line fits the others.
pub fn read(objects: &Objects, name: &str) -> Backup {
    let manifest: Value = serde_json::from_slice(&objects[&format!("{ROOT}/manifests/{name}.json")]).unwrap();
    let parts: Vec<&Vec<u8>> = (0..manifest["objects"].as_u64().unwrap())
        .map(|n| &objects[&format!("{ROOT}/data/{name}/{n:08}.age")])
        .collect();
    let file: Vec<u8> = parts.into_iter().flatten().copied().collect();
    assert_eq!(manifest["octets"], file.len());
    assert_eq!(manifest["sha256"], selvedge::values::hex::encode(&Sha256::digest(&file)));
    let plain = identity().open(&file).expect("it opens");
    let mut text = String::new();
    MultiGzDecoder::new(plain.as_slice()).read_to_string(&mut text).unwrap();
    let (before, last) = text.trim_end().rsplit_once('\n').unwrap();
    let end: Value = serde_json::from_str(last).unwrap();
    let digest = Sha256::digest(format!("{before}\n").as_bytes());
    assert_eq!(end["end"]["sha256"], selvedge::values::hex::encode(&digest), "the last line of {name}");
    let (mut head, mut rows, mut whole) = (Value::Null, BTreeMap::new(), BTreeMap::new());
    for line in before.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (kind, content) = line.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "head" => head = content.clone(),
            "rows" => {
                let partition = content["partition"].as_str().unwrap().to_owned();
                assert!(!whole.contains_key(&partition), "{partition} was whole");
                let rows: &mut Vec<Value> = rows.entry(partition).or_default();
                rows.extend(content["rows"].as_array().unwrap().iter().cloned());
            }
            "again" => drop((rows.remove(content.as_str().unwrap()), whole.remove(content.as_str().unwrap()))),
            "whole" => {
                let partition = content.as_str().unwrap();
                whole.insert(partition.to_owned(), rows.remove(partition).unwrap_or_default());
            }
            other => panic!("{other}"),
        }
    }
    assert!(rows.is_empty(), "{:?} are not whole", rows.keys());
    assert_eq!((&end["end"]["partitions"], &manifest["partitions"]), (&whole.len().into(), &whole.len().into()));
    Backup { head, parts: whole.into_iter().collect(), tries: 1 }
}

/// The rows of a partition in a backup, by key; later ones replace earlier ones.
pub fn rows(backup: &Backup, partition: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for row in backup.parts.iter().filter(|(name, _)| name == partition).flat_map(|(_, rows)| rows) {
        let key = row["k"].as_str().unwrap().to_owned();
        match row.get("v") {
            Some(value) => all.insert(key, value.clone()),
            None => all.remove(&key),
        };
    }
    all
}

/// The rows of a partition in a world, by key.
pub fn stored(world: &World, partition: &str) -> BTreeMap<String, Value> {
    let rows = world.stored_rows(partition).into_iter();
    rows.map(|(key, json)| (key, serde_json::from_str(&json).unwrap())).collect()
}
