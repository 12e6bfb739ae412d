//! Jobs that kill their machine are retried and abandoned; slow jobs delay no others.

use core::time::Duration;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, check_all, new_key, poll_some};
use selvedge::values::SigAlg;
use serde_json::json;

/// More often than anything is begun.
const MANY: usize = 60;

/// Crashes the machine at each attempt until no job is left; counts the attempts.
fn end_each_try(world: &World, steps: usize) -> usize {
    for tries in 1..MANY {
        world.restart();
        if !world.break_due_alarms(steps) {
            return tries;
        }
    }
    panic!("it comes back for ever: {:?}", world.works());
}

fn processing(client: &Client, name: &str) -> (String, String) {
    let placed = client.new_order(&[name]).is(201);
    let (_, authorization) = client.authorizations(&placed.json()).remove(0);
    (placed.location(), client.prove(&authorization, Proof::Http)["url"].as_str().unwrap().to_owned())
}

#[test]
fn validation_that_kills_its_machine_is_abandoned() {
    let world = World::new();
    let client = Client::registered(&world);
    let (order, challenge) = processing(&client, "a.test");
    // The host lets nobody go: what runs is dropped there.
    world.network().set_hanging(true);
    assert!(poll_some(world.serve(client.sign(&challenge, Some(json!({})))), 5).is_none());
    assert_eq!(world.works().len(), 1, "begun before it runs");
    let tries = end_each_try(&world, 5);
    assert_eq!(tries, 6, "three tries, and as many again for those that ended with their machine");
    let seen = client.get(&challenge).is(200).json();
    assert_eq!(seen["status"], "invalid", "{seen}");
    assert_eq!(seen["error"]["type"], "urn:ietf:params:acme:error:serverInternal", "{seen}");
    assert!(seen["error"]["detail"].as_str().unwrap().contains("begun again and again"), "{seen}");
    assert_eq!(client.get(&order).is(200).json()["status"], "invalid");
    assert_eq!(world.works(), [""; 0]);
    check_all(&world, "given up");
}

#[test]
fn restarts_do_not_count_as_validation_attempts() {
    for restarts in 0..=5 {
        let world = World::new();
        let client = Client::registered(&world);
        let (order, challenge) = processing(&client, "a.test");
        world.network().set_hanging(true);
        assert!(poll_some(world.serve(client.sign(&challenge, Some(json!({})))), 5).is_none());
        for _ in 0..restarts {
            world.restart();
            assert!(world.break_due_alarms(5), "it is begun again");
        }
        world.network().set_hanging(false);
        world.restart();
        world.run_due_alarms();
        let status = client.get(&order).is(200).json()["status"].clone();
        assert_eq!(status, if restarts < 5 { "ready" } else { "invalid" }, "{restarts} restarts");
    }
}

#[test]
fn attempts_lost_in_crashes_do_not_count_against_the_host() {
    let world = World::new();
    let client = Client::registered(&world);
    let (order, challenge) = processing(&client, "a.test");
    world.network().set_hanging(true);
    assert!(poll_some(world.serve(client.sign(&challenge, Some(json!({})))), 5).is_none());
    for _ in 0..2 {
        world.restart();
        assert!(world.break_due_alarms(5), "it is begun again");
    }
    // The first that comes to an end fails, and is tried again all the same; restarts bring that no sooner.
    world.network().set_hanging(false);
    world.network().clear();
    world.restart();
    world.run_due_alarms();
    for _ in 0..5 {
        world.restart();
        world.run_due_alarms();
        assert_eq!(client.get(&challenge).is(200).json()["status"], "processing");
    }
    let authorization = client.authorizations(&client.get(&order).json()).remove(0).1;
    client.prove(&authorization, Proof::Http);
    world.live(Duration::from_secs(6));
    assert_eq!(client.get(&order).is(200).json()["status"], "ready");
}

#[test]
fn issuance_that_kills_its_machine_is_abandoned() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let begun = (1..MANY).find_map(|steps| {
        let world = world.fork();
        let finalize = client.at(&world).finalize_request(&order, &csr);
        let unfinished = poll_some(world.serve(finalize), steps).is_none();
        (unfinished && !world.works().is_empty()).then_some(world)
    });
    let world = begun.unwrap();
    let client = client.at(&world);
    let tries = end_each_try(&world, 1);
    assert_eq!(tries, 15, "twelve tries, and three for those that ended with their machine");
    let seen = client.get(&url).is(200).json();
    assert_eq!((&seen["status"], &seen["error"]["status"]), (&json!("invalid"), &json!(500)), "{seen}");
    assert_eq!(world.works(), [""; 0]);
}

#[test]
fn notice_that_kills_its_machine_is_abandoned() {
    let world = World::cooperative().with_webhook();
    let client = Client::registered(&world);
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&certificate, Some(4)).is(200);
    let delivery = || world.records("notice/").remove(0).1["delivery"].take();
    let mut begun = 0;
    for _ in 0..2_000 {
        if delivery()["state"] != "waiting" {
            break;
        }
        world.restart();
        world.break_due_alarms(1);
        let tries = delivery()["attempts"].as_u64().unwrap();
        assert!((begun..=begun + 1).contains(&tries), "{tries} after {begun}");
        begun = tries;
        world.pass(Duration::from_secs(30));
    }
    assert_eq!((&delivery()["state"], begun), (&json!("given_up"), 10), "{}", delivery());
}

#[test]
fn slow_hosts_of_one_account_are_validated_concurrently() {
    let world = World::new();
    let client = Client::registered(&world);
    world.network().set_hanging(true);
    let challenges = ["a.test", "b.test", "c.test", "d.test"].map(|name| processing(&client, name).1);
    for challenge in &challenges {
        assert!(poll_some(world.serve(client.sign(challenge, Some(json!({})))), 5).is_none());
    }
    // Their second tries come with the restart, all at once.
    world.restart();
    let begun = world.now();
    world.live(Duration::from_secs(42));
    for challenge in &challenges {
        let seen = client.get(challenge).is(200).json();
        assert_eq!(seen["status"], "invalid", "three tries of ten seconds, and five between them: {seen}");
    }
    assert!(begun.until(world.now()) < Duration::from_secs(45));
}
