//! The throw-away CA: its folder, its running `serve`, and commands for it.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use selvedge::pki::ceremony;
use selvedge::values::hex;
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use url::{Host, Url};

use crate::common::config_edit::ConfigEdit;
use crate::common::files::{Readers, Staged};
use crate::common::host;
use crate::common::shell::quoted;

/// How long `serve` may take to start, and a command to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long `serve` may take to stop before it is killed.
const STOPPING: Duration = Duration::from_secs(10);
/// Delay between two looks at a process.
const PAUSE: Duration = Duration::from_millis(50);
/// The root of the endpoint's certificate, in the folder.
pub const ROOT: &str = "endpoint-root.pem";
/// The settings.
pub const WRANGLER: &str = "wrangler.toml";
/// The file of everything that `serve` prints.
const LOG: &str = "serve.log";
/// The host of the URLs.
const HOST: &str = "127.0.0.1";

/// A folder below the temporary one, removed with the value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The throw-away CA.
pub struct Scene {
    serve: Option<Child>,
    folder: Folder,
    ports: [u16; 2],
    /// `BASE_URL` and `STATUS_URL`.
    urls: [String; 2],
    /// How long a command may take.
    pub patience: Duration,
    stopped: Arc<AtomicBool>,
    /// The commands of the present step.
    did: Vec<String>,
    /// The secrets of the Worker that have a file in the folder.
    secrets: BTreeSet<&'static str>,
    /// The name of the admin token in use.
    pub token: &'static str,
}

impl Scene {
    /// An empty folder with settings, a passphrase, and a certificate for https at this machine.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn new() -> Result<Self> {
        let ports = free_ports()?;
        let [main, status] = ports;
        Self::with(ports, [format!("https://{HOST}:{main}"), format!("http://{HOST}:{status}")])
    }

    /// The same with the URLs of another CA. Only commands of this value reach it by them.
    ///
    /// # Errors
    /// As [`Scene::new`].
    pub fn at(base: &str, status: &str) -> Result<Self> {
        Self::with(free_ports()?, [base.trim_end_matches('/').to_owned(), status.trim_end_matches('/').to_owned()])
    }

    fn with(ports: [u16; 2], urls: [String; 2]) -> Result<Self> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&stopped)).context("cannot watch for Ctrl-C")?;
        }
        let name = format!("selvedge-rehearsal-{}", hex::encode(&host::random::<8>()?));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let folder = Folder(path);
        let scene = Self {
            serve: None,
            folder,
            ports,
            urls,
            patience: PATIENCE,
            stopped,
            did: Vec::new(),
            secrets: BTreeSet::new(),
            token: "operator",
        };
        scene.write("passphrase", &hex::encode(&host::random::<16>()?))?;
        let now = host::now()?;
        let root = ceremony::create_root("Rehearsal's endpoint (NOT TRUSTED)", now, 1)?;
        let (mut names, mut addresses) = (vec!["localhost".to_owned()], vec![HOST.parse()?]);
        match scene.url()?.host() {
            Some(Host::Domain(name)) => names.push(name.to_owned()),
            Some(Host::Ipv4(address)) => addresses.push(address.into()),
            Some(Host::Ipv6(address)) => addresses.push(address.into()),
            None => {}
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let leaf = ceremony::create_server_leaf(&root, &names, &addresses, now, 1)?;
        for (name, text) in
            [(ROOT, &root.certificate), ("endpoint.pem", &leaf.certificate), ("endpoint.key", &leaf.key)]
        {
            scene.write(name, text)?;
        }
        Ok(scene)
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// `BASE_URL`.
    pub fn base(&self) -> String {
        let [base, _] = &self.urls;
        base.clone()
    }

    /// `STATUS_URL`.
    pub fn status(&self) -> String {
        let [_, status] = &self.urls;
        status.clone()
    }

    /// The URL for clients.
    ///
    /// # Errors
    /// When it cannot be read, which does not happen.
    pub fn url(&self) -> Result<Url> {
        Url::parse(&self.base()).context("the URL cannot be read")
    }

    /// Writes a file that only its owner reads.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        Staged::write(&self.path(name), text, Readers::Owner)?.commit()
    }

    /// Sets settings in a file like wrangler.toml.
    ///
    /// # Errors
    /// When it cannot be changed.
    pub fn set(&self, file: &str, settings: &[(&str, &str)]) -> Result<()> {
        let mut edit = ConfigEdit::read(&self.path(file))?;
        for (name, text) in settings {
            edit.set(name, text, "Of the rehearsal.")?;
        }
        edit.stage()?.commit()
    }

    /// Adds a line to what the present step did.
    pub fn note(&mut self, line: impl Into<String>) {
        self.did.push(line.into());
    }

    /// Takes what the present step did.
    pub fn did(&mut self) -> Vec<String> {
        std::mem::take(&mut self.did)
    }

    /// Sets a secret of the Worker, for the next start.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn secret(&mut self, name: &'static str, text: &str) -> Result<()> {
        self.write(name, text)?;
        self.secrets.insert(name);
        Ok(())
    }

    /// Runs a command of the companion in the folder; returns its output.
    ///
    /// # Errors
    /// When it fails, with its own words; when a signal asks to stop.
    pub fn run(&mut self, arguments: &[&str]) -> Result<String> {
        let shown: Vec<String> = arguments.iter().map(|argument| quoted(Path::new(argument)).to_string()).collect();
        self.did.push(format!("selvedge {}", shown.join(" ")));
        self.checked(|| bail!("stopped"), true)?;
        let (out, err) = (self.path("out"), self.path("err"));
        let mut command = companion()?;
        command.args(arguments).current_dir(&self.folder.0);
        let mut child = command.stdout(fs::File::create(&out)?).stderr(fs::File::create(&err)?).spawn()?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if self.is_stopped() || began.elapsed() > self.patience {
                let _ = child.kill();
                let _ = child.wait();
                bail!("`selvedge {}` was stopped", arguments.join(" "));
            }
            sleep(PAUSE);
        };
        let (said, why) = (fs::read_to_string(out)?, fs::read_to_string(err)?);
        if !status.success() {
            bail!("`selvedge {}` failed ({status}): {}", arguments.join(" "), why.trim());
        }
        Ok(format!("{said}{why}"))
    }

    /// Runs an operator's command at the running CA.
    ///
    /// # Errors
    /// As [`Scene::run`].
    pub fn operate(&mut self, arguments: &[&str]) -> Result<String> {
        let base = self.base();
        let [port, _] = self.ports;
        let address = format!("{HOST}:{port}");
        let at = ["--url", &base, "--connect", &address, "--root", ROOT];
        let said = self.run(&[arguments, &at, &["--token-file", "ca/admin.tokens", "--as", self.token]].concat());
        // The options of the rehearsal's own CA would hide the command.
        if let Some(last) = self.did.last_mut() {
            let shown: Vec<String> = arguments.iter().map(|one| quoted(Path::new(one)).to_string()).collect();
            *last = format!("selvedge {}", shown.join(" "));
        }
        said
    }

    /// Starts `serve` in a folder and waits until clients are served.
    ///
    /// # Errors
    /// When it ends before, with its own words.
    pub fn start(&mut self, folder: &str) -> Result<()> {
        let dir = self.path(folder);
        let [main, status] = self.ports.map(|port| format!("{HOST}:{port}"));
        let log = || fs::File::options().create(true).append(true).open(self.path(LOG));
        let mut command = companion()?;
        command.args(["serve", "--listen", &main, "--status-listen", &status]);
        command.arg("--tls-cert").arg(self.path("endpoint.pem")).arg("--tls-key").arg(self.path("endpoint.key"));
        for name in &self.secrets {
            command.arg("--secret").arg(format!("{name}={}", self.path(name).display()));
        }
        let child = command.current_dir(&dir).stdout(log()?).stderr(log()?).spawn().context("cannot start `serve`")?;
        let pid = child.id();
        self.serve = Some(child);
        self.did.push("selvedge serve".to_owned());
        let began = Instant::now();
        loop {
            let facts: Value = fs::read(dir.join("state/serve.json"))
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
            if facts.get("pid").and_then(Value::as_u64) == Some(pid.into())
                && facts.get("serves") == Some(&Value::Bool(true))
            {
                return Ok(());
            }
            let ended = self.serve.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || self.is_stopped() || began.elapsed() > PATIENCE {
                self.stop();
                let log = fs::read_to_string(self.path(LOG)).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                bail!("`serve` did not start: {}", last.into_iter().rev().collect::<Vec<_>>().join("; "));
            }
            sleep(PAUSE);
        }
    }

    /// Stops `serve`, and workerd with it.
    pub fn stop(&mut self) {
        let Some(mut child) = self.serve.take() else { return };
        let _ = kill_process(Pid::from_child(&child), Signal::TERM);
        let began = Instant::now();
        while !matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            if began.elapsed() > STOPPING {
                let _ = child.kill();
                let _ = child.wait();
                return;
            }
            sleep(PAUSE);
        }
    }

    /// Stops and starts it, so that changed settings and keys are in force.
    ///
    /// # Errors
    /// As [`Scene::start`].
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        self.start("")
    }

    /// Whether a signal asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Looks until something is there.
    ///
    /// # Errors
    /// When it does not come, or a signal asks to stop.
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            if began.elapsed() > PATIENCE {
                bail!("{what} did not come within {} s", PATIENCE.as_secs());
            }
            self.checked(|| bail!("stopped"), ())?;
            sleep(PAUSE);
        }
    }

    /// The value, unless a signal asked to stop.
    fn checked<T>(&self, stopped: impl FnOnce() -> Result<T>, value: T) -> Result<T> {
        if self.is_stopped() { stopped() } else { Ok(value) }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop();
    }
}

/// This program, without the variables that select another CA.
fn companion() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").stdin(Stdio::null());
    Ok(command)
}

/// Two ports that are free at present.
fn free_ports() -> Result<[u16; 2]> {
    let [one, other] = [TcpListener::bind((HOST, 0))?, TcpListener::bind((HOST, 0))?];
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}
