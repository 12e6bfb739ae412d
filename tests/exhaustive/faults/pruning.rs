//! The alarms that prune certificates of years ago.

use super::fixture::Fixture;
use super::requests::{Act, After, Case};
use core::time::Duration;
use selvedge::ca::testing::World;

const DAY: Duration = Duration::from_secs(86_400);

/// The fixture when its certificate is to be pruned.
fn years_later(fixture: &Fixture) -> World {
    let world = fixture.world.fork();
    // The first alarm begins to wait a week, and deletes what expired.
    for days in [900, 8] {
        world.pass(DAY * days);
        if days > 8 {
            (0..3).for_each(|_| world.run_due_alarms());
        }
    }
    world.restart();
    world
}

/// The alarms of a run.
pub fn pruning(fixture: &Fixture) -> Case<'_> {
    let after: After<'_> = Box::new(|world, what| {
        for _ in 0..3 {
            (0..4).for_each(|_| world.run_due_alarms());
            world.pass(DAY * 8);
        }
        let left = [world.records("serial/").len(), world.records("cert/").len(), world.records("latest/").len()];
        assert_eq!(left, [0; 3], "{what}: pruned in the ledger and in the account");
        let audited = world.records("audit/").into_iter().filter(|(_, entry)| entry["what"] == "certificates.prune");
        assert!(audited.count() >= 1, "{what}: and noted");
    });
    let (name, start) = ("alarms that prune".to_owned(), years_later(fixture));
    Case { name, start, act: Act::Alarms, status: 0, again: &[], after }
}
