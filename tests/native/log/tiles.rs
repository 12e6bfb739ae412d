//! Tiles and entries of logs of many sizes.

use super::{audited, checkpoint, enter, file, ids, logged, logs, read, stored};
use selvedge::ca::testing::World;
use selvedge::tlog::Tile;
use selvedge::tlog::tile::Resource;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn logs_of_many_sizes_are_served_whole_also_after_a_restart() {
    let world = logged();
    // The issuer's certificate is the first leaf.
    let mut leaves = 1;
    for size in [2, 3, 255, 256, 257, 511, 512, 513, 770] {
        enter(&world, leaves..size);
        leaves = size;
        world.pass(Duration::from_secs(2));
        if size % 2 == 0 {
            world.restart();
        }
        let log = ids(&world).remove(0);
        let entries = audited(&world, &log);
        assert_eq!(entries.len() as u64, size);
        assert!(entries[leaves as usize - 1].ends_with(format!("to be signed: {}", size - 1).as_bytes()));
        if size % 3 == 0 {
            // Until the alarm, tiles are assembled from leaves.
            world.pass(DAY);
            world.run_due_alarms();
            assert_eq!(stored(&world).logs[0].tiled, size / 256 * 256);
            assert_eq!(audited(&world, &log), entries);
        }
    }
}

#[test]
fn partition_that_is_lost_after_each_leaf_builds_the_same_tree() {
    let (steady, lost) = (logged(), logged());
    for n in 1..300 {
        enter(&steady, [n]);
        enter(&lost, [n]);
        lost.restart();
    }
    let of = |world: &World| checkpoint(world, &ids(world)[0]);
    assert_eq!(of(&steady), of(&lost));
    let rows = |world: &World| -> Vec<_> {
        let kinds = ["log", "leaf", "tile", "subtree"];
        let of_log = |key: &str| kinds.contains(&key.split('/').next().unwrap());
        world.rows().into_iter().filter(|((_, key), _)| of_log(key)).collect()
    };
    assert!(rows(&steady) == rows(&lost), "the rows differ");
}

#[test]
fn only_what_a_checkpoint_covers_is_served() {
    let world = logged();
    enter(&world, 1..260);
    let log = ids(&world).remove(0);
    let status = |tile: Tile| {
        let hashes = world.ask("GET", &file(&world, &log, Resource::Hashes(tile))).status();
        if tile.level() == 0 {
            assert_eq!(read(&world, &file(&world, &log, Resource::Entries(tile))).status(), hashes, "{tile:?}");
        }
        hashes
    };
    let tile = |level, index, width| Tile::new(level, index, width).unwrap();
    assert_eq!(status(tile(0, 0, 1)), 404, "no checkpoint was signed");
    assert_eq!(checkpoint(&world, &log).size, 260);
    enter(&world, 260..600);
    for covered in [tile(0, 0, 1), tile(0, 0, 255), tile(0, 0, 256), tile(0, 1, 1), tile(0, 1, 4), tile(1, 0, 1)] {
        assert_eq!(status(covered), 200, "{covered:?}");
    }
    for beyond in [tile(0, 1, 5), tile(0, 1, 256), tile(0, 2, 1), tile(1, 0, 2), tile(1, 1, 1), tile(2, 0, 1)] {
        assert_eq!(status(beyond), 404, "{beyond:?}");
    }
    world.pass(Duration::from_secs(2));
    assert_eq!(checkpoint(&world, &log).size, 600);
    assert_eq!(status(tile(0, 1, 256)), 200);
}

#[test]
fn paths_that_no_log_has_are_not_found() {
    let world = logged();
    enter(&world, 1..300);
    let log = ids(&world).remove(0);
    checkpoint(&world, &log);
    let logs = logs(&world);
    for path in [
        format!("{logs}/"),
        format!("{logs}/00000000/checkpoint"),
        format!("{logs}/{}/checkpoint", log.to_uppercase()),
        format!("{logs}/{log}"),
        format!("{logs}/{log}/"),
        format!("{logs}/{log}/checkpoint/"),
        format!("{logs}/{log}/tile/0/000.p/0"),
        format!("{logs}/{log}/tile/0/000.p/256"),
        format!("{logs}/{log}/tile/0/000.p/257"),
        format!("{logs}/{log}/tile/0/0"),
        format!("{logs}/{log}/tile/00/000"),
        format!("{logs}/{log}/tile/-1/000"),
        format!("{logs}/{log}/tile/8/000.p/1"),
        format!("{logs}/{log}/tile/63/000.p/1"),
        format!("{logs}/{log}/tile/64/000.p/1"),
        format!("{logs}/{log}/tile/0/x999/999"),
        format!("{logs}/{log}/tile/0/x018/x446/x744/x073/x709/x551/616"),
        format!("{logs}/{log}/tile/entries/000.p/0"),
        format!("{logs}/{log}/tile/data/000"),
        format!("{logs}/proof/"),
        format!("{logs}/proof/00"),
        format!("{logs}/proof/{}", "5a".repeat(19)),
        format!("/log/00/{log}/checkpoint"),
        "/log/".to_owned(),
        "/log".to_owned(),
    ] {
        let before = world.rows();
        assert_eq!(world.ask("GET", &path).status(), 404, "{path}");
        assert_eq!(read(&world, &path).status(), 404, "{path}");
        assert_eq!(world.rows(), before, "{path}");
    }
}
