//! A witness in a workerd of its own, made and run by the companion.

use crate::common::companion::companion;
use crate::common::server::{end, free_port, signal};
use crate::common::turns;
use crate::test_log::{Branch, TRUNK, TestLog};
use selvedge::ca::witness::host::WitnessAt;
use selvedge::tlog::note::Signature;
use selvedge::tlog::{Note, VerifierKey};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const ORIGIN: &str = "ca.example.org/log/abc/0011aabb";
const NAME: &str = "witness.example.org";
const FORK: Branch = Branch { from: 3, salt: 1 };

/// A running witness, ended with its workerd when dropped.
pub struct RunningWitness {
    child: Child,
    folder: PathBuf,
    facts: Value,
    port: u16,
    agent: ureq::Agent,
}

/// An answer: status, media type, body.
type Answer = (u16, String, String);

impl RunningWitness {
    /// Makes a witness in this folder that knows these logs, and runs it.
    pub fn new(folder: &Path, logs: &[&VerifierKey]) -> Self {
        let dir = folder.join("witness");
        let mut command = companion();
        command.args(["witness", "new"]).arg(&dir).args(["--name", NAME]);
        for log in logs {
            command.args(["--log", &log.to_string()]);
        }
        let made = command.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Self::start(&dir, free_port())
    }

    fn start(dir: &Path, port: u16) -> Self {
        turns::beside_others();
        let log = File::options().create(true).append(true).open(dir.join("output")).unwrap();
        let child = companion()
            .args(["witness", "serve"])
            .arg(dir)
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut witness = Self { child, folder: dir.to_owned(), facts: Value::Null, port, agent };
        witness.wait();
        witness
    }

    fn wait(&mut self) {
        for _ in 0..36_000 {
            if let Ok(text) = fs::read_to_string(self.folder.join("state/witness.json")) {
                self.facts = serde_json::from_str(&text).unwrap();
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = fs::read_to_string(self.folder.join("output")).unwrap_or_default();
                panic!("the witness ended with {status}:\n{log}");
            }
            sleep(Duration::from_millis(50));
        }
        panic!("the witness did not come up in half an hour");
    }

    /// Its verifier key.
    pub fn vkey(&self) -> VerifierKey {
        VerifierKey::parse(self.facts["vkey"].as_str().unwrap()).unwrap()
    }

    /// The prefix of its URLs.
    pub fn url(&self) -> String {
        self.facts["url"].as_str().unwrap().to_owned()
    }

    /// Kills workerd like a power cut, and starts the witness again.
    pub fn crash(self) -> Self {
        signal("KILL", self.facts["workerd_pid"].as_u64().unwrap());
        let (folder, port) = (self.folder.clone(), self.port);
        drop(self);
        Self::start(&folder, port)
    }

    fn answer(&self, made: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
        let mut response = made.unwrap();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (response.status().as_u16(), kind.unwrap_or_default(), response.body_mut().read_to_string().unwrap())
    }

    /// Reads below its origin.
    pub fn get(&self, path: &str) -> Answer {
        self.answer(self.agent.get(format!("http://127.0.0.1:{}{path}", self.port)).call())
    }

    /// Submits a body of add-checkpoint.
    pub fn add(&self, body: &str) -> Answer {
        self.answer(self.agent.post(format!("{}/add-checkpoint", self.url())).send(body))
    }
}

impl Drop for RunningWitness {
    fn drop(&mut self) {
        end(&mut self.child, &self.facts);
    }
}

/// Whether OpenSSL finds a cosignature good, over the message as the specification writes it.
fn openssl_verifies(folder: &Path, key: &VerifierKey, line: &Signature, text: &str) -> bool {
    let (time, signature) = line.octets.split_first_chunk::<8>().unwrap();
    let message = format!("cosignature/v1\ntime {}\n{text}", u64::from_be_bytes(*time));
    let spki = [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], key.key()].concat();
    let file = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (key, message, signature) =
        (file("key.der", &spki), file("message", message.as_bytes()), file("signature", signature));
    let judged = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin", "-inkey"])
        .arg(key)
        .arg("-in")
        .arg(message)
        .arg("-sigfile")
        .arg(signature)
        .output()
        .unwrap();
    judged.status.success()
}

#[test]
fn witness_worker_without_a_ca_cosigns_and_keeps_its_word_over_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let log = TestLog::new(ORIGIN);
    let witness = RunningWitness::new(folder.path(), &[&log.vkey]);
    assert_eq!(witness.get("/witness").2, format!("{}\n", witness.vkey()));
    for path in ["/", "/directory", "/issuers", "/crl/all.pem", "/admin", "/admin/v1/health", "/metrics"] {
        assert_eq!(witness.get(path).0, 404, "{path}");
    }
    let monitored = format!("/witness/{}/checkpoint", WitnessAt::of(ORIGIN).hash());
    assert_eq!(witness.get(&monitored).0, 404);

    assert_eq!(witness.add("old 0\n\nnothing").0, 400);
    assert_eq!(witness.add(&TestLog::new("other.example/log").body(TRUNK, 0, 5)).0, 404);
    assert_eq!(witness.add(&TestLog::with_key(ORIGIN, 8).body(TRUNK, 0, 5)).0, 403);
    let (status, kind, size) = witness.add(&log.body(TRUNK, 4, 5));
    assert_eq!((status, kind.as_str(), size.as_str()), (409, "text/x.tlog.size", "0\n"));
    let (status, _, lines) = witness.add(&log.body(TRUNK, 0, 5));
    assert_eq!(status, 200, "{lines}");
    let text = log.checkpoint(TRUNK, 5).to_string();
    let line = &Signature::parse_lines(&lines).unwrap()[0];
    assert!(openssl_verifies(folder.path(), &witness.vkey(), line, &text));
    assert!(!openssl_verifies(folder.path(), &witness.vkey(), line, &text.replace("\n5\n", "\n6\n")));
    assert_eq!(witness.add(&log.body(FORK, 5, 5)).0, 422);
    assert_eq!(witness.add(&log.body(FORK, 5, 9)).0, 422);

    let witness = witness.crash();
    let (status, kind, shown) = witness.get(&monitored);
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    assert_eq!(shown, format!("{}{lines}", log.note(TRUNK, 5)));
    assert_eq!(witness.add(&log.body(FORK, 5, 5)).0, 422);
    assert_eq!(witness.add(&log.body(TRUNK, 0, 9)), (409, "text/x.tlog.size".to_owned(), "5\n".to_owned()));
    assert_eq!(witness.add(&log.body(TRUNK, 5, 300)).0, 200);
}

#[test]
fn submissions_at_once_get_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let log = TestLog::new(ORIGIN);
    let witness = RunningWitness::new(folder.path(), &[&log.vkey]);
    assert_eq!(witness.add(&log.body(TRUNK, 0, 4)).0, 200);
    // Two histories from the same checkpoint on, by many clients.
    let branch = |n: usize| Branch { from: 4, salt: if n.is_multiple_of(2) { 1 } else { 2 } };
    let bodies: Vec<String> = (0..16).map(|n| log.body(branch(n), 4, 7)).collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asked: Vec<_> = bodies.iter().map(|body| scope.spawn(|| witness.add(body))).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let good: Vec<usize> = (0..16).filter(|n| answers[*n].0 == 200).collect();
    assert!(!good.is_empty() && good.iter().all(|n| n % 2 == good[0] % 2), "{answers:?}");
    assert!(answers.iter().all(|(status, ..)| [200, 409].contains(status)), "{answers:?}");
    let shown = witness.get(&format!("/witness/{}/checkpoint", WitnessAt::of(ORIGIN).hash())).2;
    assert_eq!(Note::parse(&shown).unwrap().text(), log.checkpoint(branch(good[0]), 7).to_string());
}

#[test]
fn unusable_settings_are_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("witness");
    let run = |arguments: &[&str]| {
        let output = companion().arg("witness").args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let path = dir.to_str().unwrap();
    let (made, said) = run(&["new", path, "--name", "https://witness.example.org"]);
    assert!(!made && said.contains("no scheme"), "{said}");
    let (made, said) = run(&["new", path, "--name", NAME, "--log", "x"]);
    assert!(!made && said.contains("NAME+ID+KEY"), "{said}");
    assert!(!dir.exists());
    assert!(run(&["new", path, "--name", NAME]).0);
    let (made, said) = run(&["new", path, "--name", NAME]);
    assert!(!made && said.contains("exists already"), "{said}");
    let settings = dir.join("wrangler.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("log VKEY", "log VKEY\nquorum none")).unwrap();
    let (served, said) = run(&["serve", path]);
    assert!(!served && said.contains("WITNESS_LOGS, line 2"), "{said}");
    fs::write(&settings, &text).unwrap();
    let other = folder.path().join("other");
    assert!(run(&["new", other.to_str().unwrap(), "--name", NAME]).0);
    fs::copy(other.join("witness.key"), dir.join("witness.key")).unwrap();
    let (served, said) = run(&["serve", path]);
    assert!(!served && said.contains("is not the key of WITNESS_VKEY"), "{said}");
}
