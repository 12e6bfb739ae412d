//! A backup into the bucket, in which each operation goes wrong.

use super::backup::{Full, closed, full};
use super::operator::{ADA, Operator, SECOND};
use super::stored::{ROOT, names, read, scheduled, woken};
use selvedge::ca::testing::{OperationFault, check_all};
use serde_json::json;
use std::collections::BTreeSet;

/// Rounds of alarms in which a backup is whole without faults.
const ROUNDS: usize = 300;

/// A CA with one backup, when the next one is due.
fn due() -> Operator {
    let Full { operator, .. } = full();
    let operator = scheduled(&operator, "6 hours", "1");
    woken(&operator);
    assert_eq!(names(&operator.world.bucket()).len(), 1);
    operator.world.pass(7 * 3_600 * SECOND);
    // Of all others.
    operator.world.run_due_alarms();
    operator
}

fn is_running(operator: &Operator) -> bool {
    operator.world.stored_rows("backups/ca").contains_key("backuprun")
}

/// Runs alarms until the backup is whole.
///
/// Whatever goes wrong, each manifest is of a whole backup, and there is always one.
fn run(operator: &Operator, rounds: usize, what: &str) -> bool {
    let mut seen = BTreeSet::new();
    for round in 0..rounds {
        operator.world.run_due_alarms();
        let objects = operator.world.bucket();
        let whole = names(&objects);
        assert!(!whole.is_empty(), "{what}: no backup is left");
        for name in whole.iter().filter(|name| seen.insert((*name).clone())) {
            read(&objects, name);
        }
        if seen.len() > 1 && round > 0 && !is_running(operator) {
            return true;
        }
    }
    false
}

#[test]
fn every_operation_of_a_backup_into_the_bucket_goes_wrong_and_no_torn_one_counts() {
    let start = due();
    let mut runs = 0;
    for (n, fault) in (0..).flat_map(|n| {
        let of = n % OperationFault::ALL.len();
        OperationFault::ALL.into_iter().enumerate().filter(move |(k, _)| *k == of).map(move |(_, fault)| (n, fault))
    }) {
        let what = format!("{fault:?} at {n}");
        let world = start.world.fork();
        let operator = Operator { world, token: ADA.to_owned(), address: start.address };
        operator.world.operations().plan(&[(n, fault)]);
        let done = run(&operator, ROUNDS, &what);
        let struck = operator.world.operations().struck() > 0;
        operator.world.heal();
        // A step that failed is repeated later, and a backup that was given up is followed by another.
        let mut waited = 0;
        while !done && (is_running(&operator) || names(&operator.world.bucket()).len() != 1 || waited == 0) {
            operator.world.pass(300 * SECOND);
            run(&operator, 3, &what);
            waited += 1;
            assert!(waited < 500, "{what}: it is stuck");
        }
        let objects = operator.world.bucket();
        let whole = names(&objects);
        assert_eq!(whole.len(), 1, "{what}: {whole:?}");
        read(&objects, &whole[0]);
        let torn = objects.keys().find(|key| key.starts_with(&format!("{ROOT}/data/")) && !key.contains(&whole[0]));
        assert_eq!(torn, None, "{what}");
        check_all(&operator.world, &what);
        if !struck {
            break;
        }
        runs += 1;
    }
    println!("{runs} backups into a bucket with one operation gone wrong");
    assert!(runs > 100, "{runs}");
}

#[test]
fn every_operation_of_a_fetch_goes_wrong_and_it_can_be_repeated() {
    let start = due();
    let name = names(&start.world.bucket()).remove(0);
    let fetch = |operator: &Operator| {
        let listed = operator.try_send(operator.request("GET", "backups", None));
        let manifest = operator.try_post("backups/objects", &json!({ "name": name }));
        let object = operator.try_post("backups/objects", &json!({ "name": name, "object": 0 }));
        [listed, manifest, object].map(|answered| answered.map(|it| it.status()))
    };
    let all = [OperationFault::Fails, OperationFault::PartitionDiesBefore, OperationFault::PartitionDiesAfter];
    for fault in all {
        for n in 0.. {
            let world = start.world.fork();
            let operator = Operator { world, token: ADA.to_owned(), address: start.address };
            operator.world.operations().plan(&[(n, fault)]);
            fetch(&operator);
            let struck = operator.world.operations().struck() > 0;
            operator.world.heal();
            assert_eq!(fetch(&closed(&operator, false)), [Some(200); 3], "{fault:?} at {n}");
            if !struck {
                break;
            }
        }
    }
}
