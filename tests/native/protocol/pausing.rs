//! Names whose validations fail: limited, and paused when they never succeed. Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::testing::{Answered, BASE, Client, World, form};
use selvedge::records::Kind;

fn client(limits: &str) -> Client {
    Client::registered(&limited(&World::new(), limits))
}

fn limited(world: &World, limits: &str) -> World {
    world.reconfigured(|settings| settings.limits = Limits::read(Some(limits)).unwrap())
}

/// Two failures in two hours.
const TWO: &str = r#"{"failed_validations":{"count":2,"period":"2h"},"pause_after":"off"}"#;

/// Paused by the third failure.
const PAUSING: &str = r#"{"failed_validations":"off","pause_after":3}"#;

#[test]
fn s02_failed_validations_stop_orders_until_retry_after() {
    let client = client(TWO);
    client.fail("a.test");
    client.fail("a.test");
    for (refused, about) in [
        (client.new_order(&["a.test"]), None),
        (client.new_order(&["b.test", "*.a.test"]), Some("*.a.test")),
        (client.new_authz("a.test"), None),
    ] {
        let refused = refused.refused(429, Kind::RateLimited);
        assert_eq!(
            (refused.header("Retry-After"), &refused.json()["limit"]),
            (Some("3600"), &"failed_validations".into())
        );
        assert!(
            refused.detail().contains("a.test") && refused.detail().contains("2 in 2 hours"),
            "{}",
            refused.detail()
        );
        let told = refused.json().get("subproblems").map(|all| all[0]["identifier"]["value"].clone());
        assert_eq!(told, about.map(Into::into));
    }
    client.new_order(&["b.test"]).is(201);
    Client::registered(&client.world).new_order(&["a.test"]).is(201);
    client.world.pass(Duration::from_millis(3_599_999));
    client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    client.world.pass(Duration::from_millis(1));
    client.new_order(&["a.test"]).is(201);
}

#[test]
fn e02_e03_several_names_over_limits_have_subproblems() {
    let client = client(TWO);
    client.fail("a.test");
    client.fail("a.test");
    client.world.pass(Duration::from_secs(60));
    client.fail("b.test");
    client.fail("b.test");
    let refused = client.new_order(&["a.test", "b.test", "c.test"]).refused(429, Kind::RateLimited);
    assert_eq!(refused.header("Retry-After"), Some("3600"), "when all limits allow it");
    let problem = refused.json();
    let subproblems = problem["subproblems"].as_array().unwrap();
    let named: Vec<&str> = subproblems.iter().map(|sub| sub["identifier"]["value"].as_str().unwrap()).collect();
    assert_eq!(named, ["a.test", "b.test"]);
    assert!(subproblems.iter().all(|sub| sub["type"] == problem["type"]));
}

#[test]
fn s02_success_resets_the_failure_count() {
    let client = client(TWO);
    client.fail("a.test");
    client.ready_order(&["a.test"]);
    client.world.pass(Duration::from_secs(25 * 3600));
    let client = client.at(&client.world);
    client.fail("a.test");
    client.new_order(&["a.test"]).is(201);
    assert_eq!(client.world.records("failing")[0].1["streak"], 1);
}

#[test]
fn s02_abandoned_or_running_validations_are_not_failures() {
    let client = client(TWO);
    client.world.network().set_resolver_down(true);
    let order = client.new_order(&["a.test"]).is(201).json();
    let (_, authorization) = client.authorizations(&order).remove(0);
    client.post(authorization["challenges"][0]["url"].as_str().unwrap(), serde_json::json!({})).is(200);
    assert!(client.world.records("failing").is_empty(), "it is tried again");
    client.world.live(Duration::from_secs(60));
    assert_eq!(client.world.records("failing")[0].1["streak"], 1, "three tries, one failure");
}

fn paused() -> (Client, Answered) {
    let client = client(PAUSING);
    for _ in 0..3 {
        client.world.pass(Duration::from_secs(10));
        client.fail("a.test");
    }
    let refused = client.new_order(&["a.test", "b.test"]).refused(429, Kind::RateLimited);
    (client, refused)
}

#[test]
fn s02_e03_always_failing_name_is_paused_with_a_page_url() {
    let (client, refused) = paused();
    assert_eq!((refused.header("Retry-After"), &refused.json()["limit"]), (Some("86400"), &"paused".into()));
    let page = refused.json()["instance"].as_str().unwrap().to_owned();
    assert_eq!(refused.link("help").as_deref(), Some(page.as_str()));
    for part in ["\"a.test\" is paused", "2026-11-24T12:00:30Z", "3 validations", "2026-11-24T12:00:10Z", &page] {
        assert!(refused.detail().contains(part), "{part}: {}", refused.detail());
    }
    let told = client.world.log();
    assert!(told.iter().any(|line| line.contains(&page)), "the operator is told: {told:?}");
    assert_eq!(told.iter().filter(|line| line.contains("is paused")).count(), 1);
    client.new_authz("a.test").refused(429, Kind::RateLimited);
    client.new_order(&["b.test"]).is(201);
    // Time alone changes nothing.
    client.world.live(Duration::from_secs(120));
    client.world.pass(Duration::from_secs(40 * 86_400));
    client.world.run_due_alarms();
    let client = client.at(&client.world);
    client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    // The operator can let all go on.
    client.at(&limited(&client.world, "off")).new_order(&["a.test"]).is(201);
}

fn press(world: &World, page: &str, body: &str) -> Answered {
    world.send(form(page, body))
}

#[test]
fn s02_a_person_ends_a_pause_on_its_page() {
    let (client, refused) = paused();
    let world = &client.world;
    let page = refused.json()["instance"].as_str().unwrap().to_owned();
    let shown = world.ask("GET", page.strip_prefix(BASE).unwrap()).is(200);
    for part in ["a.test", client.account(), "2026-11-24T12:00:30Z", "<form method=\"post\">"] {
        assert!(shown.text().contains(part), "{part}: {}", shown.text());
    }
    assert_eq!(shown.header("Referrer-Policy"), Some("no-referrer"));
    // Not by looking, not by another form, not by another URL.
    press(world, &page, "resume=no").refused(400, Kind::Malformed);
    let (start, proof) = page.rsplit_once('/').unwrap();
    for wrong in [
        format!("{start}/AAAAAAAAAAAAAAAAAAAAAA"),
        page.replace(":a.test", ":b.test"),
        page.replace("/dns:", "0/dns:"),
        format!("{start}/{proof}x"),
    ] {
        world.ask("GET", wrong.strip_prefix(BASE).unwrap()).refused(404, Kind::Malformed);
        press(world, &wrong, "resume=yes").refused(404, Kind::Malformed);
    }
    client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    press(world, &page, "resume=yes").is(200);
    client.new_order(&["a.test"]).is(201);
    assert!(world.records("failing").is_empty());
    // Once more changes nothing; a pause that comes later has a page of its own.
    for _ in 0..3 {
        world.pass(Duration::from_secs(10));
        client.fail("a.test");
    }
    press(world, &page, "resume=yes").is(200);
    let again = client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    assert_ne!(again.json()["instance"], page);
}

#[test]
fn s02_success_of_an_earlier_order_ends_a_pause() {
    let client = client(PAUSING);
    let early = client.new_order(&["a.test", "b.test"]).is(201).json();
    for _ in 0..3 {
        client.fail("a.test");
    }
    client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    client.authorize(&early, selvedge::ca::testing::Proof::Http);
    client.new_order(&["a.test"]).is(201);
}
