//! Schema numbers and migrations, with made-up ones of later releases.

use super::next_release::{operate, used};
use core::time::Duration;
use selvedge::ca::runtime::message::PartitionId;
use selvedge::ca::runtime::migrations::{Migration, Rewritten};
use selvedge::ca::runtime::schema::STEP_ROWS;
use selvedge::ca::testing::{Client, World, check_all, new_key};
use selvedge::records::Kind;
use selvedge::store::{Key, StoredRow, Table, Write};
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Brings a row into a form that it says.
fn reform(row: &StoredRow, form: u64) -> Rewritten {
    let mut value: Value = serde_json::from_str(&row.value).unwrap();
    if value["form"].as_u64() >= Some(form) {
        return Ok(Vec::new());
    }
    value["form"] = json!(form);
    Ok(vec![(row.key.clone(), Write::Put { value: value.to_string(), expires: row.expires })])
}

/// The second form has a member more.
fn to_second(row: &StoredRow) -> Rewritten {
    reform(row, 2)
}

/// The third has an index in another table.
fn to_third(row: &StoredRow) -> Rewritten {
    let mut writes = reform(row, 3)?;
    if !writes.is_empty() {
        let key = Key { table: Table::Sorted, name: row.key.name.replace("persist/", "indexed/") };
        writes.push((key, Write::Put { value: "{}".to_owned(), expires: None }));
    }
    Ok(writes)
}

const fn migration(rewrite: fn(&StoredRow) -> Rewritten, runs: bool) -> Migration {
    Migration { table: Table::Expiring, prefix: "persist/", rewrite, runs }
}

/// The migrations of a release for accounts.
macro_rules! release {
    ($name:ident: $($rewrite:ident $runs:literal),*) => {
        fn $name(id: &PartitionId) -> &'static [Migration] {
            const MIGRATIONS: &[Migration] = &[$(migration($rewrite, $runs)),*];
            if matches!(id, PartitionId::Account(_)) { MIGRATIONS } else { &[] }
        }
    };
}

release!(reads_second: to_second false);
release!(second: to_second true, to_third false);
release!(third: to_second true, to_third true);
release!(before:);

/// The number of rows to be migrated: more than two steps.
const ROWS: usize = 2 * STEP_ROWS + STEP_ROWS / 2;

/// A CA with an account that has many rows of the first form.
fn with_rows() -> (World, Client) {
    let world = World::new();
    let client = Client::registered(&world);
    world.run_due_alarms();
    for n in 0..ROWS {
        let (key, row) = (format!("persist/n{n:04}.test"), json!({ "validated": 1 }));
        world.plant(&client.partition(), &key, Some(&row));
    }
    (world, client)
}

/// The rows of an account by their keys, without the activity.
fn rows(world: &World, client: &Client) -> BTreeMap<String, Value> {
    let mut rows = world.stored_rows(&client.partition());
    rows.remove("activity");
    rows.into_iter().map(|(key, row)| (key, serde_json::from_str(&row).unwrap())).collect()
}

fn forms(world: &World, client: &Client) -> BTreeMap<Option<u64>, usize> {
    let mut forms = BTreeMap::new();
    let rows = rows(world, client).into_iter().filter(|(key, _)| key.starts_with("persist/"));
    rows.for_each(|(_, row)| *forms.entry(row["form"].as_u64()).or_default() += 1);
    forms
}

#[test]
fn migration_runs_in_the_alarm_and_requests_are_served_meanwhile() {
    let (world, client) = with_rows();
    assert_eq!(world.schema(&client.partition()), Some(1));
    world.update(second);
    assert_eq!(forms(&world, &client), BTreeMap::from([(None, ROWS)]), "nothing before the alarm");
    assert!(world.break_due_alarms(1), "after the first step it pauses");
    assert_eq!(world.schema(&client.partition()), Some(2), "before the first row");
    client.get(client.account()).is(200);
    world.run_due_alarms();
    assert_eq!(forms(&world, &client), BTreeMap::from([(Some(2), ROWS)]));
    assert!(!rows(&world, &client).contains_key("migration"));
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    check_all(&world, "migrated");
    world.update(third);
    world.run_due_alarms();
    assert_eq!(forms(&world, &client), BTreeMap::from([(Some(3), ROWS)]));
    assert_eq!(rows(&world, &client).keys().filter(|key| key.starts_with("indexed/")).count(), ROWS);
    assert_eq!(world.schema(&client.partition()), Some(3));
}

#[test]
fn interrupted_migration_goes_on_and_ends_alike() {
    let (world, client) = with_rows();
    let done = world.fork();
    done.update(third);
    done.run_due_alarms();
    let wanted = rows(&done, &client);
    // The machine ends at each pause.
    let broken = world.fork();
    broken.update(third);
    let mut crashes = 0;
    while broken.break_due_alarms(2) {
        broken.restart();
        crashes += 1;
        assert!(crashes < 100, "it does not come to an end");
    }
    assert!(crashes > 4, "{crashes}");
    assert_eq!(rows(&broken, &client), wanted);
    // Each operation of the storage fails once, and the isolate is lost with it.
    for n in 0.. {
        let trial = world.fork();
        trial.update(third);
        trial.store_fault().once(n);
        trial.run_due_alarms();
        let struck = trial.store_fault().count() > n;
        trial.heal();
        trial.restart();
        for _ in 0..3 {
            trial.run_due_alarms();
            trial.pass(Duration::from_secs(10));
        }
        assert_eq!(rows(&trial, &client), wanted, "operation {n}");
        assert_eq!(trial.schema(&client.partition()), Some(3));
        if !struck {
            assert!(n > 10, "{n}");
            break;
        }
    }
}

#[test]
fn release_refuses_what_a_newer_one_stored_and_changes_nothing() {
    let (world, client) = with_rows();
    world.update(third);
    world.run_due_alarms();
    let order = client.new_order(&["a.test"]).is(201);
    world.update(before);
    let stored = world.rows();
    let refused = client.get(client.account()).refused(503, Kind::ServerInternal);
    assert_eq!(refused.header("retry-after"), Some("300"));
    assert!(refused.detail().starts_with("A newer release of this CA has stored"), "{}", refused.detail());
    client.get(&order.location()).refused(503, Kind::ServerInternal);
    let told = world.log().iter().any(|line| line.contains("its schema is 3, and this release reads up to 1"));
    assert!(told, "{:?}", world.log());
    world.forget_alarms();
    world.restart();
    world.live(Duration::from_secs(3600));
    assert_eq!(world.rows(), stored);
    // Others are served.
    Client::registered(&world).issue(&["other.test"], &new_key(SigAlg::Es256));
    world.update(third);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    check_all(&world, "updated again");
}

#[test]
fn alarm_of_a_refused_partition_comes_again() {
    let (world, client) = with_rows();
    client.new_order(&["a.test"]).is(201);
    world.update(third);
    world.run_due_alarms();
    assert!(world.alarms().contains_key(&client.partition()), "for the purge of the order");
    world.update(before);
    world.live(Duration::from_secs(8 * 86_400));
    assert!(world.rows().keys().any(|(_, key)| key.starts_with("order/")), "nothing is purged");
    world.update(third);
    world.live(Duration::from_secs(1000));
    assert!(!world.rows().keys().any(|(_, key)| key.starts_with("order/")), "the alarm came again");
}

#[test]
fn release_runs_again_after_the_next_one() {
    let (world, client) = with_rows();
    world.update(reads_second);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    assert_eq!(forms(&world, &client), BTreeMap::from([(None, ROWS)]));
    world.update(second);
    // In the middle of the migration.
    assert!(world.break_due_alarms(3));
    world.update(reads_second);
    client.issue(&["b.test"], &new_key(SigAlg::Es256));
    world.run_due_alarms();
    assert!(forms(&world, &client).contains_key(&None), "it does not go on with it");
    world.update(second);
    world.run_due_alarms();
    assert_eq!(forms(&world, &client), BTreeMap::from([(Some(2), ROWS)]));
}

#[test]
fn new_partition_has_the_number_of_its_release() {
    let world = World::new();
    world.update(second);
    let client = Client::registered(&world);
    assert_eq!(world.schema(&client.partition()), Some(2));
    assert_eq!(world.schema("operations/ca"), None, "no database, no number");
}

#[test]
fn refused_ledger_is_a_finding() {
    fn ledgers(id: &PartitionId) -> &'static [Migration] {
        const MIGRATIONS: &[Migration] = &[migration(to_second, true)];
        if matches!(id, PartitionId::Ledger(_)) { MIGRATIONS } else { &[] }
    }
    let (world, _, _) = used();
    world.update(ledgers);
    world.run_due_alarms();
    let ids = |world: &World| -> Vec<String> {
        let health = operate(world, "health", None).is(200).json();
        let findings = health["findings"].as_array().unwrap().iter();
        findings.map(|one| format!("{}: {}", one["id"].as_str().unwrap(), one["what"].as_str().unwrap())).collect()
    };
    assert!(!ids(&world).iter().any(|one| one.starts_with("schema-newer")), "{:?}", ids(&world));
    world.update(before);
    let found = ids(&world);
    assert!(found.iter().any(|one| one.starts_with("schema-newer: ledger/") && one.contains("schema 2")), "{found:?}");
}
