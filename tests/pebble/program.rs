//! The programs as processes, by their own names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use ureq::tls::TlsConfig;

/// Timeout far above all durations here, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// A running program; killed with the value.
pub struct Program {
    child: Child,
    /// The addresses that it wrote.
    pub addresses: Value,
}

impl Program {
    /// Starts the program of this name in a folder and waits for its addresses.
    pub fn start(folder: &Path, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let (program, file) = (link(folder, name), folder.join(format!("{name}.addresses")));
        let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(&program);
        command.args(arguments).arg("-addresses").arg(&file).envs(environment.iter().copied());
        command.env_remove("RUSTC_BOOTSTRAP").current_dir(folder).stdin(Stdio::null());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut program = Self { child, addresses: Value::Null };
        let said = || fs::read_to_string(folder.join(format!("{name}.log"))).unwrap();
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            if let Ok(text) = fs::read_to_string(&file) {
                program.addresses = serde_json::from_str(&text).unwrap();
                return program;
            }
            let ended = program.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended with {ended:?}: {}", said());
            std::thread::sleep(PAUSE);
        }
        panic!("{name} did not come up: {}", said());
    }

    /// The port of an address.
    pub fn port(&self, name: &str) -> u16 {
        let address = self.addresses[name].as_str().or(self.addresses[name][0].as_str()).unwrap();
        address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A link in this folder by which the companion is the program of this name.
pub fn link(folder: &Path, name: &str) -> PathBuf {
    let program = folder.join(name);
    if !program.exists() {
        symlink(env!("CARGO_BIN_EXE_selvedge"), &program).unwrap();
    }
    program
}

/// An answer: status, headers and body.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A client that checks no certificate.
pub fn agent() -> ureq::Agent {
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = ureq::Agent::config_builder().tls_config(tls).proxy(None).http_status_as_error(false);
    config.max_redirects(0).timeout_global(Some(PATIENCE)).build().into()
}

pub fn answered(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut answer = answer.unwrap();
    let body = answer.body_mut().read_to_vec().unwrap();
    Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body }
}
