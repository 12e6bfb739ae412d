//! Notices for people on workerd: to Slack, Teams, ntfy, and without a binding for mails.

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
