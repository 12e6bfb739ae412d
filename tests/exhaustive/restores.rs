//! A backup, a restore and its undoing, in which each operation goes wrong.

use super::backup::{Backup, closed, empty, full};
use super::operator::{ADA, Operator, issue};
use selvedge::ca::testing::{OperationFault, World, check_all};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn fork(of: &Operator, shut: bool) -> Operator {
    closed(&Operator { world: of.world.fork(), token: ADA.to_owned(), address: of.address }, shut)
}

fn keys(world: &World) -> BTreeSet<(String, String)> {
    world.rows().into_keys().collect()
}

fn audited(operator: &Operator, what: &str) -> usize {
    operator.world.records("audit/").iter().filter(|(_, entry)| entry["what"] == what).count()
}

/// What holds after an act that ended so.
type After<'a> = dyn Fn(&Backup, &Operator, Result<(), u16>, &str) + 'a;

/// An act on a CA, and what holds after it.
struct Trial<'a> {
    start: Operator,
    act: &'a dyn Fn(&Backup, &Operator) -> Result<(), u16>,
    after: &'a After<'a>,
}

impl Trial<'_> {
    /// Has an operation of the act go wrong.
    fn run(&self, backup: &Backup, plan: &[(usize, OperationFault)]) -> usize {
        let operator = fork(&self.start, true);
        operator.world.operations().plan(plan);
        let done = (self.act)(backup, &operator);
        let operations = operator.world.operations().log().len();
        operator.world.heal();
        let what = format!("{plan:?}, {} tries, {done:?}", backup.tries);
        assert!(done.is_ok() || backup.tries == 1, "{what}");
        (self.after)(backup, &operator, done, &what);
        operations
    }

    /// Has each operation go wrong, in one of six ways or in all.
    ///
    /// The act repeats its steps, as the companion does, or is begun again.
    fn everywhere(&self, backup: &Backup, all: bool) {
        let operations = self.run(backup, &[]);
        let mut runs = 0;
        for (n, (k, fault)) in
            (0..operations).flat_map(|n| OperationFault::ALL.into_iter().enumerate().map(move |k| (n, k)))
        {
            for tries in [1, 2] {
                if all || (n % 6 == k && (n / 6) % 2 == tries % 2) {
                    self.run(&Backup { tries, ..backup.clone() }, &[(n, fault)]);
                    runs += 1;
                }
            }
        }
        println!("{operations} operations, {runs} times one gone wrong");
    }
}

#[test]
fn every_operation_of_a_backup_goes_wrong_and_all_rows_are_in_it() {
    let full = full();
    let mut runs = 0;
    // A step is repeated: one that fails for good has no end.
    for fault in OperationFault::ALL.into_iter().filter(|fault| *fault != OperationFault::FailsOn) {
        for n in 0.. {
            let operator = fork(&full.operator, false);
            operator.world.operations().plan(&[(n, fault)]);
            let backup = Backup::of(&operator);
            let struck = operator.world.operations().struck() > 0;
            operator.world.heal();
            for (name, rows) in &backup.parts {
                let text = |row: &Value| (row["k"].as_str().unwrap().to_owned(), row["v"].clone());
                let copied: BTreeMap<String, Value> = rows.iter().map(text).collect();
                let stored = operator.world.stored_rows(name);
                let stored = stored.into_iter().map(|(key, json)| (key, serde_json::from_str(&json).unwrap()));
                assert_eq!(copied, stored.collect(), "{fault:?} at {n}: {name}");
            }
            check_all(&operator.world, &format!("{fault:?} at {n}"));
            if !struck {
                break;
            }
            runs += 1;
        }
    }
    println!("{runs} backups with one operation gone wrong");
}

#[test]
fn every_operation_of_a_restore_goes_wrong_and_it_goes_on() {
    restore_goes_wrong(false);
}

#[test]
#[ignore = "some minutes: every operation in each way"]
fn every_operation_of_a_restore_goes_wrong_in_each_way_and_it_goes_on() {
    restore_goes_wrong(true);
}

fn restore_goes_wrong(all: bool) {
    let full = full();
    let backup = Backup::of(&full.operator);
    let whole = empty(&full.operator.world);
    backup.restore(&whole).unwrap();
    let trial = Trial {
        start: empty(&full.operator.world),
        act: &|backup, operator| backup.restore(operator),
        after: &|backup, operator, done, what| {
            // If only the last answer was lost, the CA has something already.
            if done.is_err() && audited(operator, "restore") == 0 {
                assert_eq!(backup.restore(operator), Ok(()), "{what}");
            }
            assert_eq!(keys(&operator.world), keys(&whole.world), "{what}");
            assert_eq!(audited(operator, "restore"), 1, "{what}");
            check_all(&operator.world, what);
        },
    };
    trial.everywhere(&backup, all);
    let open = fork(&whole, false);
    issue(&full.client.at(&open.world), &["z.test"], json!({}));
}

#[test]
fn every_operation_of_an_undoing_goes_wrong_and_nothing_remains() {
    let full = full();
    let backup = Backup::of(&full.operator);
    let start = empty(&full.operator.world);
    backup.import(&start).unwrap();
    let trial = Trial {
        start,
        act: &|backup, operator| backup.undo(operator),
        after: &|backup, operator, done, what| {
            if done.is_err() && backup.undo(operator).is_err() {
                // All was deleted.
                operator.post("restoration/undo", &backup.last()).is(200);
            }
            let left: BTreeSet<String> = operator.world.rows().into_keys().map(|(name, _)| name).collect();
            assert_eq!(left, BTreeSet::from(["operations/ca".to_owned()]), "{what}");
            assert_eq!((operator.audit().len(), audited(operator, "restore.undo")), (1, 1), "{what}");
            check_all(&operator.world, what);
        },
    };
    trial.everywhere(&backup, true);
    let operator = trial.start;
    backup.undo(&operator).unwrap();
    backup.restore(&operator).unwrap();
}
