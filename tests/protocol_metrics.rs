//! Counts for the operator.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use core::time::Duration;
use selvedge::acme::Kind;
use selvedge::ca::http::Request;
use selvedge::ca::limits::Limits;
use selvedge::ca::metrics::Token;
use selvedge::ca::testing::{Answered, Client, World};

const TOKEN: &str = "a-token-of-some-length";

fn world() -> World {
    World::new().reconfigured(|settings| {
        settings.metrics_token = Some(Token::read(TOKEN).unwrap());
        settings.limits = Limits::read(Some(r#"{"new_orders":{"count":1,"period":"1h"}}"#)).unwrap();
    })
}

fn ask(world: &World, method: &str, authorization: Option<&str>) -> Answered {
    let (method, path) = (method.to_owned(), "/metrics".to_owned());
    let authorization = authorization.map(str::to_owned);
    world.send(Request { method, path, authorization, body: Some(Vec::new()), ..Request::default() })
}

fn show(world: &World) -> String {
    let shown = ask(world, "GET", Some(&format!("Bearer {TOKEN}"))).is(200);
    assert_eq!(shown.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    shown.text().to_owned()
}

/// The count of a series.
fn count(text: &str, series: &str) -> u64 {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok()).unwrap_or_default()
}

#[test]
fn metrics_count_responses_by_what_became_of_them_and_refusals_by_their_limit() {
    let world = world();
    let client = Client::registered(&world);
    client.new_order(&["a.test"]).is(201);
    for _ in 0..2 {
        client.new_order(&["b.test"]).refused(429, Kind::RateLimited);
    }
    world.ask("GET", "/nothing").is(404);
    let text = show(&world);
    for (series, n) in [
        (r#"selvedge_responses_total{resource="new-account",status="201"}"#, 1),
        (r#"selvedge_responses_total{resource="new-order",status="201"}"#, 1),
        (r#"selvedge_responses_total{resource="new-order",status="429"}"#, 2),
        (r#"selvedge_responses_total{resource="none",status="404"}"#, 1),
        (r#"selvedge_rate_limited_total{limit="new_orders"}"#, 2),
    ] {
        assert_eq!(count(&text, series), n, "{series} in {text}");
    }
    assert_eq!(text.matches("# TYPE ").count(), 2, "{text}");
    assert!(!text.contains("a.test") && !text.contains(client.account()), "it names nobody: {text}");
}

#[test]
fn metrics_are_there_for_who_has_the_token_only() {
    let world = world();
    let nothing = world.ask("GET", "/nothing").is(404).text().to_owned();
    let basic = format!("Basic {TOKEN}");
    for authorization in
        [None, Some(""), Some("Bearer "), Some(TOKEN), Some("Bearer a-token-of-some-lengtH"), Some(&*basic)]
    {
        let refused = ask(&world, "GET", authorization).is(404);
        assert_eq!(refused.text(), nothing, "{authorization:?}");
    }
    ask(&world, "POST", Some(&format!("Bearer {TOKEN}"))).refused(415, Kind::Malformed);
    // Without a token there are none, whatever is sent.
    let closed = World::new();
    assert_eq!(ask(&closed, "GET", Some("Bearer ")).is(404).text(), nothing);
    closed.run_tasks();
    assert!(closed.rows().is_empty(), "nothing is counted for nobody");
}

#[test]
fn metrics_are_sent_beside_requests_every_ten_seconds_at_most() {
    let world = world();
    let directory = |n| (0..n).for_each(|_| drop(world.ask("GET", "/directory").is(200)));
    directory(3);
    world.run_tasks();
    let stored = || world.records("counters").iter().map(|(_, record)| record.to_string()).collect::<String>();
    let first = stored();
    assert!(first.contains(r#"status=\"200\"}":3"#) || first.contains(r#"status=\"200\"}":1"#), "{first}");
    directory(3);
    world.run_tasks();
    assert_eq!(stored(), first, "within ten seconds nothing more is sent");
    world.pass(Duration::from_secs(10));
    // What cannot be sent is kept, and no request fails for it.
    world.call_fault().from(0);
    directory(1);
    world.run_tasks();
    world.heal();
    assert_eq!(stored(), first);
    let text = show(&world);
    assert_eq!(count(&text, r#"selvedge_responses_total{resource="directory",status="200"}"#), 7, "{text}");
}
