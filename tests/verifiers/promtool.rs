//! Prometheus' own tool on the metrics and the shipped alerts.

use crate::packages::debian;
use crate::verifiers::{answer, with_input};
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::values::SigAlg;
use serde_json::json;
use std::path::Path;
use std::process::Command;

const TOKEN: &str = "a-token-of-some-length";

fn promtool(args: &[&str]) -> Command {
    let unpacked = debian::native("prometheus");
    let mut command = Command::new(unpacked.root.join("usr/bin/promtool"));
    command.args(args).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("packages/monitoring"));
    command
}

/// The metrics of a CA that has issued, revoked and refused.
fn metrics() -> String {
    let world = World::new().reconfigured(|settings| {
        settings.metrics_token = Some(Token::read(TOKEN).unwrap());
        let tokens = json!({ "ada": "an-admin-token-of-sufficient-length" }).to_string();
        settings.admin = AdminTokens::read(Some(&tokens)).unwrap();
    });
    let client = Client::registered(&world);
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&certificate, Some(4)).is(200);
    client.fail("b.test");
    client.new_order(&["no name"]).is(400);
    world.run_tasks();
    let request = Request {
        method: "GET".to_owned(),
        path: "/metrics".to_owned(),
        authorization: Some(format!("Bearer {TOKEN}")),
        body: Some(Vec::new()),
        ..Request::default()
    };
    world.send(request).is(200).text().to_owned()
}

#[test]
fn promtool_finds_no_fault_in_the_metrics() {
    let metrics = metrics();
    for part in
        ["selvedge_request_duration_seconds_bucket{", "selvedge_findings{severity=\"due\"} 0", "selvedge_failures{"]
    {
        assert!(metrics.contains(part), "{part} in {metrics}");
    }
    let check = |text: &str| {
        let output = with_input(&mut promtool(&["check", "metrics"]), text.as_bytes());
        (output.status.success(), answer(&output).err(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (good, why, said) = check(&metrics);
    assert!(good && said.is_empty(), "{why:?} {said}");
    // It looks closely.
    assert!(!check(&metrics.replacen("# HELP", "# HEPL", 1)).0);
    assert!(!check(&metrics.replace("selvedge_responses_total", "selvedge_responses")).0);
}

#[test]
fn promtool_accepts_the_alerts_and_their_tests_pass() {
    for args in [&["check", "rules", "alerts.yml"][..], &["test", "rules", "alerts.test.yml"]] {
        let output = promtool(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {:?}", answer(&output));
    }
}
