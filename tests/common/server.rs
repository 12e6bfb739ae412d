//! A CA started as a user starts it: `dev` with the real wasm on workerd.

use super::companion::companion;
use super::turns;
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// A running `dev`. Ended, with its workerd, when dropped.
pub struct Server {
    child: Child,
    /// Its state folder.
    pub state: PathBuf,
    /// What it wrote to `dev.json`.
    pub facts: Value,
    /// Where it validates http-01.
    pub http01: u16,
    /// Where it validates tls-alpn-01.
    pub tls_alpn: u16,
    arguments: Vec<String>,
}

/// A free port outside the range of outgoing connections, which starts at 32768.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Each test process begins elsewhere.
    let first = std::process::id().wrapping_mul(97) % 20_000;
    loop {
        let port = 10_000 + (first as u16 + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A free port with two more free ones after it, for `dev`.
///
/// They are its own, its management's, and that of plain http, which is bound a moment later. The system gives none of
/// them to outgoing connections, and [`free_port`] gives none of them.
fn server_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id().wrapping_mul(97) % 2_600;
    loop {
        let port = 30_000 + (first as u16 + 4 * NEXT.fetch_add(1, Ordering::Relaxed)) % 2_600;
        if (port..port + 3).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return port;
        }
    }
}

impl Server {
    /// Starts `dev` with this state folder, at a free port or its previous one.
    pub fn start(state: &Path, listen: u16) -> Self {
        Self::start_with(state, listen, &[])
    }

    /// As [`Server::start`], with these options of `dev` too.
    pub fn start_with(state: &Path, listen: u16, arguments: &[&str]) -> Self {
        turns::beside_others();
        let (http01, tls_alpn) = (free_port(), free_port());
        let listen = if listen == 0 { server_port() } else { listen };
        let log = std::fs::File::options().create(true).append(true).open(state.join("dev.log")).unwrap();
        let child = companion()
            .args(["dev", "--listen", &format!("127.0.0.1:{listen}"), "--http01-port", &http01.to_string()])
            .args(["--tls-alpn-port", &tls_alpn.to_string()])
            .args(arguments)
            .arg("--state")
            .arg(state.join("ca"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { child, state: state.to_owned(), facts: Value::Null, http01, tls_alpn, arguments };
        server.wait();
        server
    }

    /// `dev.json` appears when the directory answers. On a fresh machine all tools are fetched and built before that.
    fn wait(&mut self) {
        let file = self.state.join("ca/dev.json");
        for _ in 0..36_000 {
            if let Ok(text) = std::fs::read_to_string(&file) {
                self.facts = serde_json::from_str(&text).unwrap();
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("dev ended with {status}:\n{}", self.log());
            }
            sleep(Duration::from_millis(50));
        }
        panic!("dev did not come up in half an hour:\n{}", self.log());
    }

    /// What it printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.join("dev.log")).unwrap_or_default()
    }

    /// One of the texts in `dev.json`.
    pub fn fact(&self, name: &str) -> &str {
        self.facts[name].as_str().unwrap()
    }

    /// The port of the directory.
    pub fn port(&self) -> u16 {
        let directory = self.fact("directory");
        directory.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
    }

    /// Kills workerd like a power cut, waits until `dev` notices, and restarts.
    pub fn crash(self) -> Self {
        signal("KILL", self.facts["workerd_pid"].as_u64().unwrap());
        self.restart()
    }

    /// Starts with these options of `dev` too, from the next start on.
    pub fn add_arguments(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    }

    /// Stops it as a user does and starts it again.
    pub fn restart(self) -> Self {
        self.restart_after(|_| ())
    }

    /// As [`Server::restart`], with something done to its state folder in between.
    pub fn restart_after(self, change: impl FnOnce(&Path)) -> Self {
        let (state, port, arguments) = (self.state.clone(), self.port(), self.arguments.clone());
        drop(self);
        change(&state);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Self::start_with(&state, port, &arguments)
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, pid: u64) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child, &self.facts);
        super::leaks::list(&self.state);
        let leaks = super::leaks::search(&self.state, &self.arguments);
        if std::thread::panicking() {
            leaks.iter().for_each(|leak| eprintln!("{leak}"));
        } else {
            assert!(leaks.is_empty(), "S-04: {leaks:?}");
        }
    }
}

/// Ends a companion as a user does. After ten seconds both it and its workerd are killed.
pub fn end(child: &mut Child, facts: &Value) {
    signal("TERM", u64::from(child.id()));
    for _ in 0..200 {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    if let Some(pid) = facts["workerd_pid"].as_u64() {
        signal("KILL", pid);
    }
    let _ = child.kill();
    let _ = child.wait();
}
