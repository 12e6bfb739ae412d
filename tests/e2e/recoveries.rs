//! Point-in-time recovery on workerd, without bookmarks and with a double of them.

use super::observed::Observed;
use crate::common::companion::companion;
use crate::common::server::Server;
use selvedge::values::Time;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// What `recover` says there, an hour back; it has to refuse.
fn refusal(server: &Server) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let state = Path::new(server.fact("admin_token")).parent().unwrap();
    let mut command = companion();
    command.args(["recover", "operations/ca", "--yes", "--at", &Time::from_secs(now - 3600).rfc3339()]);
    let output = command.arg("--state").arg(state).current_dir(state).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!state.join("recovery-operations-ca.json").exists());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn recovery_is_refused_where_the_platform_has_no_bookmarks() {
    let folder = tempfile::tempdir().unwrap();
    let open = Server::start_with(folder.path(), 0, &[]);
    let said = refusal(&open);
    assert!(said.contains("serves clients") && said.contains("CLOSED"), "{said}");
    drop(open);
    let closed = Server::start_with(folder.path(), 0, &["--set", "CLOSED=true"]);
    let said = refusal(&closed);
    assert!(said.contains("works on Cloudflare") && said.contains("restore a backup"), "{said}");
    // The partition is open, and its audit record has the attempt.
    let state = Path::new(closed.fact("admin_token")).parent().unwrap();
    let output = companion().args(["audit", "list", "--state"]).arg(state).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("recovery.begin"));
}

/// A CA on workerd with a double of the platform's bookmarks, and its operator.
struct Bookmarked {
    worker: Observed,
    token: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bookmarked {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_with(folder.path(), 0, &["--plain-http", "--set", "CLOSED=true"]);
        let token = PathBuf::from(server.fact("admin_token"));
        let entry = |config: String| config.replace("/fixtures/observed.js", "/fixtures/bookmarked.js");
        Self { worker: Observed::start_with(server, entry), token, _folder: folder }
    }

    /// Asks the operations API; a body makes it a POST.
    fn ask(&self, path: &str, body: Option<Value>) -> Value {
        let url = self.worker.url(&format!("/admin/v1/{path}"));
        let token = format!("Bearer {}", std::fs::read_to_string(&self.token).unwrap().trim());
        let answered = match body {
            Some(body) => {
                let request = ureq::post(url).header("Authorization", token).header("Content-Type", "application/json");
                request.send(body.to_string())
            }
            None => ureq::get(url).header("Authorization", token).call(),
        };
        serde_json::from_str(&answered.unwrap().body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Runs a command of the companion; gives what it said.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = companion();
        command.args(arguments).args(["--url", &self.worker.url(""), "--token-file"]).arg(&self.token);
        let output = command.current_dir(self.token.parent().unwrap()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}");
        said
    }

    /// How many objects were loaded into memory.
    fn sessions(&self) -> String {
        self.worker.seen().called.remove(0)
    }
}

#[test]
fn partition_ends_at_a_bookmark_and_keeps_what_may_never_go_back() {
    let ca = Bookmarked::start();
    let state = || {
        let policy = ca.ask("status", None)["policy"].clone();
        (policy["shadow"].clone(), policy["version"].clone())
    };
    ca.ask("policy", Some(json!({ "deny": ["first.test"] })));
    assert_eq!(state(), (json!(false), json!(1)));
    sleep(Duration::from_millis(2_100));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let at = Time::from_secs(now - 1).rfc3339();
    ca.ask("policy/shadow", Some(json!({ "deny": ["second.test"] })));
    ca.ask("policy", Some(json!({ "deny": ["third.test"] })));
    assert_eq!(state(), (json!(true), json!(2)));
    let before = ca.sessions();
    // A dry run goes back, and returns.
    let shown = ca.run(&["recover", "operations/ca", "--at", &at, "--dry-run"]);
    assert!(shown.contains("LOST") && shown.contains("as it was before"), "{shown}");
    assert_eq!(state(), (json!(true), json!(2)));
    assert_ne!(ca.sessions(), before, "the object ended");
    let said = ca.run(&["recover", "operations/ca", "--at", &at, "--yes"]);
    assert!(said.contains("remove CLOSED now"), "{said}");
    assert_eq!(state(), (json!(false), json!(2)), "the shadow policy goes back, a policy does not");
    let audit = ca.run(&["audit", "verify"]);
    assert!(audit.contains("The record is complete"), "{audit}");
    let whats = ca.run(&["audit", "list"]);
    for what in ["recovery.begin", "recovery.undo", "policy", "shadow"] {
        assert!(whats.contains(what), "{what}: {whats}");
    }
}
