//! Backups that the Worker makes by itself, in a bucket.

use super::backup::{closed, empty, full};
use super::operator::{DAY, Operator, SECOND, issue};
use super::stored::{ROOT, names, read, rows, scheduled, stored, woken};
use selvedge::ca::runtime::message::{InBackup, PartitionId};
use selvedge::ca::testing::check_all;
use selvedge::records::Kind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn finding_ids(operator: &Operator) -> Vec<String> {
    let found = operator.see("health")["findings"].clone();
    found.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn actions(operator: &Operator, what: &str) -> Vec<Value> {
    operator.audit().into_iter().filter(|entry| entry["what"] == what).collect()
}

#[test]
fn backup_in_the_bucket_has_all_rows_and_can_be_restored() {
    let full = full();
    let operator = scheduled(&full.operator, "daily 03:00", "2");
    woken(&operator);
    let objects = operator.world.bucket();
    let [name] = &names(&objects)[..] else { panic!("{:?}", objects.keys()) };
    assert!(name.starts_with("2026-11-24T12-"), "{name}");
    let backup = read(&objects, name);
    let saved: BTreeSet<String> = operator.world.rows().into_keys().map(|(name, _)| name).collect();
    let saved = saved.into_iter().filter(|name| PartitionId::parse(name).unwrap().backup() == InBackup::Saved);
    for partition in saved.filter(|name| name != "operations/ca") {
        assert_eq!(rows(&backup, &partition), stored(&operator.world, &partition), "{partition}");
    }
    // The entry about the backup comes after it.
    let (then, now) = (rows(&backup, "operations/ca"), stored(&operator.world, "operations/ca"));
    assert_eq!(then.keys().filter(|key| !now.contains_key(*key)).count(), 0);
    assert_eq!(now.len(), then.len() + 1);
    let noted = actions(&operator, "backup.store");
    assert_eq!((noted.len(), &noted[0]["target"], &noted[0]["who"]), (1, &json!(name), &json!("selvedge")));
    check_all(&operator.world, "with a backup");
    // Nothing of the run is left.
    assert_eq!(stored(&operator.world, "backups/ca").keys().collect::<Vec<_>>(), ["backups"]);
    let other = empty(&operator.world);
    backup.restore(&other).unwrap();
    let open = closed(&other, false);
    open.world.run_due_alarms();
    check_all(&open.world, "restored");
    let client = full.client.at(&open.world);
    issue(&client, &["a.test"], json!({ "replaces": client.cert_id(&full.leaf) }));
    issue(&full.bound.at(&open.world), &["bound.test"], json!({}));
}

#[test]
fn backups_follow_the_schedule_and_old_ones_are_removed() {
    let operator = scheduled(&Operator::new(), "daily 03:00", "2");
    operator.client();
    woken(&operator);
    let first = names(&operator.world.bucket());
    operator.world.live(12 * 3_600 * SECOND);
    assert_eq!(names(&operator.world.bucket()), first, "it is not three o'clock");
    operator.world.live(4 * 3_600 * SECOND);
    let second = names(&operator.world.bucket());
    assert_eq!(second.len(), 2);
    assert!(second[1].starts_with("2026-11-25T03-00-0"), "{second:?}");
    // Objects without a manifest, and backups of another storage in the same bucket.
    let mut objects = operator.world.bucket();
    let own = first[0].rsplit_once('-').unwrap().1;
    objects.insert(format!("{ROOT}/data/2026-11-24T13-00-00Z-{own}/00000000.age"), vec![1]);
    let others = [
        format!("{ROOT}/manifests/2026-11-01T03-00-00Z-00000000.json"),
        format!("{ROOT}/data/2026-11-01T03-00-00Z-00000000/00000000.age"),
        "other.test/data/x".to_owned(),
    ];
    objects.extend(others.iter().map(|key| (key.clone(), vec![2])));
    operator.world.fill_bucket(objects);
    operator.world.live(DAY);
    let left = operator.world.bucket();
    let whole = names(&left);
    assert_eq!(whole.len(), 3, "{whole:?}");
    assert!(whole[1] == second[1] && whole[2].starts_with("2026-11-26T03-00-0"), "{whole:?}");
    assert!(others.iter().all(|key| left.contains_key(key)));
    assert!(!left.keys().any(|key| key.contains(&first[0]) || key.contains("T13-00-00Z")), "{:?}", left.keys());
    assert_eq!(actions(&operator, "backup.remove")[0]["target"], json!(first[0]));
    read(&left, &whole[2]);
}

#[test]
fn bucket_that_is_away_is_found_and_what_is_in_it_stays() {
    let operator = scheduled(&Operator::new(), "6 hours", "1");
    operator.client();
    woken(&operator);
    let before = operator.world.bucket();
    assert_eq!(finding_ids(&operator), ["registration-open"]);
    operator.world.bucket_is_away(true);
    operator.world.live(8 * 3_600 * SECOND);
    assert!(finding_ids(&operator).contains(&"backup-failed".to_owned()));
    let health = operator.see("health");
    let why = health["backups"]["failed"]["why"].as_str().unwrap();
    assert!(why.contains("the bucket BACKUPS: there is no such bucket"), "{why}");
    assert_eq!(actions(&operator, "backup.store").last().map(|entry| entry["outcome"].clone()), Some(json!("failed")));
    let refused = operator.get("backups");
    assert_eq!(refused.status(), 500);
    assert!(refused.json()["detail"].as_str().unwrap().contains("no such bucket"));
    operator.world.live(6 * 3_600 * SECOND);
    assert!(finding_ids(&operator).contains(&"backup-late".to_owned()));
    assert_eq!(operator.world.bucket(), before);
    operator.world.bucket_is_away(false);
    operator.world.live(2 * 3_600 * SECOND);
    assert_eq!(finding_ids(&operator), ["registration-open"]);
    let [name] = &names(&operator.world.bucket())[..] else { panic!() };
    read(&operator.world.bucket(), name);
}

#[test]
fn closed_ca_makes_no_backup_and_a_schedule_that_is_gone_ends_one() {
    let operator = scheduled(&Operator::new(), "1 hour", "1");
    operator.client();
    let shut = closed(&operator, true);
    shut.see("health");
    shut.world.live(3 * 3_600 * SECOND);
    assert_eq!(shut.world.bucket().len(), 0);
    let open = closed(&operator, false);
    open.see("health");
    // The first steps, and no more.
    open.world.run_due_alarms();
    open.world.run_due_alarms();
    assert!(stored(&open.world, "backups/ca").contains_key("backuprun"));
    let without = open.world.reconfigured(|settings| settings.backups = None);
    without.live(60 * SECOND);
    assert_eq!(stored(&without, "backups/ca").keys().collect::<Vec<_>>(), ["backups"]);
    assert_eq!(without.bucket().len(), 0);
}

#[test]
fn objects_that_vanish_before_the_manifest_are_noticed() {
    let operator = scheduled(&Operator::new(), "daily 03:00", "1");
    operator.client();
    operator.world.ask("GET", "/issuers");
    while operator.world.bucket().is_empty() {
        operator.world.run_due_alarms();
    }
    operator.world.fill_bucket([].into());
    operator.world.live(2 * 3_600 * SECOND);
    let failed = actions(&operator, "backup.store").into_iter().find(|entry| entry["outcome"] == "failed").unwrap();
    assert!(failed["detail"].as_str().unwrap().contains("has 0 objects of 0 octets, and 1 of"), "{failed}");
    assert_eq!(names(&operator.world.bucket()).len(), 1, "the next one is whole");
}

#[test]
fn rows_that_are_written_meanwhile_are_in_it_as_of_one_instant() {
    let full = full();
    let operator = scheduled(&full.operator, "daily 03:00", "1");
    let client = full.client.at(&operator.world);
    operator.world.ask("GET", "/issuers");
    for n in 0..400 {
        operator.world.run_due_alarms();
        if !names(&operator.world.bucket()).is_empty() {
            break;
        }
        issue(&client, &[&format!("n{n}.test")], json!({}));
    }
    let objects = operator.world.bucket();
    let backup = read(&objects, &names(&objects)[0]);
    let of = |beginning: &str, family: &str| -> BTreeSet<String> {
        let partitions = backup.parts.iter().map(|(name, _)| name).filter(|name| name.starts_with(beginning));
        let keys = partitions.flat_map(|partition| rows(&backup, partition).into_keys());
        keys.filter_map(|key| key.strip_prefix(family).map(str::to_owned)).collect()
    };
    let (certificates, entries) = (of("account/", "cert/"), of("ledger/", "serial/"));
    assert!(!certificates.is_empty() && certificates.is_subset(&entries), "{certificates:?} {entries:?}");
}

#[test]
fn operators_list_and_fetch_backups() {
    let operator = scheduled(&Operator::new(), "1 hour", "400");
    operator.client();
    woken(&operator);
    operator.world.live(27 * 3_600 * SECOND);
    let first = operator.see("backups");
    let all = names(&operator.world.bucket());
    assert_eq!((first["backups"].as_array().unwrap().len(), all.len()), (25, 28));
    assert_eq!(first["backups"][0]["name"], json!(all[27]));
    assert_eq!(first["schedule"]["last"]["name"], json!(all[27]));
    let rest = operator.see(&format!("backups?before={}", first["next"].as_str().unwrap()));
    assert_eq!((rest["backups"].as_array().unwrap().len(), &rest["next"]), (3, &Value::Null));
    let manifest = operator.post("backups/objects", &json!({ "name": all[0] })).is(200).json()["manifest"].clone();
    assert_eq!(manifest["name"], json!(all[0]));
    let object = operator.post("backups/objects", &json!({ "name": all[0], "object": 0 })).is(200).json();
    let bytes = selvedge::values::b64::decode(object["data"].as_str().unwrap()).unwrap();
    assert_eq!(bytes, operator.world.bucket()[&format!("{ROOT}/data/{}/00000000.age", all[0])]);
    assert_eq!(actions(&operator, "backup.fetch").len(), 2, "attempted and done");
    operator.post("backups/objects", &json!({ "name": all[0], "object": 99 })).refused(404, Kind::Malformed);
    operator.post("backups/objects", &json!({ "name": "2026-01-01T00-00-00Z-00000000" })).refused(404, Kind::Malformed);
    for name in ["", "../x", "a/b", &"x".repeat(65)] {
        operator.post("backups/objects", &json!({ "name": name })).refused(400, Kind::Malformed);
    }
    operator.get("backups?before=a/b").refused(400, Kind::Malformed);
    // An empty, closed CA with the same bucket finds what it is to be restored from.
    let other = empty(&operator.world);
    other.world.fill_bucket(operator.world.bucket());
    assert_eq!(other.see("backups")["backups"][0]["name"], json!(all[27]));
}
