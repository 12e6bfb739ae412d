//! No two checkpoints of one origin and size ever have different roots.

use super::{checkpoint, enter, file, ids, kinds, logged, logs, proven, read, record, stored, tbs_of, verified};
use proptest::prelude::*;
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::runtime::copying::{CopiedRow, CopyRows};
use selvedge::ca::runtime::message::PartitionId;
use selvedge::ca::runtime::ports::Ports;
use selvedge::ca::runtime::restoring::{EndRestore, ImportRows};
use selvedge::ca::testing::{Client, OperationFault, World, WorldPorts, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::tlog::entry::{Entry, LoggedPredecessor};
use selvedge::tlog::tile::Resource;
use selvedge::tlog::{Checkpoint, Hash};
use selvedge::values::SigAlg;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

fn ledger(world: &World) -> PartitionId {
    PartitionId::Ledger(world.issuer().id().to_owned())
}

/// The rows of the ledger, as a backup has them.
fn backup(world: &World) -> Vec<CopiedRow> {
    let (mut rows, mut reached) = (Vec::new(), None);
    loop {
        let copied = world.tell(&ledger(world), &CopyRows { reached, octets: 100_000 });
        rows.extend(copied.rows);
        reached = copied.reached;
        if reached.is_none() {
            return rows;
        }
    }
}

thread_local! {
    /// The number of restores in this thread: each CA draws other random numbers.
    static RESTORES: Cell<usize> = const { Cell::new(0) };
}

/// Another CA at the same address, with the ledger of a backup.
fn restored(now: &World, rows: &[CopiedRow]) -> World {
    let world = logged();
    world.set_clock(now.now());
    let n = RESTORES.get() + 1;
    RESTORES.set(n);
    WorldPorts::new(&world, None).fill_random(&mut vec![0; n * 100_000]).unwrap();
    let rows = rows.to_vec();
    world.tell(&ledger(&world), &ImportRows { backup: "b".to_owned(), rows });
    world.tell(&ledger(&world), &EndRestore { backup: "b".to_owned(), event: None });
    world
}

#[test]
fn restored_ledger_closes_its_log_and_begins_another_that_names_it() {
    let world = logged();
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    enter(&world, 1..4);
    let rows = backup(&world);
    // The first CA goes on.
    enter(&world, 4..9);
    let first = ids(&world).remove(0);
    assert_eq!(checkpoint(&world, &first).size, 11);
    let other = restored(&world, &rows);
    // The old log is served to its end, with a proof for each of its certificates.
    assert_eq!(ids(&other), [first.as_str()]);
    let serial = parse_presented(&leaf).unwrap().serial.hex();
    let proof = other.ask("GET", &format!("{}/proof/{serial}", logs(&other))).is(200).text().to_owned();
    assert_eq!(proven(&other, &leaf, &proof), 2);
    let last = checkpoint(&other, &first);
    assert_eq!(last.size, 6);
    assert!(!tbs_of(&leaf).is_empty());
    enter(&other, 100..103);
    let second = ids(&other).remove(1);
    assert_eq!(kinds(&other, &second), ["predecessor", "issuer", "certificate", "certificate", "certificate"]);
    let entries = super::audited(&other, &second);
    let named: LoggedPredecessor = serde_json::from_slice(Entry::read(&entries[0]).unwrap().body).unwrap();
    assert_eq!((named.origin, named.size, named.root), (last.origin, last.size, last.root));
    assert_eq!(checkpoint(&other, &first).size, 6, "it takes no more leaves");
    assert_eq!(stored(&other).logs.len(), 2);
    // A second restore closes that one too.
    let third = restored(&other, &backup(&other));
    enter(&third, 200..201);
    assert_eq!(ids(&third).len(), 3);
    read(&third, &file(&third, &second, Resource::Checkpoint)).is(200);
}

#[test]
fn emptied_ledger_never_continues_a_log() {
    let world = logged();
    enter(&world, 1..4);
    let first = ids(&world).remove(0);
    checkpoint(&world, &first);
    let emptied = restored(&world, &[]);
    enter(&emptied, 50..55);
    let ids = ids(&emptied);
    assert_eq!(ids.len(), 1);
    assert_ne!(ids[0], first);
    assert_eq!(kinds(&emptied, &ids[0])[0], "issuer");
}

/// What happens to one of the CAs that exist.
#[derive(Clone, Debug)]
enum Step {
    /// So many certificates.
    Enter(u64),
    /// A reader of all checkpoints.
    Show,
    /// A certificate, or a checkpoint, with a fault at one of its operations.
    Break(bool, usize, OperationFault),
    Restart,
    Wait,
    /// The alarm, which stores full tiles.
    Wake,
    Backup,
    /// Another CA from one of the backups. The one that was continues.
    Restore(usize),
    /// The next steps happen to another CA.
    Turn(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop::sample::select(OperationFault::ALL.to_vec());
    prop_oneof![
        4 => (1..5_u64).prop_map(Step::Enter),
        2 => (250..260_u64).prop_map(Step::Enter),
        6 => Just(Step::Show),
        4 => (any::<bool>(), 0..14_usize, fault).prop_map(|(shows, at, fault)| Step::Break(shows, at, fault)),
        1 => Just(Step::Restart),
        2 => Just(Step::Wait),
        2 => Just(Step::Wake),
        2 => Just(Step::Backup),
        2 => any::<usize>().prop_map(Step::Restore),
        2 => any::<usize>().prop_map(Step::Turn),
    ]
}

/// All checkpoints that were ever shown: by origin and size their roots.
#[derive(Default)]
struct Shown(BTreeMap<(String, u64), Hash>);

impl Shown {
    fn add(&mut self, Checkpoint { origin, size, root, .. }: Checkpoint) {
        let first = *self.0.entry((origin.clone(), size)).or_insert(root);
        assert_eq!(first, root, "two trees of {size} leaves in {origin}");
    }

    fn look(&mut self, world: &World) {
        for log in ids(world) {
            let answered = world.ask("GET", &file(world, &log, Resource::Checkpoint));
            if answered.status() == 200 {
                self.add(verified(world, answered.text()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn no_two_checkpoints_of_one_origin_and_size_differ(steps in prop::collection::vec(step(), 1..40)) {
        let (mut worlds, mut backups, mut shown) = (vec![logged()], Vec::new(), Shown::default());
        let (mut at, mut next) = (0, 0_u64);
        for step in steps {
            let world = worlds[at].clone();
            match step {
                Step::Enter(count) => {
                    enter(&world, next..next + count);
                    next += count;
                }
                Step::Show => shown.look(&world),
                Step::Break(shows, n, fault) => {
                    next += 1;
                    let log = ids(&world).pop();
                    world.operations().plan(&[(n, fault)]);
                    let path = log.map(|log| file(&world, &log, Resource::Checkpoint));
                    match path.filter(|_| shows) {
                        Some(path) => {
                            let request = super::Request { method: "GET".to_owned(), path, ..super::Request::default() };
                            let answered = world.try_send(request).filter(|answered| answered.status() == 200);
                            world.heal();
                            answered.into_iter().for_each(|answered| shown.add(verified(&world, answered.text())));
                        }
                        None => {
                            let (ask, ports) = (record(&world, next), WorldPorts::new(&world, None));
                            let at = LedgerAt::from(world.issuer().id());
                            world.attempt(async move { ports.ask(&at, &ask).await });
                        }
                    }
                    world.heal();
                }
                Step::Restart => world.restart(),
                Step::Wait => world.pass(Duration::from_secs(2)),
                Step::Wake => {
                    world.pass(Duration::from_secs(86_400));
                    world.run_due_alarms();
                }
                Step::Backup => backups.push(backup(&world)),
                Step::Restore(which) => {
                    if let Some(rows) = which.checked_rem(backups.len()).map(|n| &backups[n]) {
                        worlds.push(restored(&world, rows));
                        at = worlds.len() - 1;
                    }
                }
                Step::Turn(which) => at = which % worlds.len(),
            }
        }
        for world in &worlds {
            world.pass(Duration::from_secs(2));
            shown.look(world);
            for log in ids(world) {
                super::audited(world, &log);
            }
        }
    }
}
