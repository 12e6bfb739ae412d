//! End to end: rate limits and metrics of the real wasm on real workerd.

use crate::common::server::Server;
use crate::common::wire::{Answer, Wire, body, header};
use serde_json::json;

const LIMITS: &str = r#"RATE_LIMITS={"new_orders":{"count":2,"period":"2h"},"new_accounts":{"count":1,"period":"3h"}}"#;
const TOKEN: &str = "a-token-of-some-length";

fn order(wire: &Wire, name: &str) -> Answer {
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
    wire.post(&wire.url("/acme/new-order"), Some(wanted))
}

/// GET or POST with these headers: status and body.
fn ask(url: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> (u16, String) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let mut answer = match body {
        None => headers.iter().fold(agent.get(url), |request, (name, value)| request.header(*name, *value)).call(),
        Some(body) => {
            headers.iter().fold(agent.post(url), |request, (name, value)| request.header(*name, *value)).send(body)
        }
    }
    .unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

#[test]
fn s02_e03_limits_survive_a_restart_and_appear_in_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let token = format!("METRICS_TOKEN={TOKEN}");
    let server = Server::start_with(folder.path(), 0, &["--plain-http", "--set", LIMITS, "--set", &token]);
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    for name in ["one.test", "two.test"] {
        assert_eq!(order(&wire, name).status(), 201);
    }
    let refuse = |wire: &Wire| {
        let refused = order(wire, "three.test");
        assert_eq!(refused.status(), 429, "{}", refused.body());
        let problem = body(&refused);
        assert_eq!(problem["type"], "urn:ietf:params:acme:error:rateLimited");
        assert_eq!(problem["limit"], "new_orders");
        let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=3600).contains(&seconds), "{seconds}");
        header(&refused, "replay-nonce");
    };
    refuse(&wire);
    // Accounts are limited where the client's address is known; the runtime passes the header on.
    let url = wire.url("/acme/new-account");
    for (address, status) in [("2001:db8::1", 201), ("2001:db8::2", 429), ("2001:db8:0:1::1", 201)] {
        let newcomer = Wire::plain(server.fact("directory"));
        let request = newcomer.sign(&url, Some(json!({})));
        let headers = [("Content-Type", "application/jose+json"), ("CF-Connecting-IP", address)];
        assert_eq!(ask(&url, &headers, Some(&request)).0, status, "{address}");
    }
    let metrics = wire.url("/metrics");
    let (status, text) = ask(&metrics, &[("Authorization", &format!("Bearer {TOKEN}"))], None);
    assert_eq!(status, 200, "{text}");
    for series in [
        "selvedge_rate_limited_total{limit=\"new_orders\"} 1\n",
        "selvedge_rate_limited_total{limit=\"new_accounts\"} 1\n",
        "selvedge_responses_total{resource=\"new-order\",status=\"201\"} 2\n",
    ] {
        assert!(text.contains(series), "{series} in {text}");
    }
    assert_eq!(ask(&metrics, &[], None).0, 404);
    let _server = server.restart();
    wire.forget_nonce();
    refuse(&wire);
}
