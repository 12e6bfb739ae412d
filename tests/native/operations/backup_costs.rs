//! What backups and a restore cost on the platform, against docs/COSTS.md.

use super::backup::{Backup, closed, empty};
use super::operator::{DAY, Operator, SECOND, issue};
use super::stored::{names, scheduled, woken};
use selvedge::ca::operator_api::backups::MAX_PARTS;
use selvedge::ca::testing::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What was used of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Used {
    /// Durable Object requests, rows read, and rows written.
    objects: [u64; 3],
    /// Operations on the bucket: puts and lists, gets, and deletes, which are free.
    bucket: [u64; 3],
}

/// What a world uses for this.
fn used(world: &World, act: impl FnOnce()) -> Used {
    let counts = || (world.cost(""), world.rows_read(""), world.operations().log().len());
    let ((rows, requests), read, logged) = counts();
    act();
    let ((rows_after, requests_after), read_after, _) = counts();
    let log = world.operations().log().split_off(logged);
    let count = |what: &str| log.iter().filter(|line| line.ends_with(&format!(": {what}"))).count() as u64;
    Used {
        objects: [requests_after - requests, read_after - read, rows_after - rows],
        bucket: [count("put an object") + count("list objects"), count("get an object"), count("delete objects")],
    }
}

impl Used {
    /// What this is more than another, which leaves the bucket alone.
    fn beyond(self, other: Self) -> Self {
        Self { objects: std::array::from_fn(|n| self.objects[n] - other.objects[n]), ..self }
    }
}

/// Requests, rows read and rows written in docs/COSTS.md.
///
/// Of each: for a certificate, for an account, for a further step, and besides.
fn documented(what: &str) -> [[u64; 4]; 3] {
    let document = include_str!("../../../docs/COSTS.md");
    ["Durable Object requests", "rows read", "rows written"].map(|unit| {
        let start = format!("| {what}: {unit} | ");
        let row = document.lines().find_map(|line| line.strip_prefix(&start)).expect(&start);
        let cells: Vec<u64> = row.split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
        cells.try_into().expect("four numbers")
    })
}

/// What the document has for a CA of this size.
fn formula(what: &str, size: [u64; 3]) -> [u64; 3] {
    documented(what).map(|row| size.iter().zip(&row).map(|(count, each)| count * each).sum::<u64>() + row[3])
}

/// The rows of lists without certificates, which are missing: two of each.
fn of_empty_lists(world: &World) -> u64 {
    2 * (4 - world.records("shard/").len() as u64)
}

/// A CA whose accounts have so many certificates, a week after the last one.
fn grown(accounts: usize, certificates: usize) -> Operator {
    let operator = Operator::new();
    let clients: Vec<_> = (0..accounts).map(|_| operator.client()).collect();
    for n in 0..certificates {
        issue(&clients[n % accounts], &[&format!("n{n}.test")], json!({}));
    }
    operator.world.live(DAY * 8);
    operator
}

/// Backs a CA up as the command does.
///
/// Each request has pages of up to 25 partitions.
fn command(operator: &Operator) -> usize {
    let begun = operator.post("backups", &json!({})).is(201).json();
    let ids = |rows: &[Value], name: &str| -> BTreeSet<String> {
        rows.iter().filter_map(|row| row["v"][name].as_str().map(str::to_owned)).collect()
    };
    let copy = |partitions: Vec<String>| {
        let mut all = Vec::new();
        let mut left: Vec<Value> =
            partitions.iter().map(|name| json!({ "partition": name, "reached": null })).collect();
        while !left.is_empty() {
            let asked = &left[..left.len().min(MAX_PARTS)];
            let answered = operator.post("backups/rows", &json!({ "token": begun["token"], "parts": asked }));
            let pages = answered.is(200).json()["parts"].as_array().unwrap().clone();
            let rest = left.split_off(pages.len());
            left = pages
                .iter()
                .filter(|page| !page["reached"].is_null())
                .map(|page| json!({ "partition": page["partition"], "reached": page["reached"] }))
                .collect();
            left.extend(rest);
            all.extend(pages.into_iter().flat_map(|page| page["rows"].as_array().unwrap().clone()));
        }
        all
    };
    let of = |kind: &str, ids: &BTreeSet<String>| ids.iter().map(|id| format!("{kind}/{id}")).collect::<Vec<_>>();
    let accounts = ids(&copy((0..4).map(|n| format!("roster/{n}")).collect()), "account");
    copy(of("account", &accounts));
    copy(vec!["operations/ca".to_owned()]);
    copy(vec!["compromised/keys".to_owned()]);
    let issuers: Vec<&str> =
        begun["backup"]["issuers"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    copy(issuers.iter().map(|id| format!("ledger/{id}")).collect());
    copy(vec!["compromised/keys".to_owned()]);
    accounts.len()
}

/// Restores a backup as the command does, with up to 25 partitions in each request.
fn restore(backup: &Backup, operator: &Operator) {
    backup.begin(operator).is(200);
    let parts: Vec<Value> =
        backup.parts.iter().map(|(name, rows)| json!({ "partition": name, "rows": rows })).collect();
    for (n, parts) in parts.chunks(MAX_PARTS).enumerate() {
        operator.post("restoration/rows", &json!({ "backup": backup.id(), "line": n + 1, "parts": parts })).is(200);
    }
    let of = |kinds: &[&str]| -> Vec<&str> {
        let names = backup.parts.iter().map(|(name, _)| name.as_str());
        names.filter(|name| kinds.contains(&name.split('/').next().unwrap())).collect()
    };
    let order = [of(&["ledger", "compromised", "eab"]), of(&["roster"]), of(&["account"])].concat();
    for names in order.chunks(MAX_PARTS) {
        let body = json!({ "backup": backup.id(), "partitions": names, "last": false });
        operator.post("restoration/end", &body).is(200);
    }
    operator.post("restoration/end", &backup.last()).is(200);
}

/// The same CA in a copy of its world.
fn fork(operator: &Operator) -> Operator {
    Operator { world: operator.world.fork(), ..operator.with(&operator.token, 1) }
}

/// Holds a backup by the command against the documents.
fn check_command(operator: &Operator, accounts: u64, certificates: u64) {
    let mut used = used(&operator.world, || assert_eq!(command(operator) as u64, accounts));
    used.objects[1] += of_empty_lists(&operator.world);
    assert_eq!(used.objects, formula("by the command", [certificates, accounts, 0]), "{accounts} {certificates}");
    assert_eq!(used.bucket, [0; 3]);
}

/// Holds a backup into the bucket that removes an older one against the documents.
fn check_bucket(operator: &Operator, accounts: u64, certificates: u64) {
    let stored = |prefix: &str| operator.world.stored(prefix);
    let full: u64 = (0..4).map(|n| stored(&format!("roster/{n}")).0.div_ceil(MAX_PARTS as u64)).sum();
    let quarters = (stored("account/").1 + stored("ledger/").1) / (256 * 1024);
    let (plain, scheduled) = (fork(operator), scheduled(&fork(operator), "6 hours", "1"));
    let idle = used(&plain.world, || woken(&plain));
    let first = used(&scheduled.world, || woken(&scheduled)).beyond(idle);
    let idle = used(&plain.world, || plain.world.live(6 * 3_600 * SECOND));
    let before = names(&scheduled.world.bucket());
    let mut next = used(&scheduled.world, || scheduled.world.live(6 * 3_600 * SECOND)).beyond(idle);
    next.objects[1] += of_empty_lists(&operator.world);
    let name = names(&scheduled.world.bucket());
    assert!(before.len() == 1 && name.len() == 1 && name != before, "{before:?} {name:?}");
    let at = |steps| formula("into the bucket", [certificates, accounts, steps]);
    let fits = (full..=full + quarters).any(|steps| next.objects == at(steps));
    assert!(fits, "{accounts} {certificates}: {next:?}, with {full} to {} steps {:?}", full + quarters, at(full));
    assert_eq!(next.bucket, [1 + 8, 0, 2], "an object and eight more");
    assert_eq!(first.bucket, [1 + 4, 0, 0]);
    assert!(first.objects.iter().zip(next.objects).all(|(first, next)| *first <= next), "{first:?} {next:?}");
    let fetched = |body: Value| used(&scheduled.world, || drop(scheduled.post("backups/objects", &body).is(200)));
    assert_eq!(fetched(json!({ "name": name[0] })).bucket, [0, 1, 0]);
    assert_eq!(fetched(json!({ "name": name[0], "object": 0 })).bucket, [0, 1, 0]);
}

/// Holds a restore, with the alarms that follow it, against the documents.
fn check_restore(operator: &Operator, accounts: u64, certificates: u64) {
    let backup = Backup::of(operator);
    let other = empty(&operator.world);
    let restored = used(&other.world, || restore(&backup, &other));
    let open = closed(&other, false);
    let opened = used(&open.world, || open.world.run_due_alarms());
    let steps = backup.parts.len().div_ceil(MAX_PARTS) as u64;
    let most = formula("a restore, at most", [certificates, accounts, steps]);
    let sum: [u64; 3] = std::array::from_fn(|n| restored.objects[n] + opened.objects[n]);
    let close = |(sum, most): (&u64, &u64)| sum <= most && sum + 12 >= *most;
    assert!(sum.iter().zip(&most).all(close), "{accounts} {certificates}: {sum:?}, at most {most:?}");
}

#[test]
fn backups_and_a_restore_cost_what_the_documents_say() {
    for (accounts, certificates) in [(1, 10), (100, 100), (1, 300)] {
        let operator = grown(accounts, certificates);
        let (accounts, certificates) = (accounts as u64, certificates as u64);
        check_command(&fork(&operator), accounts, certificates);
        check_bucket(&operator, accounts, certificates);
        check_restore(&operator, accounts, certificates);
    }
}
