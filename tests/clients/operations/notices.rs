//! What the CA tells by itself: to a webhook, in a calendar, in its log.

use super::fixture::{Fixture, run};
use crate::common::server::free_port;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

const SECRET: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

/// What arrived: whether its signature holds, its name, its body.
type Arrived = Arc<Mutex<Vec<(bool, String, Value)>>>;

/// A receiver that is not there at first: its first answer is 503.
fn receive(arrived: &Arrived, port: u16) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
    let take = |State(arrived): State<Arrived>, headers: HeaderMap, body: String| async move {
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let good = header("webhook-signature") == format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
        let mut arrived = arrived.lock().unwrap();
        arrived.push((good, id, serde_json::from_str(&body).unwrap()));
        if arrived.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    };
    let router = Router::new().route("/hook", post(take)).with_state(arrived.clone());
    runtime.spawn(async { axum::serve(listener, router).await });
    runtime
}

/// Waits for what comes within seconds.
fn wait_until(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..600 {
        if there() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("it did not come in a minute: {what}");
}

#[test]
fn revocation_reaches_webhook_calendar_and_log() {
    let port = free_port();
    let hook = format!("WEBHOOK_URL=http://127.0.0.1:{port}/hook");
    let secret = format!("WEBHOOK_SECRET=whsec_{}", BASE64.encode(&SECRET));
    let fixture = Fixture::start(&[&hook, &secret]);
    let made = fixture.selvedge(&["eab", "create", "--preauthorize", "*.corp.example"]);
    let (kid, key) = (made["kid"].as_str().unwrap(), made["key"].as_str().unwrap());
    let http = format!("127.0.0.1:{}", fixture.server.http01);
    let bound = ["--eab", "--kid", kid, "--hmac", key, "-d", "x.corp.example", "--http", "--http.port", &http, "run"];
    fixture.lego(&bound);
    let arrived = Arrived::default();
    let _receiver = receive(&arrived, port);
    let serial = fixture.certificates(&[])[0]["serial"].as_str().unwrap().to_owned();
    fixture.human_output(&["certs", "revoke", &serial, "--reason", "superseded", "--yes"]);
    wait_until("a second try, after the first was refused", || arrived.lock().unwrap().len() >= 2);
    let all = arrived.lock().unwrap().clone();
    for (good, id, notice) in &all {
        assert!(good, "the signature of {id}");
        assert_eq!(*id, all[0].1, "one notice, tried again");
        assert_eq!(notice["type"], "certificate.revoked");
        assert_eq!((&notice["data"]["serial"], &notice["data"]["status"]), (&serial.clone().into(), &"revoked".into()));
    }
    let delivery = || fixture.selvedge(&["notices", "list"])["notices"][0]["delivery"].clone();
    wait_until("the record of the delivery", || delivery()["state"] == "delivered");
    assert_eq!((&delivery()["attempts"], &delivery()["status"]), (&2.into(), &204.into()));
    let url = fixture.selvedge(&["calendar"])["url"].as_str().unwrap().to_owned();
    let calendar = run(Command::new("curl").args(["-sSf", "--cacert", fixture.server.fact("root"), &url]));
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n") && calendar.contains("x.corp.example"), "{calendar}");
    log_has_both_events(&fixture, &serial);
}

/// Checks that the runtime's log, not the terminal, has the issuance and the revocation.
fn log_has_both_events(fixture: &Fixture, serial: &str) {
    let log = std::fs::read_to_string(fixture.server.fact("workerd_log")).unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let line_of = |event: &str| {
        let found: Vec<&Value> =
            lines.iter().filter(|line| line["event"] == event && line["serial"] == serial).collect();
        assert_eq!(found.len(), 1, "{event}: {log}");
        found[0]
    };
    assert_eq!(line_of("issuance")["outcome"], "issued");
    assert_eq!((&line_of("revocation")["by"], &line_of("revocation")["who"]), (&"operator".into(), &"dev".into()));
    assert!(lines.iter().any(|line| line["event"] == "request" && line["resource"] == "new-order"));
    assert!(!fixture.server.log().contains("\"event\""), "{}", fixture.server.log());
}
