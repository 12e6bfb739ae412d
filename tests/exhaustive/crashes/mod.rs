//! Requests that are dropped at every step, or whose storage, calls and signatures fail.

mod crash_test;

use core::time::Duration;
use crash_test::CrashTest;
use selvedge::ca::testing::{Client, CsrShape, Race, World, check_all, check_key_works, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;

fn fresh_key() -> ClientKey {
    ClientKey::generate(SigAlg::Es256)
}

#[test]
fn finalize_survives_crashes_and_faults() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test", "b.test"]);
    let csr = CsrShape::dns(&["a.test", "b.test"]).build(&new_key(SigAlg::Es256));
    let crash_test = CrashTest {
        start: &world,
        request: &|world| client.at(world).finalize_request(&order, &csr),
        after: &|world, what| {
            let client = client.at(world);
            let found = client.get(&url).is(200).json();
            let finished = match found["status"].as_str().unwrap() {
                "ready" => client.finalize(&order, &csr).is(200).json(),
                "valid" => found,
                other => panic!("{what}: the order is {other}"),
            };
            assert_eq!(finished["status"], "valid", "{what}");
            let again = client.finalize(&order, &csr).is(200).json();
            assert_eq!(again["certificate"], finished["certificate"], "{what}");
            client.download(&finished);
            check_all(world, what);
            assert_eq!((world.records("cert/").len(), world.records("serial/").len()), (1, 1), "{what}");
        },
    };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
    crash_test.fail_the_alarm_everywhere(|world| world.sign_fault().from(0), World::heal);
    crash_test.crash_the_alarm_everywhere(|world| world.sign_fault().from(0), World::heal);
}

#[test]
fn restart_resumes_running_jobs_at_once() {
    let start = World::cooperative();
    let client = Client::registered(&start);
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let mut taken_up = 0;
    for k in 0..60 {
        let world = start.fork();
        let done = Race::interrupt(&world, world.serve(client.at(&world).finalize_request(&order, &csr)), k);
        world.restart();
        let interrupted = world.works().len();
        let now = world.now();
        world.run_due_alarms();
        assert_eq!((world.now(), world.works().len()), (now, 0), "{k} steps: nothing waits for a lease");
        let status = client.at(&world).get(&url).is(200).json()["status"].clone();
        assert!(status == "valid" || (status == "ready" && interrupted == 0), "{k} steps: {status}");
        taken_up += interrupted;
        if done {
            break;
        }
    }
    assert!(taken_up > 2, "the issuance was interrupted {taken_up} times");
}

#[test]
fn alarm_failing_midway_is_retried_soon() {
    let world = World::new();
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test"]);
    let placed = client.new_order(&["b.test"]).is(201).json();
    let challenge = client.prove(&client.authorizations(&placed).remove(0).1, selvedge::ca::testing::Proof::Http);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    world.sign_fault().from(0);
    world.network().set_resolver_down(true);
    client.finalize(&order, &csr).is(200);
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
    world.heal();
    world.network().set_resolver_down(false);
    world.pass(Duration::from_secs(10));
    // The first of the two jobs is taken, and then the storage fails.
    world.store_fault().from(4);
    world.run_due_alarms();
    world.heal();
    let soon = world.now().plus(Duration::from_secs(5));
    assert!(world.alarms()[&client.partition()] <= soon, "the second job waits for the first one's lease");
    world.live(Duration::from_secs(60));
    assert_eq!(world.works(), [""; 0]);
    check_all(&world, "after all");
}

#[test]
fn key_change_survives_crashes_and_faults() {
    let world = World::cooperative();
    let (client, new) = (Client::registered(&world), fresh_key());
    let request = |world: &World| client.at(world).key_change_request(&new);
    let after = |world: &World, what: &str| {
        // Either key works, and only one of them.
        let lookups = [&client.key, &new].map(|key| {
            let answered = Client::with_key(world, key.clone()).new_account(json!({ "onlyReturnExisting": true }));
            answered.header("Location") == Some(client.account())
        });
        assert!(lookups[0] != lookups[1], "{what}: old key {}, new key {}", lookups[0], lookups[1]);
        if lookups[0] {
            client.at(world).key_change(&new).is(200);
        }
        check_key_works(world, &new, what);
        check_key_works(world, &client.key, what);
    };
    let crash_test = CrashTest { start: &world, request: &request, after: &after };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
}

#[test]
fn new_account_survives_crashes_and_faults() {
    let world = World::cooperative();
    let client = Client::new(&world);
    let (url, other) = (client.url("new-account"), Client::registered(&world));
    let request = |world: &World| client.at(world).sign(&url, Some(json!({})));
    let after = |world: &World, what: &str| {
        // The key can still go to another account, or get its own.
        let forked = world.fork();
        let changed = other.at(&forked).key_change(&client.key);
        assert!([200, 409].contains(&changed.status()), "{what}: {}", changed.text());
        check_all(&forked, what);
        check_key_works(&forked, &client.key, what);
        check_key_works(world, &client.key, what);
    };
    let crash_test = CrashTest { start: &world, request: &request, after: &after };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
}

#[test]
fn challenge_survives_crashes_and_faults() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test"]).is(201);
    let (_, authorization) = client.authorizations(&placed.json()).remove(0);
    let challenge = client.prove(&authorization, selvedge::ca::testing::Proof::Http);
    let url = challenge["url"].as_str().unwrap();
    let request = |world: &World| client.at(world).sign(url, Some(json!({})));
    let after = |world: &World, what: &str| {
        let client = client.at(world);
        if client.get(url).is(200).json()["status"] == "pending" {
            client.post(url, json!({})).is(200);
        }
        assert_eq!(client.get(url).is(200).json()["status"], "valid", "{what}");
        assert_eq!(client.get(&placed.location()).is(200).json()["status"], "ready", "{what}");
    };
    let crash_test = CrashTest { start: &world, request: &request, after: &after };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
    let down = |world: &World| world.network().set_resolver_down(true);
    let up = |world: &World| world.network().set_resolver_down(false);
    crash_test.fail_the_alarm_everywhere(down, up);
    crash_test.crash_the_alarm_everywhere(down, up);
}

#[test]
fn new_order_survives_crashes_and_faults() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let identifiers = json!([{ "type": "dns", "value": "a.test" }, { "type": "dns", "value": "b.test" }]);
    let request = |world: &World| {
        let client = client.at(world);
        client.sign(&client.url("new-order"), Some(json!({ "identifiers": identifiers })))
    };
    let after = |world: &World, what: &str| {
        let placed = (world.records("order/").len(), world.records("authz/").len());
        assert!([(0, 0), (1, 2)].contains(&placed), "{what}: {placed:?} orders and authorizations");
        client.at(world).issue(&["a.test", "b.test"], &new_key(SigAlg::Es256));
    };
    let crash_test = CrashTest { start: &world, request: &request, after: &after };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
}

#[test]
fn revocation_survives_crashes_and_faults() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let request = |world: &World| client.at(world).revoke_request(&certificate, Some(4));
    let after = |world: &World, what: &str| {
        let revoked = world.records("serial/")[0].1["revoked"].is_object();
        let again = client.at(world).revoke(&certificate, Some(4));
        if revoked {
            again.refused(400, Kind::AlreadyRevoked);
        } else {
            again.is(200);
        }
        assert_eq!(world.records("serial/")[0].1["revoked"]["reason"], 4, "{what}");
    };
    let crash_test = CrashTest { start: &world, request: &request, after: &after };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
}

#[test]
fn deactivation_survives_crashes_and_faults() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    client.new_order(&["a.test"]).is(201);
    let deactivate = json!({ "status": "deactivated" });
    let request = |world: &World| client.at(world).sign(client.account(), Some(deactivate.clone()));
    let after = |world: &World, what: &str| {
        let client = client.at(world);
        let (dead, canceled) = (
            world.records("account")[0].1["status"] == "deactivated",
            world.records("order/")[0].1["canceled"] == true,
        );
        assert_eq!(dead, canceled, "{what}: both or neither");
        if !dead {
            client.post(client.account(), deactivate.clone()).is(200);
        }
        client.get(client.account()).refused(401, Kind::Unauthorized);
    };
    let crash_test = CrashTest { start: &world, request: &request, after: &after };
    crash_test.crash_everywhere();
    crash_test.fail_everywhere();
}
