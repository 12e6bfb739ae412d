//! Counts for the operator.

use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, Proof, World, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

const TOKEN: &str = "a-token-of-some-length";
const ADMIN: &str = "an-admin-token-of-sufficient-length";

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
fn metrics_count_responses_by_outcome_and_refusals_by_limit() {
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
    assert_eq!(text.matches("# TYPE ").count(), text.matches("# HELP ").count(), "{text}");
    assert!(!text.contains("a.test") && !text.contains(client.account()), "it names nobody: {text}");
}

#[test]
fn metrics_count_certificates_validations_and_operations_by_outcome() {
    let world = world().reconfigured(|settings| {
        settings.limits = Limits::off();
        settings.admin = AdminTokens::read(Some(&json!({ "ada": ADMIN }).to_string())).unwrap();
    });
    let client = Client::registered(&world);
    let key = new_key(SigAlg::Es256);
    let first = client.issue(&["a.test"], &key);
    let second = client.issue_with(&["b.test"], json!({ "profile": "shortlived" }), &new_key(SigAlg::Es256));
    client.fail("z.test");
    client.revoke(&first, None).is(200);
    client.revoke(&first, None).refused(400, Kind::AlreadyRevoked);
    let serial = parse_presented(&second).unwrap().serial.hex();
    let operate = |path: &str, body: Value, token: &str| {
        world.send(Request {
            method: "POST".to_owned(),
            path: format!("/admin/v1/{path}"),
            content_type: Some("application/json".to_owned()),
            authorization: Some(format!("Bearer {token}")),
            body: Some(body.to_string().into_bytes()),
            ..Request::default()
        })
    };
    operate(&format!("certificates/{serial}/revoke"), json!({ "reason": 4 }), ADMIN).is(200);
    operate("external-accounts", json!({ "kid": "a b" }), ADMIN).is(400);
    operate("external-accounts", json!({}), "a-token-that-nobody-has-and-nobody-had").is(401);
    let (_, order) = client.ready_order(&["a.test"]);
    world.sign_fault().from(0);
    client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).is(200);
    world.live(Duration::from_secs(120));
    world.heal();
    let (text, issuer) = (show(&world), world.issuer().id());
    for (series, n) in [
        (format!(r#"selvedge_certificates_issued_total{{profile="default",issuer="{issuer}"}}"#), 1),
        (format!(r#"selvedge_certificates_issued_total{{profile="shortlived",issuer="{issuer}"}}"#), 1),
        ("selvedge_issuances_failed_total".to_owned(), 1),
        (r#"selvedge_revocations_total{by="account"}"#.to_owned(), 1),
        (r#"selvedge_revocations_total{by="operator"}"#.to_owned(), 1),
        (r#"selvedge_validations_total{type="http-01",outcome="valid"}"#.to_owned(), 2),
        (r#"selvedge_validations_total{type="http-01",outcome="invalid"}"#.to_owned(), 1),
        (r#"selvedge_operations_total{action="certificate.revoke",outcome="done"}"#.to_owned(), 1),
        (r#"selvedge_operations_total{action="external-account.create",outcome="refused"}"#.to_owned(), 1),
        (r#"selvedge_operations_total{action="sign-in",outcome="refused"}"#.to_owned(), 1),
    ] {
        assert_eq!(count(&text, &series), n, "{series} in {text}");
    }
    for private in ["a.test", "z.test", "ada", &serial, client.partition().trim_start_matches("account/")] {
        assert!(!text.contains(private), "it names nobody: {private} in {text}");
    }
}

/// Where a partition is alone in its isolate, no front sends what it counted.
#[test]
fn metrics_of_a_partition_are_sent_beside_its_work() {
    let world = world().reconfigured(|settings| settings.limits = Limits::off());
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test"]).is(201).json();
    world.network().set_resolver_down(true);
    let challenge = client.prove(&client.authorizations(&placed).remove(0).1, Proof::Dns);
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
    world.network().set_resolver_down(false);
    world.run_tasks();
    let stored = || world.records("counters").iter().map(|(_, record)| record.to_string()).collect::<String>();
    assert!(!stored().contains(r#"outcome=\"valid\""#));
    // Nobody asks anything any more: the alarm has the next try, and nothing but it sends what it counted.
    world.pass(Duration::from_secs(11));
    world.run_due_alarms();
    assert!(stored().contains(r#"selvedge_validations_total{type=\"dns-01\",outcome=\"valid\"}":1"#), "{}", stored());
}

#[test]
fn metrics_require_the_token() {
    let world = world();
    let nothing = world.ask("GET", "/nothing").is(404).anonymous().body;
    let basic = format!("Basic {TOKEN}");
    for authorization in
        [None, Some(""), Some("Bearer "), Some(TOKEN), Some("Bearer a-token-of-some-lengtH"), Some(&*basic)]
    {
        let refused = ask(&world, "GET", authorization).is(404);
        assert_eq!(refused.anonymous().body, nothing, "{authorization:?}");
    }
    ask(&world, "POST", Some(&format!("Bearer {TOKEN}"))).refused(415, Kind::Malformed);
    // Without a token there are none, whatever is sent.
    let closed = World::new();
    assert_eq!(ask(&closed, "GET", Some("Bearer ")).is(404).anonymous().body, nothing);
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
    assert!(first.contains(r#"status=\"200\"}":3"#), "{first}");
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
