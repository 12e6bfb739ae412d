//! Messages, jobs and values of the next release are read, or refused without a change.

use super::next_release::used;
use core::time::Duration;
use selvedge::ca::dispatch::kind::ASKS;
use selvedge::ca::runtime::message::Reply;
use selvedge::ca::testing::{Answered, Client, World, check_all, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

/// The answer in the time in which two releases run.
fn of_another_release(answered: Answered) {
    let answered = answered.refused(503, Kind::ServerInternal);
    assert_eq!(answered.header("retry-after"), Some("60"));
    assert!(answered.detail().starts_with("This part of the CA runs an older release"), "{}", answered.detail());
}

#[test]
fn messages_with_more_members_are_read() {
    let (world, mut client, leaf) = used();
    world.extend_messages();
    let order = client.new_order(&["pending.test"]).is(201);
    super::next_release::use_again(&world, &mut client, &leaf, &order.json());
    Client::registered(&world).issue(&["more.test"], &new_key(SigAlg::Es256));
    check_all(&world, "with messages of the next release");
}

#[test]
fn unknown_message_is_refused_by_every_kind_and_changes_nothing() {
    let (world, client, _) = used();
    let before = world.rows();
    let mut names: Vec<String> = before.keys().map(|(name, _)| name.clone()).collect();
    names.dedup();
    names.extend(["faults/ca".to_owned(), "metrics/0".to_owned()]);
    assert!(names.contains(&client.partition()) && names.len() > 8, "{names:?}");
    for name in &names {
        for (ask, body) in [("AskedByTheNextRelease", "{}"), (first_ask(name), "{\"of\":[\"another\",\"shape\"]}")] {
            let Reply::Refused(problem) = world.tell_json(name, ask, body) else { continue };
            assert_eq!((problem.status, problem.retry_after), (503, Some(60)), "{name} {ask}");
        }
        assert!(matches!(world.tell_json(name, "AskedByTheNextRelease", "{}"), Reply::Refused(_)));
    }
    assert_eq!(world.rows(), before);
    assert!(world.log().iter().any(|line| line.contains("AskedByTheNextRelease")), "{:?}", world.log());
}

fn first_ask(partition: &str) -> &'static str {
    let kind = partition.split('/').next().unwrap();
    ASKS.iter().find(|(name, _)| *name == kind).unwrap().1[0]
}

/// Replaces a member in all records with this prefix.
fn set(world: &World, prefix: &str, pointer: &str, value: &Value) {
    for ((partition, key), json) in world.rows() {
        let mut record: Value = serde_json::from_str(&json).unwrap();
        if key.split('/').next() == Some(prefix) {
            *record.pointer_mut(pointer).unwrap() = value.clone();
            world.plant(&partition, &key, Some(&record));
        }
    }
}

#[test]
fn unknown_value_in_a_row_is_refused_and_the_row_stays() {
    for (prefix, pointer) in [("account", "/status"), ("authz", "/state"), ("order", "/identifiers/0/type")] {
        let world = World::new();
        let client = Client::registered(&world);
        let order = client.new_order(&["a.test"]).is(201);
        let (authorization, _) = client.authorizations(&order.json()).remove(0);
        world.run_due_alarms();
        set(&world, prefix, pointer, &json!("addedLater"));
        let before = world.rows_but_nonces();
        of_another_release(client.get(if prefix == "order" {
            order.header("location").unwrap()
        } else {
            &authorization
        }));
        assert_eq!(world.rows_but_nonces(), before, "{prefix}");
        world.live(Duration::from_secs(60));
        assert_eq!(world.rows_but_nonces(), before, "{prefix}, after alarms");
    }
}

#[test]
fn job_of_another_release_waits_and_hinders_nothing() {
    let world = World::new();
    let client = Client::registered(&world);
    let job = json!({ "work": { "archive": "x" }, "due": 1, "attempts": 0, "ended": 0, "waiting": true });
    world.plant(&client.partition(), "job/archive-x", Some(&job));
    world.restart();
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let alarm = world.alarms()[&client.partition()];
    assert!(alarm <= world.now().plus(Duration::from_secs(3600)), "it is looked at again");
    world.live(Duration::from_secs(2 * 3600));
    assert_eq!(world.records("job/archive-x").remove(0).1, job);
    let alarm = world.alarms()[&client.partition()];
    assert!(alarm > world.now() && alarm <= world.now().plus(Duration::from_secs(3600)), "once an hour");
    assert_eq!(world.log(), [""; 0]);
}
