//! Notices for people on workerd: Slack, Teams, ntfy, and a double of the mail binding.

use super::observed::Observed;
use crate::common::companion::companion;
use crate::common::server::{Server, free_port};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What arrived: path, media type, authorization, body.
type Arrived = Arc<Mutex<Vec<(String, String, Option<String>, Value)>>>;

fn receive(arrived: &Arrived, port: u16) -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", port))).unwrap();
    let take = |State(arrived): State<Arrived>, uri: Uri, headers: HeaderMap, body: String| async move {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let (media_type, token) = (header("content-type").unwrap_or_default(), header("authorization"));
        arrived.lock().unwrap().push((uri.to_string(), media_type, token, serde_json::from_str(&body).unwrap()));
        // A workflow of Teams answers 202.
        if uri.path() == "/teams" { StatusCode::ACCEPTED } else { StatusCode::OK }
    };
    let router = Router::new().fallback(take).with_state(arrived.clone());
    runtime.spawn(async { axum::serve(listener, router).await });
    runtime
}

#[test]
fn receivers_get_their_forms_and_a_missing_binding_is_named() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let set = [
        format!("SLACK_URL=http://127.0.0.1:{port}/slack/secret"),
        format!("TEAMS_URL=http://127.0.0.1:{port}/teams?sig=secret"),
        format!("NTFY_URL=http://127.0.0.1:{port}/my-ca"),
        "NTFY_TOKEN=tk_1".to_owned(),
        "EMAIL_TO=ops@example.org".to_owned(),
    ];
    let options: Vec<&str> = set.iter().flat_map(|one| ["--set", one.as_str()]).collect();
    let _server = Server::start_with(folder.path(), 0, &options);
    let arrived = Arrived::default();
    let _receiver = receive(&arrived, port);
    let mut command = companion();
    command.args(["notices", "test", "--json", "--state"]).arg(folder.path().join("ca"));
    let output = command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let good = |name: &str, status: u16| json!({ "receiver": name, "status": status, "error": null });
    let results = said["receivers"].as_array().unwrap();
    assert_eq!(results[..3], [good("slack", 200), good("teams", 202), good("ntfy", 200)]);
    let mail = results[3]["error"].as_str().unwrap();
    assert!(mail.contains("no binding EMAIL; add [[send_email]]"), "{mail}");
    let all = arrived.lock().unwrap().clone();
    let paths: Vec<&str> = all.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, ["/slack/secret", "/teams?sig=secret", "/"]);
    assert!(all.iter().all(|(_, media_type, ..)| media_type == "application/json"), "{all:?}");
    assert_eq!((&all[0].2, &all[2].2), (&None, &Some("Bearer tk_1".to_owned())));
    let text = all[0].3["text"].as_str().unwrap();
    assert!(text.contains(": 1 notice\ntest of the notices of https://"), "{text}");
    assert_eq!((&all[0].3["mrkdwn"], &all[0].3["parse"]), (&json!(false), &json!("none")));
    let card = &all[1].3["attachments"][0];
    assert_eq!((&all[1].3["type"], &card["content"]["type"]), (&json!("message"), &json!("AdaptiveCard")));
    assert_eq!(card["content"]["body"][1]["inlines"][0]["type"], "TextRun");
    assert_eq!((&all[2].3["topic"], &all[2].3["priority"]), (&json!("my-ca"), &json!(3)));
}

/// The double of Cloudflare's binding for mails.
const MAIL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mail.js");

/// The result of a test mail to this address, and what arrived.
fn mailed(to: &str) -> (Value, Vec<Value>) {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let set = format!("EMAIL_TO={to}");
    let server = Server::start_with(folder.path(), 0, &["--plain-http", "--set", &set]);
    let token = std::fs::read_to_string(server.fact("admin_token")).unwrap();
    let arrived = Arrived::default();
    let _receiver = receive(&arrived, port);
    let worker = Observed::start_with(server, |config| {
        let binding =
            "      bindings = [\n        (name = \"EMAIL\", service = (name = \"mail\", entrypoint = \"Mail\")),\n";
        let service = format!(
            "  services = [\n    (name = \"mail\", worker = (modules = [(name = \"mail.js\", esModule = embed {MAIL:?})], \
             compatibilityDate = \"2024-09-23\", bindings = [(name = \"RECEIVER\", text = \"http://127.0.0.1:{port}/mail\")])),\n"
        );
        assert!(config.matches("      bindings = [\n").count() == 1 && config.matches("  services = [\n").count() == 1);
        config.replace("      bindings = [\n", binding).replace("  services = [\n", &service)
    });
    let mut answer = ureq::post(worker.url("/admin/v1/notices/test"))
        .header("Authorization", format!("Bearer {}", token.trim()))
        .content_type("application/json")
        .send("{}")
        .unwrap();
    let said: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let arrived = arrived.lock().unwrap().iter().map(|(.., body)| body.clone()).collect();
    (said["receivers"][0].clone(), arrived)
}

#[test]
fn mail_is_sent_by_the_binding_and_its_refusal_is_shown() {
    let (result, arrived) = mailed("ops@example.org security@example.org");
    assert_eq!(result, json!({ "receiver": "email", "status": 200, "error": null }));
    assert_eq!(arrived.len(), 1);
    let mail = &arrived[0];
    assert_eq!(mail["to"], json!(["ops@example.org", "security@example.org"]));
    assert_eq!(mail["from"], "selvedge@127.0.0.1");
    let subject = mail["subject"].as_str().unwrap();
    assert!(subject.starts_with("Selvedge 127.0.0.1:") && subject.ends_with(": 1 notice"), "{subject}");
    assert!(mail["text"].as_str().unwrap().starts_with("test of the notices of http://127.0.0.1:"), "{mail}");
    assert!(mail["html"].as_str().unwrap().contains("<li>test of the notices of http://"), "{mail}");
    let (result, arrived) = mailed("unknown@example.org");
    assert!(result["error"].as_str().unwrap().contains("E_RECIPIENT_NOT_ALLOWED"), "{result}");
    assert!(arrived.is_empty());
}
