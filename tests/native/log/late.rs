//! Full tiles are stored by the alarm, whenever it comes.

use super::{audited, checkpoint, enter, file, ids, logged, read, record, stored};
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::ledger::log_tiles::STEP;
use selvedge::ca::testing::{OperationFault, World};
use selvedge::tlog::Tile;
use selvedge::tlog::tile::Resource;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Tiles that are stored, and the leaves in them.
fn tiles(world: &World) -> (usize, u64) {
    let rows = world.rows();
    let of_leaves = |key: &&String| key.starts_with("tile/") && key.matches('/').count() == 2;
    (rows.keys().map(|(_, key)| key).filter(of_leaves).count(), stored(world).logs.iter().map(|log| log.tiled).sum())
}

/// The alarm that comes anyway.
fn wake(world: &World) {
    world.pass(DAY);
    world.run_due_alarms();
}

/// Each of 600 issuances, beside the same one without a log.
#[test]
fn no_issuance_ever_writes_more_than_one_row_more() {
    let (world, plain) = (logged(), World::new());
    let cost = |world: &World, n: u64| {
        let before = world.cost("");
        world.tell(&LedgerAt::from(world.issuer().id()), &record(world, n));
        let after = world.cost("");
        (after.0 - before.0, after.1 - before.1)
    };
    // The first one begins the log.
    assert!(cost(&world, 0).0 > cost(&plain, 0).0 + 1);
    for n in 1..=600 {
        let (with, without) = (cost(&world, n), cost(&plain, n));
        assert_eq!(with, (without.0 + 1, without.1), "{n}");
        if n == 300 {
            // Neither does one after a start, nor one after the tiles were stored.
            assert_eq!(tiles(&world), (0, 0));
            world.restart();
        }
        if n == 400 {
            wake(&world);
            wake(&plain);
            assert_eq!(tiles(&world), (1, 256));
        }
    }
    let log = ids(&world).remove(0);
    assert_eq!(audited(&world, &log).len(), 602);
}

#[test]
fn late_alarm_stores_thousands_of_leaves_in_bounded_steps() {
    let world = logged();
    let count = STEP as u64 * 256 + 700;
    enter(&world, 1..count);
    let log = ids(&world).remove(0);
    let before = audited(&world, &log);
    assert_eq!((before.len() as u64, tiles(&world)), (count, (0, 0)));
    // A start finds that it is far behind.
    world.restart();
    assert_eq!(world.alarms().get(&format!("ledger/{}", world.issuer().id())), Some(&world.now()));
    let root = checkpoint(&world, &log);
    let rows = world.cost("ledger/").0;
    world.run_due_alarms();
    assert_eq!(tiles(&world), (STEP, STEP as u64 * 256));
    // A tile and its root each, the tile above, the state of the log, and the next alarm.
    assert!(world.cost("ledger/").0 - rows <= STEP as u64 * 2 + 6, "{}", world.cost("ledger/").0 - rows);
    enter(&world, count..count + 10);
    world.pass(Duration::from_secs(2));
    assert!(audited(&world, &log).starts_with(&before));
    world.run_due_alarms();
    assert_eq!(tiles(&world), (STEP + 2, (STEP as u64 + 2) * 256));
    world.restart();
    let after = audited(&world, &log);
    assert!(after.starts_with(&before) && after.len() == before.len() + 10);
    assert!(root.size < checkpoint(&world, &log).size);
    // The leaves that the first checkpoint covers have the same tree.
    let width = u16::try_from(root.size % 256).unwrap();
    let partial = Tile::new(0, root.size / 256, width).unwrap();
    read(&world, &file(&world, &log, Resource::Hashes(partial))).is(200);
}

/// A start that is a little behind sets no alarm of its own for it.
#[test]
fn start_that_is_a_little_behind_waits_for_another_alarm() {
    let world = logged();
    enter(&world, 1..1_000);
    world.restart();
    let at = world.alarms()[&format!("ledger/{}", world.issuer().id())];
    assert!(at > world.now(), "{at:?}");
    world.forget_alarms();
    world.restart();
    assert!(world.alarms()[&format!("ledger/{}", world.issuer().id())] <= world.now().plus(DAY), "a lost one returns");
    wake(&world);
    assert_eq!(tiles(&world), (3, 768));
}

/// Breaks the alarm at each of its operations, in each way.
#[test]
fn tiles_broken_at_each_operation_are_stored_once_and_show_one_tree() {
    let start = logged();
    enter(&start, 1..520);
    let log = ids(&start).remove(0);
    let (entries, root) = (audited(&start, &log), checkpoint(&start, &log));
    start.pass(DAY);
    for fault in OperationFault::ALL {
        for n in 0.. {
            let world = start.fork();
            let before = world.operations().log().len();
            world.operations().plan(&[(before + n, fault)]);
            world.run_due_alarms();
            let struck = world.operations().log().len() > before + n;
            world.heal();
            let (stored_tiles, leaves) = tiles(&world);
            assert_eq!(stored_tiles as u64 * 256, leaves, "{fault:?} at {n}");
            assert_eq!(audited(&world, &log), entries, "{fault:?} at {n}");
            wake(&world);
            assert_eq!(tiles(&world), (2, 512), "{fault:?} at {n}");
            assert_eq!(audited(&world, &log), entries, "{fault:?} at {n}");
            assert_eq!(checkpoint(&world, &log), root, "{fault:?} at {n}");
            if !struck {
                break;
            }
        }
    }
}

/// The tiles of a log that ended before they were stored.
#[test]
fn tiles_of_a_closed_log_are_stored_later() {
    let world = logged();
    enter(&world, 1..600);
    let first = ids(&world).remove(0);
    let (entries, root) = (audited(&world, &first), checkpoint(&world, &first));
    let moved = world.reconfigured(|settings| {
        settings.urls = selvedge::ca::http::routes::Urls::new("https://elsewhere.test");
    });
    enter(&moved, 600..1_000);
    assert_eq!(tiles(&moved), (0, 0));
    assert_eq!(audited(&moved, &first), entries);
    wake(&moved);
    assert_eq!((tiles(&moved), stored(&moved).logs[0].tiled), ((3, 768), 512));
    moved.restart();
    assert_eq!((audited(&moved, &first), checkpoint(&moved, &first)), (entries, root));
    audited(&moved, &ids(&moved)[1]);
}
