//! A request broken at every step, and the alarms after it.

use core::time::Duration;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Fault, Race, World, check_all};

/// More steps than any request has.
const STEPS: usize = 60;

/// One of a world's faults.
type FaultOf = fn(&World) -> &Fault;

const KINDS: [(&str, FaultOf); 4] = [
    ("store", World::store_fault),
    ("call", World::call_fault),
    ("reply", World::reply_fault),
    ("sign", World::sign_fault),
];

/// A request to interrupt, and the check after the world is healed.
pub struct CrashTest<'a> {
    pub start: &'a World,
    pub request: &'a dyn Fn(&World) -> Request,
    pub after: &'a dyn Fn(&World, &str),
}

impl CrashTest<'_> {
    /// Drops the request at each of its awaits in turn, with all that it started.
    pub fn crash_everywhere(&self) {
        for k in 0..STEPS {
            let world = self.start.fork();
            let done = Race::interrupt(&world, world.serve((self.request)(&world)), k);
            world.drop_tasks();
            self.heal(&world, &format!("dropped after {k} steps"));
            if done {
                return;
            }
        }
        panic!("the request has more than {STEPS} steps");
    }

    /// Fails each step of each kind in turn: alone, and with all later ones.
    pub fn fail_everywhere(&self) {
        for (name, fault) in KINDS {
            for (n, lasting) in (0..200).flat_map(|n| [(n, false), (n, true)]) {
                let world = self.start.fork();
                let request = (self.request)(&world);
                let fault = fault(&world);
                if lasting {
                    fault.from(n)
                } else {
                    fault.once(n)
                }
                let answered = world.send(request);
                let struck = fault.count() > n;
                let what = format!(
                    "{name} {n} failed{}, answered {}",
                    if lasting { " and after" } else { "" },
                    answered.status()
                );
                assert!(answered.status() < 500 || struck, "{what}: {}", answered.text());
                self.heal(&world, &what);
                if !struck {
                    break;
                }
            }
        }
    }

    /// Fails the first signatures and lookups, then each step of the alarm.
    pub fn fail_the_alarm_everywhere(&self, broken: fn(&World), mended: fn(&World)) {
        for (name, fault) in KINDS {
            for (n, lasting) in (0..300).flat_map(|n| [(n, false), (n, true)]) {
                let world = self.start.fork();
                broken(&world);
                world.send((self.request)(&world)).is(200);
                mended(&world);
                let fault = fault(&world);
                if lasting {
                    fault.from(n);
                } else {
                    fault.once(n);
                }
                world.live(Duration::from_secs(10));
                let struck = fault.count() > n;
                self.heal(
                    &world,
                    &format!("{name} {n} failed in the alarm{}", if lasting { " and after" } else { "" }),
                );
                if !struck {
                    break;
                }
            }
        }
    }

    /// Fails the first signatures and lookups, then drops the alarm at each await.
    pub fn crash_the_alarm_everywhere(&self, broken: fn(&World), mended: fn(&World)) {
        for k in 0..STEPS {
            let world = self.start.fork();
            broken(&world);
            world.send((self.request)(&world)).is(200);
            mended(&world);
            world.pass(Duration::from_secs(10));
            let dropped = world.break_due_alarms(k);
            self.heal(&world, &format!("the alarm was dropped after {k} steps"));
            if !dropped {
                return;
            }
        }
        panic!("the alarm has more than {STEPS} steps");
    }

    fn heal(&self, world: &World, what: &str) {
        check_all(world, what);
        world.heal();
        world.settle(Duration::from_secs(60));
        check_all(world, what);
        (self.after)(world, what);
        assert_eq!(world.works(), [""; 0], "{what}: nothing is left to do");
    }
}
