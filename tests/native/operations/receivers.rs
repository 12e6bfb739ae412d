//! Notices for people: gathered, sent once, repeated, given up.

use super::operating::{DAY, let_pass, operate, operated};
use core::time::Duration;
use selvedge::ca::config::receivers::Receiver;
use selvedge::ca::config::webhook::WebhookRequest;
use selvedge::ca::testing::{Client, World, check_all, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

const SLACK: &str = "https://hooks.slack.com/services/T0/B0/abcdefghijklmnop";

/// A CA with these receivers.
fn with(world: &World, values: &'static [(&'static str, &'static str)]) -> World {
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let receivers = Receiver::read(&value, "https://ca.test", false).unwrap();
    world.reconfigured(|settings| settings.receivers = receivers.clone())
}

fn all(world: &World) -> World {
    with(
        world,
        &[
            ("SLACK_URL", SLACK),
            ("TEAMS_URL", "https://x.logic.azure.com/workflows/1?sig=abcdefghijklmnop"),
            ("NTFY_URL", "https://ntfy.sh/my-ca"),
            ("EMAIL_TO", "ops@example.org"),
        ],
    )
}

fn revoke(client: &Client, name: &str) {
    client.revoke(&client.issue(&[name], &new_key(SigAlg::Es256)), Some(4)).is(200);
}

fn text(request: &WebhookRequest) -> String {
    serde_json::from_str::<Value>(&request.body).unwrap()["text"].as_str().unwrap().to_owned()
}

fn webhook(world: &World) -> Value {
    operate(world, "status", None).is(200).json()["webhook"].clone()
}

#[test]
fn flood_is_one_message_to_each_receiver() {
    let world = all(&operated());
    let client = Client::registered(&world);
    for n in 0..12 {
        revoke(&client, &format!("*.n{n}.test"));
    }
    world.run_due_alarms();
    assert!(world.receiver().posts().is_empty() && world.receiver().mails().is_empty(), "they gather");
    assert_eq!(webhook(&world)["waiting"], 48);
    let_pass(&world, SECOND * 31);
    let (posts, mails) = (world.receiver().posts(), world.receiver().mails());
    let urls: Vec<&str> = posts.iter().map(|post| post.url.as_str()).collect();
    assert_eq!(urls, [SLACK, "https://x.logic.azure.com/workflows/1?sig=abcdefghijklmnop", "https://ntfy.sh/"]);
    let said = text(&posts[0]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "Selvedge ca.test: 12 notices"));
    assert!(
        lines[1].starts_with("revoked: *.n0.test (serial ") && lines[1].ends_with("by account, reason 4"),
        "{said}"
    );
    assert_eq!(lines[6], "and 7 more; in all 12 certificate.revoked. `selvedge notices list` has them.");
    assert_eq!((mails.len(), mails[0].text.lines().count(), mails[0].from.as_str()), (1, 6, "selvedge@ca.test"));
    // The next ones wait for the window, and come together.
    revoke(&client, "a.test");
    let_pass(&world, SECOND * 300);
    revoke(&client, "b.test");
    assert!(world.receiver().posts().is_empty());
    let_pass(&world, SECOND * 330);
    let posts = world.receiver().posts();
    assert_eq!((posts.len(), text(&posts[0]).lines().count()), (3, 3));
    assert_eq!(webhook(&world), json!({ "configured": false, "waiting": 0, "given_up": 0 }));
    assert!(world.works().is_empty());
    check_all(&world, "after two messages");
}

#[test]
fn certificates_near_their_end_are_noticed_without_a_webhook() {
    let world = with(&operated(), &[("SLACK_URL", SLACK)]);
    let client = Client::registered(&world);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let_pass(&world, 76 * DAY);
    let posts = world.receiver().posts();
    assert_eq!(posts.len(), 1);
    assert!(text(&posts[0]).contains("not renewed: a.test (serial "), "{}", text(&posts[0]));
}

#[test]
fn failed_message_is_repeated_kept_over_a_restart_and_given_up() {
    let world = with(&operated(), &[("SLACK_URL", SLACK)]);
    let client = Client::registered(&world);
    world.receiver().answers(Err("no route to https://hooks.slack.com/services/T0/B0/abcdefghijklmnop"));
    revoke(&client, "a.test");
    let_pass(&world, SECOND * 40);
    assert_eq!(webhook(&world)["waiting"], 1);
    let log = world.log().join("\n");
    assert!(log.contains("the notices for slack: no route to") && !log.contains("abcdefghijklmnop"), "{log}");
    world.restart();
    world.receiver().answers(Ok(200));
    let_pass(&world, SECOND * 120);
    assert_eq!((world.receiver().posts().len(), webhook(&world)["waiting"].clone()), (1, json!(0)));
    world.receiver().answers(Ok(403));
    let_pass(&world, DAY);
    revoke(&client.at(&world), "b.test");
    let_pass(&world, DAY);
    assert_eq!(world.receiver().posts().len(), 8);
    assert_eq!(webhook(&world), json!({ "configured": false, "waiting": 0, "given_up": 1 }));
    let health = operate(&world, "health", None).is(200).json();
    assert!(health["findings"].as_array().unwrap().iter().any(|one| one["id"] == "notices-undelivered"), "{health}");
}

#[test]
fn webhook_and_receivers_work_side_by_side() {
    let world = all(&operated().with_webhook());
    let client = Client::registered(&world);
    revoke(&client, "a.test");
    world.run_due_alarms();
    assert_eq!(world.receiver().arrived().len(), 1, "at once");
    let_pass(&world, SECOND * 31);
    assert_eq!((world.receiver().arrived().len(), world.receiver().posts().len()), (0, 3));
}

#[test]
fn test_reaches_all_receivers_at_once_and_has_their_answers() {
    let world = all(&operated());
    let sent = operate(&world, "notices/test", Some(json!({}))).is(200).json();
    let results = sent["receivers"].as_array().unwrap();
    let names: Vec<&str> = results.iter().map(|one| one["receiver"].as_str().unwrap()).collect();
    assert_eq!(names, ["slack", "teams", "ntfy", "email"]);
    assert!(results.iter().all(|one| one["error"].is_null() && one["status"].is_u64()), "{sent}");
    assert_eq!((world.receiver().posts().len(), world.receiver().mails().len()), (3, 1));
    world.receiver().answers(Ok(404));
    let sent = operate(&world, "notices/test", Some(json!({}))).is(200).json();
    assert_eq!(sent["receivers"][0], json!({ "receiver": "slack", "status": 404, "error": "The answer was 404." }));
    operate(&operated(), "notices/test", Some(json!({}))).refused(409, Kind::Malformed);
}
