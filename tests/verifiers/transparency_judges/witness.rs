//! `litewitness`, a witness: it cosigns our checkpoints, and finds our forks.

use super::{judged, run, torchwood};
use crate::packages::debian;
use crate::transparency::{Book, ORIGIN, Signer};
use selvedge::tlog::note::Signature;
use selvedge::tlog::{Note, Policy, VerifierKey};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running witness of our log.
struct Witness {
    folder: TempDir,
    address: String,
    key: VerifierKey,
    _running: [Running; 2],
}

/// Waits until something is there.
fn wait(what: &str, mut there: impl FnMut() -> bool) {
    for _ in 0..600 {
        if there() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not appear");
}

fn ssh(name: &str) -> PathBuf {
    debian::native("openssh-client").root.join("usr/bin").join(name)
}

fn start(program: &Path, arguments: &[&str], folder: &Path, log: &str) -> Running {
    let log = fs::File::create(folder.join(log)).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    Running(command.spawn().unwrap())
}

impl Witness {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        run(&ssh("ssh-keygen"), &["-q", "-t", "ed25519", "-N", "", "-C", "witness", "-f", "key"], at);
        let agent = start(&ssh("ssh-agent"), &["-D", "-a", "agent.sock"], at, "agent.log");
        wait("the agent", || at.join("agent.sock").exists());
        let mut add = Command::new(ssh("ssh-add"));
        add.args(["-q", "key"]).env("SSH_AUTH_SOCK", at.join("agent.sock")).current_dir(at);
        assert!(add.status().unwrap().success());
        let shown = String::from_utf8(run(&ssh("ssh-keygen"), &["-l", "-f", "key.pub"], at).stdout).unwrap();
        let fingerprint = shown.split(' ').nth(1).unwrap().to_owned();
        let log = Signer::log().public.to_string();
        run(&torchwood("witnessctl"), &["add-log", "-db", "db", "-origin", ORIGIN], at);
        run(&torchwood("witnessctl"), &["add-key", "-db", "db", "-origin", ORIGIN, "-key", &log], at);
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let options =
            ["-db", "db", "-name", "w.example", "-ssh-agent", "agent.sock", "-key", &fingerprint, "-listen", &address];
        let witness = start(&torchwood("litewitness"), &options, at, "witness.log");
        wait("the witness", || TcpStream::connect(&address).is_ok());
        let said = fs::read_to_string(at.join("witness.log")).unwrap();
        let key = said.split_once("vkey=").unwrap().1.split_whitespace().next().unwrap();
        let key = VerifierKey::parse(key).unwrap();
        Self { folder, address, key, _running: [witness, agent] }
    }

    /// Sends a checkpoint that continues the tree of `old` leaves.
    fn add(&self, book: &Book, old: u64, note: &Note) -> (u16, String) {
        let proof: String = book.consistency(old).iter().map(|hash| format!("{hash}\n")).collect();
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let body = format!("old {old}\n{proof}\n{note}");
        let mut answer = agent.post(format!("http://{}/add-checkpoint", self.address)).send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// A policy that demands its cosignature.
    fn policy(&self) -> Policy {
        Policy::parse(&format!("log {}\nwitness W {}\nquorum W\n", Signer::log().public, self.key)).unwrap()
    }
}

#[test]
fn a_witness_cosigns_a_log_that_grows_and_refuses_a_fork() {
    let witness = Witness::new();
    assert!(witness.folder.path().join("db").exists());
    let (policy, mut old) = (witness.policy(), 0);
    for size in [1, 2, 7, 8, 255, 300, 300] {
        let book = Book::numbers(size);
        let mut note = book.note(&[&Signer::log()]);
        assert!(!judged(&policy, &note).unwrap().quorum, "nothing is cosigned yet");
        let (status, body) = witness.add(&book, old, &note);
        assert_eq!(status, 200, "{old} to {size}: {body}");
        Signature::parse_lines(&body).unwrap().into_iter().for_each(|signature| note.sign(signature));
        assert!(judged(&policy, &Note::parse(&note.to_string()).unwrap()).unwrap().quorum, "{size}");
        old = size;
    }
    let book = Book::numbers(301);
    let note = book.note(&[&Signer::log()]);
    assert_eq!(witness.add(&book, 8, &note), (409, "300\n".to_owned()), "it says which size it has");
    let mut fork = book.clone();
    fork.entries[5] = b"another history".to_vec();
    assert_eq!(witness.add(&fork, 300, &fork.note(&[&Signer::log()])).0, 422);
    assert_eq!(witness.add(&book, 300, &book.note(&[&Signer::witness(9)])).0, 403);
    assert_eq!(witness.add(&book, 300, &note).0, 200);
    // Its cosignature is of the one checkpoint only.
    let (_, body) = witness.add(&book, 301, &note);
    let mut other = Book::numbers(302).note(&[&Signer::log()]);
    Signature::parse_lines(&body).unwrap().into_iter().for_each(|signature| other.sign(signature));
    assert!(judged(&policy, &other).is_err());
}
