//! Notices: their creation, their delivery to the webhook, and the operator's list.

use super::operating::{DAY, another_issuer, let_pass, operate, operated};
use super::operator::serial_of;
use core::time::Duration;
use selvedge::ca::testing::{Client, Delivered, START, World, check_all, new_key};
use selvedge::records::Kind;
use selvedge::records::ledger::entry::LedgerEntry;
use selvedge::values::{Id, SigAlg};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);

fn issue(client: &Client, name: &str) -> Vec<u8> {
    client.issue(&[name], &new_key(SigAlg::Es256))
}

/// A client of a CA with a webhook.
fn client() -> Client {
    Client::registered(&operated().with_webhook())
}

/// What the operator sees, each as the contract has it.
fn notices(world: &World) -> Vec<Value> {
    let shown = operate(world, "notices", None).is(200).json()["notices"].as_array().unwrap().clone();
    for notice in &shown {
        fits("Notice", notice);
        match notice["kind"].as_str().unwrap() {
            "issuer.ending" => fits("IssuerNotice", &notice["data"]),
            "test" => {}
            _ => fits("Certificate", &notice["data"]),
        }
    }
    shown
}

fn fits(schema: &str, value: &Value) {
    let mut document: Value = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    let schema =
        json!({ "$ref": format!("#/components/schemas/{schema}"), "components": document["components"].take() });
    let faults: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(value).map(|e| e.to_string()).collect();
    assert!(faults.is_empty(), "{value}: {faults:?}");
}

fn webhook(world: &World) -> Value {
    operate(world, "status", None).is(200).json()["webhook"].clone()
}

/// What arrived, of this kind.
fn arrived(world: &World, kind: &str) -> Vec<Delivered> {
    world.receiver().arrived().into_iter().filter(|one| one.kind == kind).collect()
}

#[test]
fn a_revocation_is_stored_at_once_and_sent_soon() {
    let client = client();
    let world = &client.world;
    let leaf = issue(&client, "a.test");
    client.revoke(&leaf, Some(4)).is(200);
    assert!(world.receiver().arrived().is_empty(), "whoever revokes does not wait for it");
    assert_eq!(webhook(world), json!({ "configured": true, "waiting": 1, "given_up": 0 }));
    world.run_due_alarms();
    let arrived = arrived(world, "certificate.revoked");
    let shown = notices(world);
    assert_eq!((arrived.len(), shown.len()), (1, 1));
    assert_eq!((&json!(arrived[0].id), &arrived[0].body["data"]), (&shown[0]["id"], &shown[0]["data"]));
    assert_eq!(arrived[0].timestamp, world.now().secs());
    let data = &shown[0]["data"];
    assert_eq!((&data["names"], &data["status"]), (&json!(["a.test"]), &json!("revoked")));
    assert_eq!((&data["revoked"]["by"], &data["revoked"]["reason"]), (&json!("account"), &json!(4)));
    let delivery = &shown[0]["delivery"];
    assert_eq!(
        (&delivery["state"], &delivery["attempts"], &delivery["status"]),
        (&json!("delivered"), &json!(1), &json!(204))
    );
    assert_eq!(webhook(world)["waiting"], 0);
    // A refused one tells nothing, a graver one does, also within the same millisecond.
    client.revoke(&leaf, Some(4)).refused(400, Kind::AlreadyRevoked);
    let serial = data["serial"].as_str().unwrap();
    operate(world, &format!("certificates/{serial}/revoke"), Some(json!({ "reason": 1 }))).is(200);
    world.run_due_alarms();
    let shown = notices(world);
    assert_eq!((shown.len(), world.receiver().arrived().len()), (2, 1));
    assert!(shown.iter().any(|one| one["data"]["revoked"]["by"] == "operator: ada"), "{shown:?}");
    check_all(world, "after revocations");
    let_pass(world, 91 * DAY);
    assert!(notices(world).is_empty(), "kept for 90 days");
}

#[test]
fn notice_without_webhook_is_stored_and_not_sent() {
    let client = Client::registered(&operated());
    let world = &client.world;
    client.revoke(&issue(&client, "a.test"), None).is(200);
    issue(&client, "b.test");
    let_pass(world, 89 * DAY);
    assert!(world.receiver().arrived().is_empty() && world.works().is_empty());
    let shown = notices(world);
    assert_eq!((shown.len(), &shown[0]["delivery"]["state"]), (1, &json!("none")));
    assert!(world.records("scan").is_empty());
    assert_eq!(webhook(world), json!({ "configured": false, "waiting": 0, "given_up": 0 }));
    let refused = operate(world, "notices/test", Some(json!({}))).refused(409, Kind::Malformed);
    assert!(refused.detail().contains("WEBHOOK_URL"), "{}", refused.detail());
    // Who configures one hears of what ends, and not of what was before.
    let world = world.with_webhook();
    world.restart();
    let_pass(&world, Duration::from_secs(1));
    assert_eq!(arrived(&world, "certificate.ending").len(), 1);
    check_all(&world, "with a webhook since");
}

#[test]
fn refusing_receiver_is_retried_with_backoff_and_abandoned() {
    let client = client();
    let world = &client.world;
    world.receiver().answers(Ok(503));
    client.revoke(&issue(&client, "a.test"), None).is(200);
    world.run_due_alarms();
    let mut times = vec![world.receiver().arrived()[0].timestamp];
    for _ in 0..5 {
        // Coming back into memory makes the job due, and not the notice.
        world.restart();
        world.run_due_alarms();
    }
    assert!(world.receiver().arrived().is_empty());
    let shown = notices(world).remove(0)["delivery"].take();
    assert_eq!((&shown["state"], &shown["error"]), (&json!("waiting"), &json!("The answer was 503.")));
    assert_eq!(shown["next"], world.now().plus(Duration::from_secs(5)).rfc3339());
    let_pass(world, DAY);
    let rest = world.receiver().arrived();
    assert!(rest.iter().all(|one| one.id == rest[0].id), "always the same id");
    times.extend(rest.iter().map(|one| one.timestamp));
    let gaps: Vec<u64> = times.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(gaps, [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800]);
    assert_eq!(notices(world)[0]["delivery"]["state"], "given_up");
    assert_eq!(webhook(world), json!({ "configured": true, "waiting": 0, "given_up": 1 }));
    assert!(world.works().is_empty() && world.records("outgoing/").is_empty());
}

#[test]
fn gone_receiver_is_abandoned_at_once_and_returning_one_is_served() {
    let client = client();
    let world = &client.world;
    world.receiver().answers(Ok(410));
    client.revoke(&issue(&client, "a.test"), None).is(200);
    let_pass(world, HOUR);
    assert_eq!(world.receiver().arrived().len(), 1);
    assert_eq!(notices(world)[0]["delivery"]["state"], "given_up");
    for _ in 0..3 {
        world.receiver().answers(Ok(302));
        client.revoke(&issue(&client, "b.test"), None).is(200);
        world.run_due_alarms();
        assert_eq!(notices(world)[0]["delivery"]["status"], 302, "redirections are not followed");
        world.receiver().answers(Ok(200));
        let_pass(world, Duration::from_secs(5));
        let delivery = notices(world).remove(0)["delivery"].take();
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(2)));
    }
}

#[test]
fn silent_receiver_gets_one_request_for_all_notices() {
    let client = client();
    let world = &client.world;
    world.receiver().answers(Err("no route to https://hooks.test/T01234567-hook-0123456789abcdef (T01…)"));
    let leaves: Vec<_> = (0..5).map(|n| issue(&client, &format!("{n}.test"))).collect();
    leaves.iter().for_each(|leaf| drop(client.revoke(leaf, None).is(200)));
    world.operations().plan(&[]);
    let tries = || world.operations().log().iter().filter(|line| line.ends_with(": deliver")).count();
    world.run_due_alarms();
    assert_eq!(tries(), 1);
    let_pass(world, Duration::from_secs(30));
    assert!((5..=8).contains(&tries()), "{}", tries());
    let shown = notices(world);
    let errors: Vec<&str> = shown.iter().filter_map(|one| one["delivery"]["error"].as_str()).collect();
    assert!(errors.len() >= 4 && errors.iter().all(|error| *error == "no route to WEBHOOK_URL (T01…)"), "{errors:?}");
    check_all(world, "the URL stands nowhere");
    world.receiver().answers(Ok(200));
    let_pass(world, HOUR);
    assert_eq!(world.receiver().arrived().len(), 5);
}

#[test]
fn unrenewed_certificate_gets_one_notice_a_sixth_before_expiry() {
    let client = client();
    let world = &client.world;
    issue(&client, "a.test");
    let_pass(world, 75 * DAY - HOUR);
    assert!(world.receiver().arrived().is_empty());
    let_pass(world, 2 * HOUR);
    let arrived = arrived(world, "certificate.ending");
    assert_eq!((arrived.len(), &arrived[0].body["data"]["names"]), (1, &json!(["a.test"])));
    assert_eq!(arrived[0].body["data"]["renewed"], false);
    world.restart();
    let_pass(world, 20 * DAY);
    assert!(world.receiver().arrived().is_empty());
    assert_eq!(notices(world).len(), 1);
    check_all(world, "after its end");
}

#[test]
fn renewal_or_revocation_cancels_the_expiry_notice() {
    let other = another_issuer();
    let first = operated().with_webhook();
    // The second issuer renews what the first one issued.
    let world = first.with_issuer(&other, START.plus(70 * DAY));
    let client = Client::registered(&world);
    for name in ["here.test", "there.test", "nowhere.test"] {
        issue(&client, name);
    }
    let revoked = issue(&client, "revoked.test");
    let_pass(&world, 60 * DAY);
    let client = client.at(&world);
    issue(&client, "here.test");
    client.revoke(&revoked, None).is(200);
    let_pass(&world, 11 * DAY);
    issue(&client.at(&world), "there.test");
    world.receiver().arrived();
    let_pass(&world, 20 * DAY);
    let told = arrived(&world, "certificate.ending");
    let names: Vec<&Value> = told.iter().map(|one| &one.body["data"]["names"]).collect();
    assert_eq!(names, [&json!(["nowhere.test"])]);
}

#[test]
fn hundreds_of_notices_are_created_in_steps_once_each() {
    let client = client();
    let world = &client.world;
    issue(&client, "a.test");
    let (ledger, entry) = world.records("serial/").remove(0);
    let entry: LedgerEntry = serde_json::from_value(entry).unwrap();
    for n in 0..450_u32 {
        let (serial, names) = (serial_of(entry.not_after, u64::from(n)), vec![format!("{n}.test")]);
        let order = Id::from_random([7; 16]);
        world.put(&ledger, &serial, &LedgerEntry { names, order, ..entry.clone() });
    }
    world.pass(80 * DAY);
    world.receiver().answers(Err("down"));
    for step in [200, 400, 451] {
        world.run_due_alarms();
        assert_eq!(world.records("notice/").len(), step, "the rest goes on at once");
    }
    let_pass(world, 2 * HOUR);
    assert_eq!(world.records("notice/").len(), 451);
    assert_eq!(notices(world).len(), 200, "the newest");
}

#[test]
fn expiring_issuer_gets_a_notice_unless_replaced() {
    let years = 5 * 365 * DAY;
    for succeeded in [false, true] {
        let mut world = operated().with_webhook();
        if succeeded {
            world = world.with_issuer(&another_issuer(), START.plus(years - 200 * DAY));
        }
        issue(&Client::registered(&world), "a.test");
        let until_the_end = world.now().until(world.issuer().not_after());
        world.pass(until_the_end - 91 * DAY);
        let_pass(&world, 4 * DAY);
        let told = arrived(&world, "issuer.ending");
        let turns: Vec<String> =
            told.iter().map(|one| format!("{} {}", one.body["data"]["turn"], one.body["data"]["days"])).collect();
        let wanted: &[&str] = if succeeded { &[] } else { &["\"last_full_length\" 1", "\"end\" 90"] };
        assert_eq!(turns, wanted);
        assert_eq!(notices(&world).len(), wanted.len());
    }
}

#[test]
fn test_notice_is_sent_at_once_and_audited() {
    let world = operated().with_webhook();
    let sent = operate(&world, "notices/test", Some(json!({}))).is(200).json();
    fits("Notice", &sent);
    assert_eq!((&sent["kind"], &sent["delivery"]["state"]), (&json!("test"), &json!("delivered")));
    assert_eq!(arrived(&world, "test")[0].id, sent["id"].as_str().unwrap());
    world.receiver().answers(Ok(500));
    let sent = operate(&world, "notices/test", Some(json!({}))).is(200).json();
    assert_eq!((&sent["delivery"]["state"], &sent["delivery"]["attempts"]), (&json!("waiting"), &json!(1)));
    assert_eq!(webhook(&world)["waiting"], 1);
    world.receiver().answers(Ok(200));
    let_pass(&world, Duration::from_secs(6));
    assert_eq!(webhook(&world)["waiting"], 0);
    assert_eq!(notices(&world).len(), 2);
    let audit = operate(&world, "audit", None).is(200).json();
    let done: Vec<&Value> =
        audit["entries"].as_array().unwrap().iter().filter(|one| one["outcome"] == "done").collect();
    assert_eq!(done.iter().map(|one| &one["what"]).collect::<Vec<_>>(), ["notice.test", "notice.test"]);
    assert_eq!(done.iter().map(|one| &one["detail"]).collect::<Vec<_>>(), ["waiting", "delivered"]);
    operate(&world, "notices/test", Some(json!({ "odd": 1 }))).refused(400, Kind::Malformed);
    operate(&world, "notices/test", None).is(405);
    operate(&world, "notices", Some(json!({}))).is(405);
    check_all(&world, "after tests");
}
