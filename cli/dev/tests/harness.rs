//! Starts `dev` as a process on the real workerd, with a small stand-in Worker.
//!
//! The process is this test program again, which then runs only [`stand_in`].

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::common::worker_config::WorkerConfig;
use crate::dev::{Options, Program, run};
use crate::runtime::capnp::{Module, ModuleKind};
use crate::tools::Toolbox;

const FOLDER: &str = "SELVEDGE_STAND_IN";
const ARGUMENTS: &str = "SELVEDGE_STAND_IN_ARGUMENTS";
/// Timeout far above all durations here, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Worker with a directory, a Durable Object counter, and its bindings as JSON.
pub const COUNTER: &str = r#"
export class Partition {
  constructor(state) { this.sql = state.storage.sql; }
  fetch() {
    this.sql.exec("CREATE TABLE IF NOT EXISTS visits (at)");
    this.sql.exec("INSERT INTO visits VALUES (1)");
    return new Response(String(this.sql.exec("SELECT count(*) AS n FROM visits").one().n));
  }
}
export default {
  async fetch(request, env) {
    switch (new URL(request.url).pathname) {
      case "/directory": return Response.json({ newNonce: env.BASE_URL + "/new-nonce" });
      case "/env": return Response.json(env);
      case "/resolve": return fetch(env.RESOLVER_URL + "?dns=AAABAAABAAAAAAAAAXgEdGVzdAAAAQAB");
      case "/fail": console.error("a complaint"); throw new Error("a failure");
      default: return env.PARTITION.get(env.PARTITION.idFromName("one")).fetch(request);
    }
  },
};
"#;
const WRANGLER: &str = r#"
name = "stand-in"
main = "index.js"
compatibility_date = "2026-10-01"
[[durable_objects.bindings]]
name = "PARTITION"
class_name = "Partition"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Partition"]
"#;

/// The command line, as `main` has it.
#[derive(Debug, Parser)]
pub struct Line {
    #[command(flatten)]
    pub options: Options,
}

/// The process that the other tests start; by itself it does nothing.
#[test]
#[ignore = "a part of the other tests: they start it in a process of its own"]
fn stand_in() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let arguments = std::env::var(ARGUMENTS).unwrap();
    let line = Line::parse_from(std::iter::once("dev").chain(arguments.lines()));
    let program = || {
        let path = folder.join("index.js");
        Ok(Program {
            workerd: fs::read_to_string(folder.join("workerd"))?.into(),
            modules: vec![Module { name: "index.js".into(), kind: ModuleKind::Es, path }],
            worker: WorkerConfig::parse(&folder, WRANGLER)?.runtime()?,
        })
    };
    let code = match run(&line.options, program) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("selvedge: {error:#}");
            1
        }
    };
    std::process::exit(code);
}

/// A folder with a stand-in Worker and a state folder.
pub struct Place {
    dir: TempDir,
}

impl Place {
    pub fn new(worker: &str) -> Self {
        let toolbox = Toolbox::locate().unwrap();
        toolbox.ensure_npm_runtime().unwrap();
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.write("index.js", worker);
        place.write("workerd", toolbox.workerd().unwrap().to_str().unwrap());
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts `dev` on a free port, and does not wait.
    pub fn start(&self, arguments: &[&str]) -> Dev<'_> {
        let state = self.path("state");
        self.start_without_state(&[&["--state", state.to_str().unwrap()], arguments].concat())
    }

    /// As [`Place::start`], with the default state folder.
    pub fn start_without_state(&self, arguments: &[&str]) -> Dev<'_> {
        let mut all = Vec::new();
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["dev::tests::harness::stand_in", "--exact", "--ignored", "--nocapture"]);
        command.env(FOLDER, self.dir.path()).env(ARGUMENTS, all.join("\n")).stdin(Stdio::null());
        command.current_dir(self.dir.path());
        command.stdout(File::create(self.path("stdout")).unwrap());
        command.stderr(File::create(self.path("stderr")).unwrap());
        Dev { place: self, child: command.spawn().unwrap(), running: Value::Null }
    }

    /// Starts `dev` and waits until it is up.
    pub fn up(&self, arguments: &[&str]) -> Dev<'_> {
        let mut dev = self.start(arguments);
        let file = self.path("state/dev.json");
        wait_for("dev.json", || {
            assert_eq!(dev.child.try_wait().unwrap(), None, "it ended: {}", self.read("stderr"));
            let running = fs::read(&file).ok().and_then(|json| serde_json::from_slice(&json).ok());
            dev.running = running.unwrap_or_default();
            // That of a `dev` that was killed stays until the next one starts.
            dev.running["pid"] == dev.child.id()
        });
        dev
    }

    /// Starts `dev`, which has to fail, and returns what it said.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let mut dev = self.start(arguments);
        assert_eq!(dev.ended().code(), Some(1), "{}", self.read("stdout"));
        assert!(!self.read("stdout").contains("is ready"));
        self.read("stderr")
    }
}

/// A started `dev`; killed with the value, should it still run.
pub struct Dev<'a> {
    place: &'a Place,
    pub child: Child,
    /// The content of its `dev.json`.
    pub running: Value,
}

impl Dev<'_> {
    pub fn ended(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for("its end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub fn text(&self, member: &str) -> &str {
        self.running[member].as_str().unwrap()
    }

    pub fn workerd(&self) -> Pid {
        Pid::from_raw(self.running["workerd_pid"].as_i64().unwrap().try_into().unwrap()).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let root = fs::read(self.place.path("state/root.pem")).unwrap();
        let root = Certificate::from_pem(&root).unwrap();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
        let agent: ureq::Agent =
            ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into();
        let url = self.text("directory").replace("/directory", path);
        let mut answer = agent.get(url).call().unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(&answer.body_mut().read_to_vec().unwrap()).into_owned())
    }

    /// Asks it to stop, and checks that it did, with all that it started.
    pub fn stop(mut self, signal: Signal) {
        self.signal(signal);
        assert_eq!(self.ended().code(), Some(0), "{}", self.place.read("stderr"));
        assert!(is_gone(self.workerd()));
        assert!(!self.place.path("state/dev.json").exists());
    }
}

impl Drop for Dev<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn is_gone(process: Pid) -> bool {
    test_kill_process(process).is_err()
}

pub fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
