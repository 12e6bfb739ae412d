//! A CA with a bucket.
//!
//! Behind the binding of workerd is a double of R2, or Cloudflare's simulator.

use super::simulator::Simulator;
use crate::common::companion::companion;
use crate::common::server::Server;
use crate::observed::Observed;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The service behind the binding.
const BUCKET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bucket.js");

const IDENTITY: &str = "AGE-SECRET-KEY-1YYFQVJRMCUKE6WN4RPL27D87YHX75094RQX83X7SLPWEEY9QZAWSA5VWJT\n";
/// The recipient of the identity.
pub const RECIPIENT: &str = "age1uhqawj4cl07uh835keglugrphq2e79yc49nytryaxsru5cckqdhs6tsu2z";

/// The longest wait for a backup.
const PATIENCE: Duration = Duration::from_secs(120);

/// The configuration with a schedule and the bucket.
fn bound(config: String) -> String {
    let bindings = format!(
        "      bindings = [\n        (name = \"BACKUPS\", r2Bucket = \"bucket\"),\n        (name = \"BACKUP_SCHEDULE\", text = \
         \"daily 03:00\"),\n        (name = \"BACKUP_RECIPIENT\", text = {RECIPIENT:?}),\n"
    );
    let service = format!(
        "  services = [\n    (name = \"bucket\", worker = (modules = [(name = \"bucket.js\", esModule = embed {BUCKET:?})], \
         compatibilityDate = \"2024-09-23\")),\n"
    );
    assert!(config.matches("      bindings = [\n").count() == 1 && config.matches("  services = [\n").count() == 1);
    config.replace("      bindings = [\n", &bindings).replace("  services = [\n", &service)
}

/// A CA with a bucket, and its operator.
pub struct Bucketed<W> {
    /// What serves it.
    pub worker: W,
    url: String,
    token: PathBuf,
    folder: PathBuf,
}

impl Bucketed<Observed> {
    /// The CA of a server on workerd, with a double of a bucket. Its operator's files are in a folder.
    pub fn of(server: Server, folder: &Path) -> Self {
        let token = PathBuf::from(server.fact("admin_token"));
        let worker = Observed::start_with(server, bound);
        Self { url: worker.url(""), worker, token, folder: with_identity(folder) }
    }
}

impl Bucketed<Simulator> {
    /// The CA of a server under miniflare, with a bucket of its.
    pub fn simulated(server: Server, folder: &Path) -> Self {
        let token = PathBuf::from(server.fact("admin_token"));
        let worker = Simulator::start(server, folder);
        Self { url: worker.url(), worker, token, folder: with_identity(folder) }
    }
}

/// Writes the identity into a folder.
fn with_identity(folder: &Path) -> PathBuf {
    let identity = folder.join("identity");
    fs::write(&identity, IDENTITY).unwrap();
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).unwrap();
    folder.to_owned()
}

impl<W> Bucketed<W> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = companion();
        command.args(arguments).args(["--url", &self.url, "--token-file"]).arg(&self.token);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Runs a command of the companion to its end. Returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// Waits for a whole backup. Returns the list.
    pub fn backups(&self) -> Value {
        self.backups_after("")
    }

    /// Waits for a whole backup after that of a name. Returns the list.
    pub fn backups_after(&self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.command(&["backup", "list", "--json"]).output().unwrap();
            let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if listed["backups"][0]["name"].as_str().is_some_and(|newest| newest > name) {
                return listed;
            }
            assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&output.stderr));
            sleep(Duration::from_millis(200));
        }
    }
}
