//! A `dev` on real workerd, with a free port and its own state folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running `dev`; ended with the value.
pub struct Dev {
    child: Child,
    /// The content of its `dev.json`.
    pub running: Value,
}

impl Dev {
    /// Starts `dev` in a folder and waits until it is up.
    ///
    /// Its output is appended to `log`.
    pub fn start(mut companion: Command, folder: &Path, log: &Path, arguments: &[&str]) -> Self {
        let append = || File::options().create(true).append(true).open(log).unwrap();
        companion.args(["dev", "--listen", "127.0.0.1:0", "--state", "state"]).args(arguments);
        companion.stdin(Stdio::null()).stdout(append()).stderr(append());
        let mut dev = Self { child: companion.current_dir(folder).spawn().unwrap(), running: Value::Null };
        let (file, began) = (folder.join("state/dev.json"), Instant::now());
        while dev.running.is_null() {
            let ended = dev.child.try_wait().unwrap();
            assert!(ended.is_none() && began.elapsed() < PATIENCE, "{ended:?}: {}", fs::read_to_string(log).unwrap());
            std::thread::sleep(Duration::from_millis(20));
            dev.running = fs::read(&file).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        }
        dev
    }

    pub fn get(&self, url: &str) -> Value {
        let root = fs::read(self.running["root"].as_str().map(PathBuf::from).unwrap()).unwrap();
        let roots = RootCerts::new_with_certs(&[Certificate::from_pem(&root).unwrap()]);
        let config = ureq::Agent::config_builder().proxy(None).timeout_global(Some(PATIENCE));
        let agent: ureq::Agent = config.tls_config(TlsConfig::builder().root_certs(roots).build()).build().into();
        serde_json::from_slice(&agent.get(url).call().unwrap().body_mut().read_to_vec().unwrap()).unwrap()
    }

    /// A process of its `dev.json`.
    fn process(&self, name: &str) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.running[name].as_i64()?).ok()?)
    }

    /// Asks it to stop, and waits.
    pub fn stop(mut self) {
        // Not to the child: npx ends at that without the companion.
        kill_process(self.process("pid").unwrap(), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // Without `setpriv` on the PATH workerd outlives a killed companion.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for process in ["pid", "workerd_pid"].into_iter().filter_map(|name| self.process(name)) {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}
