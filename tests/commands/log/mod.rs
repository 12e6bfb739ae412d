//! `log` over folders and doubles of a CA. The logs are whole, forked, shorter or changed.

mod audit;
mod network;
mod policy;
mod proof;
mod verify;
mod walk;

use crate::transparency::{Book, Signer};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder with a log and what commands read and write beside it.
struct Place {
    dir: tempfile::TempDir,
}

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    /// The kinds of its alarms in JSON.
    fn alarms(&self) -> Vec<String> {
        let report = self.json();
        report["alarms"].as_array().unwrap().iter().map(|alarm| alarm["kind"].as_str().unwrap().to_owned()).collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}: {}{}", self.code, self.out, self.err))
    }
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A place with this log in the folder `log`, signed by the log alone.
    fn with(book: &Book) -> Self {
        let place = Self::new();
        place.put(book);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Replaces the log.
    fn put(&self, book: &Book) {
        let _ = fs::remove_dir_all(self.path("log"));
        book.write(&self.path("log"), &[&Signer::log()]);
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Changes a file of the log.
    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path("log").join(path);
        let mut octets = fs::read(&path).unwrap();
        change(&mut octets);
        fs::write(path, octets).unwrap();
    }

    /// Runs `selvedge log`.
    fn run(&self, arguments: &[&str]) -> Ended {
        run(self.dir.path(), arguments)
    }

    /// Runs a check of the folder `log` with the log's key, and JSON.
    fn check(&self, command: &str, more: &[&str]) -> Ended {
        let key = Signer::log().public.to_string();
        self.run(&[&[command, "log", "--key", &key, "--json"], more].concat())
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.arg("log").args(arguments).current_dir(folder).env_remove("SSL_CERT_FILE");
    let ended = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}
