//! The wasm on workerd behind a test entry that shows its reads, calls and storage.

use crate::common::server::{Server, signal};
use selvedge::ca::runtime::ask::Ask;
use selvedge::ca::runtime::message::Reply;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The module of the entry.
const ENTRY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/observed.js");

/// Where messages go.
pub const MESSAGES: &str = "https://message/";

/// A running workerd with the state of a `dev` that was stopped.
pub struct Observed {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    agent: ureq::Agent,
}

/// What the Worker did since the last question.
#[derive(Debug, Deserialize)]
pub struct Seen {
    /// The names of headers that it read, in lower case; `*` for all at once.
    pub read: BTreeSet<String>,
    /// The requests that reached partitions.
    pub crossed: Vec<Crossed>,
    /// The storage calls that change an alarm or delete a database.
    pub called: Vec<String>,
}

/// A request to a partition.
#[derive(Debug, Deserialize)]
pub struct Crossed {
    /// Its URL.
    pub url: String,
    /// The names of its headers.
    pub headers: Vec<String>,
}

/// A row of a table.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Row {
    /// Its key.
    pub key: String,
    /// When it expires, in milliseconds.
    pub expires: Option<u64>,
}

/// What a partition has stored.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Stored {
    /// The rows of each table; nothing where there is no database.
    pub tables: BTreeMap<String, Vec<Row>>,
    /// From when on rows may have expired, in milliseconds.
    pub purge: Vec<Option<u64>>,
    /// When the alarm goes off, in milliseconds.
    pub alarm: Option<u64>,
}

/// An answer of a partition: what crosses.
#[derive(Debug, Deserialize)]
pub struct Envelope<R> {
    /// The reply.
    pub reply: R,
    /// `calls` and `rows`.
    pub spent: BTreeMap<String, u32>,
}

impl Observed {
    /// Starts, over plain http, with the state and configuration of a server, which is stopped.
    pub fn start(server: Server) -> Self {
        Self::start_with(server, |config| config)
    }

    /// The same with a changed configuration.
    pub fn start_with(server: Server, change: impl FnOnce(String) -> String) -> Self {
        let pid = server.facts["workerd_pid"].as_u64().unwrap();
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let mut arguments: Vec<String> = line.split_terminator('\0').skip(1).map(str::to_owned).collect();
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
        let (state, port) = (server.state.clone(), server.port());
        drop(server);
        let config = std::fs::read_to_string(arguments.last().unwrap()).unwrap();
        let entry = format!("(name = \"observed.js\", esModule = embed {ENTRY:?}),\n (name = \"index.js\"");
        assert_eq!(config.matches("(name = \"index.js\"").count(), 1);
        let observed = state.join("observed.capnp");
        std::fs::write(&observed, change(config.replace("(name = \"index.js\"", &entry))).unwrap();
        *arguments.last_mut().unwrap() = observed.to_str().unwrap().to_owned();
        let child = run(&program, &arguments, port);
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let this = Self { child, program, arguments, port, agent };
        this.wait();
        this
    }

    /// Kills workerd and starts it again: only what is on the disk is left.
    pub fn restart(&mut self) {
        self.end();
        self.child = run(&self.program, &self.arguments, self.port);
        self.wait();
    }

    fn wait(&self) {
        for _ in 0..600 {
            if self.agent.get(self.url("/directory")).call().is_ok_and(|answer| answer.status() == 200) {
                self.seen();
                return;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("workerd does not answer");
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn ask<T: DeserializeOwned>(&self, question: Value) -> T {
        let mut answer = self.agent.post(self.url("/observe")).send(question.to_string()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// What the Worker did since the last question.
    pub fn seen(&self) -> Seen {
        self.ask(json!({}))
    }

    /// The status and body of a partition's answer; `None` calls a partition without a name.
    pub fn send(&self, partition: Option<&str>, url: &str, body: &str) -> (u64, String) {
        let answer: Value = self.ask(json!({ "partition": partition, "url": url, "body": body }));
        (answer["status"].as_u64().unwrap(), answer["body"].as_str().unwrap().to_owned())
    }

    /// What a partition answers to an ask, which crosses in an envelope.
    pub fn message<A: Ask>(&self, partition: &str, ask: &A) -> Envelope<A::Reply> {
        let message = serde_json::to_string(&ask.message().unwrap()).unwrap();
        let (status, body) = self.send(Some(partition), MESSAGES, &message);
        assert_eq!(status, 400, "{body}");
        let envelope: Envelope<Reply> = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{e}: {body}"));
        let Reply::Answer(json) = &envelope.reply else { panic!("{body}") };
        let reply = serde_json::from_str(json.get()).unwrap_or_else(|e| panic!("{e}: {body}"));
        Envelope { reply, spent: envelope.spent }
    }

    /// What a partition has stored.
    pub fn stored(&self, partition: &str) -> Stored {
        self.observe(partition, None)
    }

    /// Sets the alarm of a partition by another way than the Worker's.
    pub fn set_alarm(&self, partition: &str, at: u64) {
        assert_eq!(self.observe(partition, Some(at)).alarm, Some(at));
    }

    fn observe(&self, partition: &str, alarm: Option<u64>) -> Stored {
        let body = json!({ "alarm": alarm }).to_string();
        let answer: Value = self.ask(json!({ "partition": partition, "body": body }));
        serde_json::from_str(answer["body"].as_str().unwrap()).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    fn end(&mut self) {
        signal("KILL", u64::from(self.child.id()));
        let _ = self.child.wait();
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(program: &Path, arguments: &[String], port: u16) -> Child {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::from(OwnedFd::from(listener)));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}
