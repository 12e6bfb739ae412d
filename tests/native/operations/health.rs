//! The health: findings from certificates, alarms, failures and settings, the same in API and metrics.

use super::operating::{another_issuer, let_pass};
use super::operator::{DAY, Operator, SECOND, issue, serial_of};
use core::time::Duration;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::message::Request;
use selvedge::ca::runtime::jobs::{JobRecord, Work};
use selvedge::ca::telemetry::exposition::METRICS;
use selvedge::ca::testing::World;
use selvedge::values::Time;
use serde_json::{Value, json};

const TOKEN: &str = "a-token-of-some-length";

fn operator() -> Operator {
    Operator::of(&World::new().reconfigured(|settings| {
        settings.metrics_token = Some(Token::read(TOKEN).unwrap());
        settings.external.required = false;
    }))
}

fn ids(health: &Value) -> Vec<&str> {
    health["findings"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

/// The metrics; the gauges are cached for ten seconds.
fn metrics(operator: &Operator) -> String {
    operator.world.pass(SECOND * 11);
    let request = Request {
        method: "GET".to_owned(),
        path: "/metrics".to_owned(),
        authorization: Some(format!("Bearer {TOKEN}")),
        body: Some(Vec::new()),
        ..Request::default()
    };
    operator.world.send(request).is(200).text().to_owned()
}

fn sample(text: &str, series: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn healthy_ca_has_only_notes() {
    let operator = operator();
    let client = operator.client();
    issue(&client, &["a.test"], json!({}));
    let health = operator.see("health");
    assert_eq!((&health["status"], ids(&health)), (&json!("ok"), vec!["registration-open"]));
    let certificates = &health["certificates"];
    assert_eq!((&certificates["valid"], &certificates["unrenewed"]), (&json!(1), &json!(0)));
    let text = metrics(&operator);
    for (series, value) in [
        ("selvedge_findings{severity=\"wrong\"}", 0),
        ("selvedge_findings{severity=\"note\"}", 1),
        ("selvedge_finding{id=\"registration-open\",severity=\"note\"}", 1),
        ("selvedge_certificates{state=\"valid\"}", 1),
        ("selvedge_health_up", 1),
        ("selvedge_issuance_duration_seconds_count{profile=\"default\"}", 1),
    ] {
        assert_eq!(sample(&text, series), Some(value), "{series} in {text}");
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = line.split_once(' ').unwrap();
        assert!(METRICS.iter().any(|(known, _, about)| *known == name && *about == help), "{line}");
    }
}

#[test]
fn certificates_unrenewed_in_their_last_sixth_count_as_due() {
    let operator = operator();
    let client = operator.client();
    let made = (0..11).map(|n| {
        operator.world.pass(SECOND * 60);
        issue(&client, &[&format!("n{n}.test"), "x.test"], json!({}))
    });
    let made: Vec<(Vec<u8>, String)> = made.collect();
    let_pass(&operator.world, DAY * 74);
    assert_eq!(operator.see("health")["certificates"]["unrenewed"], 0, "three quarters are over");
    let_pass(&operator.world, DAY * 2);
    let health = operator.see("health");
    assert_eq!((&health["status"], ids(&health)[0]), (&json!("due"), "certificates-unrenewed"));
    assert_eq!(health["findings"][0]["count"], 11);
    let what = health["findings"][0]["what"].as_str().unwrap();
    assert!(what.contains("11 certificates expire unrenewed") && what.contains("n0.test, 2027-02-22"), "{what}");
    let first = &health["certificates"]["first_unrenewed"];
    assert_eq!((first.as_array().unwrap().len(), &first[0]["serial"]), (10, &json!(made[0].1)));
    assert_eq!(sample(&metrics(&operator), "selvedge_certificates_unrenewed"), Some(11));
    // Renewed, revoked, and renewed by another issuer.
    issue(&client, &["n0.test", "x.test"], json!({}));
    client.at(&operator.world).revoke(&made[1].0, Some(4)).is(200);
    let world = operator.world.with_issuer(&another_issuer(), operator.world.now());
    let operator = Operator { world, ..operator.with(&operator.token, 1) };
    let client = client.at(&operator.world);
    issue(&client, &["x.test", "n2.test"], json!({}));
    operator.world.pass(SECOND * 61);
    let health = operator.see("health");
    let certificates = &health["certificates"];
    assert_eq!((&certificates["unrenewed"], &certificates["revoked"]), (&json!(8), &json!(1)), "{health}");
    assert_eq!(certificates["ending"], json!({ "1": 0, "7": 0, "30": 10 }));
    operator.world.pass(DAY * 20);
    assert_eq!(operator.see("health")["certificates"]["unrenewed"], 0, "they have expired");
}

#[test]
fn census_of_many_certificates_is_made_in_bounded_steps() {
    let operator = operator();
    let client = operator.client();
    let (_, serial) = issue(&client, &["a.test"], json!({}));
    let ledger = format!("ledger/{}", operator.world.issuer().id());
    let row = operator.world.rows()[&(ledger.clone(), format!("serial/{serial}"))].clone();
    let entry: Value = serde_json::from_str(&row).unwrap();
    let end = entry["not_after"].as_u64().unwrap();
    for n in 0..7_000_u64 {
        let mut copy = entry.clone();
        copy["names"] = json!([format!("n{n}.test")]);
        copy["not_after"] = (end + n * 1_000).into();
        operator.world.plant(
            &ledger,
            &format!("serial/{}", serial_of(Time::from_millis(end + n * 1_000), n)),
            Some(&copy),
        );
    }
    let mut steps = 0;
    loop {
        let before = operator.world.rows_read("ledger/");
        let health = operator.see("health");
        steps += 1;
        let read = operator.world.rows_read("ledger/") - before;
        assert!(read < 5_000, "{read} rows");
        if health["counting"] == json!(false) {
            assert_eq!(health["certificates"]["valid"], 7_001);
            break;
        }
        assert_eq!(health["certificates"]["counted"], json!(null));
    }
    assert_eq!(steps, 4);
    // A look soon after costs next to nothing, and a later one counts again.
    operator.world.pass(SECOND * 60);
    let before = operator.world.rows_read("ledger/");
    operator.see("health");
    assert!(operator.world.rows_read("ledger/") - before < 50);
    operator.world.pass(SECOND * 300);
    assert_eq!(operator.see("health")["counting"], true);
}

#[test]
fn paused_names_failures_and_late_alarms_are_findings() {
    let limits = Limits::read(Some(r#"{"failed_validations":"off","pause_after":2}"#)).unwrap();
    let world = operator().world.reconfigured(|settings| settings.limits = limits);
    let operator = Operator::of(&world);
    let client = operator.client();
    client.fail("a.test");
    client.fail("a.test");
    let health = operator.see("health");
    assert_eq!(ids(&health), ["names-paused", "failures", "registration-open"], "{health}");
    assert_eq!(health["failures"]["problems"], json!({ "unauthorized": 1 }));
    let text = metrics(&operator);
    assert_eq!(sample(&text, "selvedge_names_paused"), Some(1));
    assert_eq!(sample(&text, "selvedge_failures{problem=\"unauthorized\"}"), Some(1));
    let due = operator.world.now();
    let job = JobRecord { work: Work::Notify, due, attempts: 0, ended: 0, waiting: true };
    operator.world.put("operations/ca", "notify", &job);
    operator.world.pass(Duration::from_secs(3_601));
    let health = operator.see("health");
    assert_eq!((&health["status"], ids(&health)[0]), (&json!("wrong"), "alarm-late"));
    assert!(health["findings"][0]["what"].as_str().unwrap().contains("operations"), "{health}");
    // A day later the failures are old; the pause stays.
    operator.world.pass(DAY);
    assert!(!ids(&operator.see("health")).contains(&"failures"));
}

#[test]
fn metrics_without_a_partition_have_the_counts_only() {
    let operator = operator();
    operator.client();
    operator.world.call_fault().from(1);
    let text = metrics(&operator);
    operator.world.heal();
    assert_eq!(sample(&text, "selvedge_health_up"), Some(0), "{text}");
    assert!(text.contains("selvedge_responses_total{") && !text.contains("selvedge_findings"), "{text}");
    assert_eq!(sample(&metrics(&operator), "selvedge_health_up"), Some(1));
}
