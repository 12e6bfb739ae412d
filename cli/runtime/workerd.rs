//! The workerd process: inherits the listening sockets, its output is logged, it ends with us.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::capnp::{PLAIN, SOCKET};

/// Number of last lines kept to explain its exit.
const LAST_LINES: usize = 12;
/// Longest excerpt of a line, in characters; the log file has all of it.
const MAX_EXCERPT: usize = 2000;
/// Timeout of a graceful stop before it is killed.
///
/// Killing loses no answered request: workerd answers only after the write is on the disk.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// The same where another process follows, so that clients do not notice.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long after its exit output may still arrive.
const OUTPUT_TIMEOUT: Duration = Duration::from_millis(500);

/// A running workerd.
pub struct Workerd {
    child: Child,
    pid: Option<u32>,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

/// The sockets that it serves. They stay open when it exits: new connections wait for the next process.
#[derive(Debug)]
pub struct Listeners {
    /// The CA's socket.
    pub main: OwnedFd,
    /// The socket of plain HTTP.
    pub plain: Option<OwnedFd>,
    /// The lock of the state folder, if there is one. It is free only after workerd's end too.
    pub lock: Option<OwnedFd>,
}

/// The output of workerd.
#[derive(Debug)]
pub struct Output {
    sink: Mutex<Sink>,
    last: Mutex<VecDeque<String>>,
    forwarded: AtomicBool,
}

/// The destination of its lines.
#[derive(Debug)]
enum Sink {
    /// A log file; errors are forwarded to the terminal too.
    File(File),
    /// Our own output, each stream to its like.
    Own,
}

impl Workerd {
    /// Starts `program` with the configuration, listening on `listeners`.
    ///
    /// It stays in our process group, and on Linux the kernel kills it when the thread that called this ends,
    /// so call it from a thread that lives as long as the program.
    ///
    /// # Errors
    /// When it cannot be started, or its log not be written.
    pub fn start(program: &Path, config: &Path, listeners: &Listeners, output: Arc<Output>) -> Result<Self> {
        let mut command = command(program);
        command.arg("serve").args(["--import-path", "/"]).arg("--socket-fd").arg(format!("{SOCKET}=0"));
        // The sockets are inherited open, the first as standard input: no port is lost in between, and connections wait
        // until workerd is ready.
        command.stdin(Stdio::from(listeners.main.try_clone().context("cannot hand over the socket")?));
        let lock = listeners.lock.as_ref().map(inherited).transpose().context("cannot hand over the lock")?;
        let plain =
            listeners.plain.as_ref().map(inherited).transpose().context("cannot hand over the second socket")?;
        if let Some(plain) = &plain {
            command.arg("--socket-fd").arg(format!("{PLAIN}={}", plain.as_raw_fd()));
        }
        command.arg(config);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        // Later processes do not inherit them.
        drop((plain, lock));
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(tokio::spawn(read_lines(stdout, Arc::clone(&output), false)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(tokio::spawn(read_lines(stderr, Arc::clone(&output), true)));
        }
        Ok(Self { pid: child.id(), child, output, readers })
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Waits for its exit; returns the reason from its output.
    pub async fn ended(&mut self) -> Error {
        let status = match self.child.wait().await {
            Ok(status) => status,
            Err(error) => return Error::from(error).context("cannot wait for workerd"),
        };
        for reader in self.readers.drain(..) {
            let _ = tokio::time::timeout(OUTPUT_TIMEOUT, reader).await;
        }
        let last = self.output.last();
        if last.is_empty() {
            return anyhow!("workerd exited ({}) without output", ending(status));
        }
        anyhow!("workerd exited ({}); its last output:\n  {}", ending(status), last.join("\n  "))
    }

    /// Stops it gracefully, or kills it after a timeout.
    pub async fn stop(self) {
        self.end(STOP_TIMEOUT).await;
    }

    /// As [`Workerd::stop`], with time to answer open requests.
    pub async fn drain(self) {
        self.end(DRAIN_TIMEOUT).await;
    }

    async fn end(mut self, grace: Duration) {
        let pid = self.pid.and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
        // After the wait its pid may be reused.
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// A copy of a file or socket that the next process inherits.
fn inherited(open: &OwnedFd) -> std::io::Result<OwnedFd> {
    let copy = open.try_clone()?;
    rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty())?;
    Ok(copy)
}

/// The command that runs `program`, and kills it with us where supported.
fn command(program: &Path) -> Command {
    match setpriv() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

/// util-linux's `setpriv` with --pdeathsig, which BusyBox's lacks.
fn setpriv() -> Option<PathBuf> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join("setpriv")).find(|file| file.is_file())?;
    let help = std::process::Command::new(&found).arg("--help").stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&help.stdout).contains("--pdeathsig").then_some(found)
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

impl Output {
    /// Opens a new log; keeps that of the previous run beside it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn open(log: &Path) -> Result<Self> {
        let mut before = log.as_os_str().to_owned();
        before.push(".old");
        // Missing at the first start; a log that cannot be moved is overwritten.
        let _ = fs::rename(log, before);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        Ok(Self { sink: Mutex::new(Sink::File(file)), last: Mutex::default(), forwarded: AtomicBool::new(false) })
    }

    /// Writes to our own output, for a service whose lines are collected.
    pub fn own() -> Self {
        Self { sink: Mutex::new(Sink::Own), last: Mutex::default(), forwarded: AtomicBool::new(false) }
    }

    /// Forwards errors to the terminal from now on.
    pub fn forward_output(&self) {
        self.forwarded.store(true, Ordering::Relaxed);
    }

    /// Whether the last lines report a damaged database.
    pub fn found_damage(&self) -> bool {
        self.last().iter().any(|line| reports_damage(line))
    }

    fn take(&self, line: &str, is_error: bool) {
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not stop the server. One write for each line, so that lines do not mix.
        let whole = format!("{line}\n");
        let _ = match &mut *sink {
            Sink::File(file) => file.write_all(whole.as_bytes()),
            Sink::Own if is_error => std::io::stderr().write_all(whole.as_bytes()),
            Sink::Own => std::io::stdout().write_all(whole.as_bytes()),
        };
        drop(sink);
        let shown: String = line.chars().take(MAX_EXCERPT).collect();
        if is_error && self.forwarded.load(Ordering::Relaxed) && is_error_line(&shown) {
            let _ = writeln!(std::io::stderr(), "workerd: {shown}");
        }
        if is_event(line) {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(shown);
    }

    fn last(&self) -> Vec<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

async fn read_lines(from: impl AsyncRead + Unpin, output: Arc<Output>, is_error: bool) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        output.take(String::from_utf8_lossy(&line).trim_end(), is_error);
        line.clear();
    }
}

/// Whether a line of workerd's standard error is an error.
///
/// Warnings, infos and stack addresses are not errors.
fn is_error_line(line: &str) -> bool {
    !(line.trim().is_empty() || line.starts_with("stack:") || line.contains(": warning: ") || line.contains(": info: "))
}

/// Whether a line is a request log of the CA. It does not explain an exit.
fn is_event(line: &str) -> bool {
    line.starts_with("{\"event\":\"")
}

/// Whether a line reports a damaged SQLite file.
fn reports_damage(line: &str) -> bool {
    line.contains("SQLITE_NOTADB") || line.contains("SQLITE_CORRUPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_are_logged_but_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("workerd.log");
        let output = Output::open(&log).unwrap();
        output.take("SQLITE_CORRUPT: what ended it", true);
        let line = r#"{"event":"request","at":"2026-11-24T12:00:00Z","status":200}"#;
        (0..2 * LAST_LINES).for_each(|_| output.take(line, false));
        assert_eq!(output.last(), ["SQLITE_CORRUPT: what ended it"]);
        assert_eq!(fs::read_to_string(&log).unwrap().matches(line).count(), 2 * LAST_LINES);
    }

    #[test]
    fn errors_are_distinguished_from_warnings() {
        assert!(is_error_line("workerd/server/x.rs:372: error: Uncaught exception: boo"));
        assert!(is_error_line("*** Uncaught exception ***"));
        assert!(!is_error_line("workerd/server/worker.rs:468: warning: A DurableObjectNamespace"));
        assert!(!is_error_line("stack: workerd@2b5edc0 workerd@3fe4230"));
        assert!(!is_error_line("  "));
    }
}
