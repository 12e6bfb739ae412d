//! A long step of the set-up: logs the output of a program and shows progress.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, IsTerminal, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::interrupt;
use crate::common::host::say;

/// How often a running step is polled.
const TICK: Duration = Duration::from_millis(100);
/// How often progress is printed without a terminal.
const QUIET_REPORT: Duration = Duration::from_secs(15);
/// Number of the log's last lines shown on failure: a compiler's first error usually fits.
const TAIL_LINES: usize = 40;

/// A step to run.
#[derive(Default)]
pub struct Step {
    /// The action, to print before "failed": "compiling cargo-deny 0.20.2".
    pub what: String,
    /// The reason and the approximate duration.
    pub why: String,
    /// The log file.
    pub log: PathBuf,
    /// The timeout.
    pub limit: Option<Duration>,
    /// Whether an alternative exists, so that a failure does not show the log.
    pub optional: bool,
    /// The host it needs, for the message about a failure: "crates.io".
    pub reaches: Option<&'static str>,
}

impl Step {
    /// Runs the program with its output in the log; shows the log's end on failure.
    ///
    /// # Errors
    /// When the program cannot be started, fails, or exceeds the limit, and when a signal asks to stop.
    pub fn run(&self, command: &mut Command) -> Result<()> {
        interrupt::watch()?;
        say(format!("{} ({})", self.what, self.why));
        let began = Instant::now();
        let mut child = self.start(command)?;
        let ended = self.watch(&mut child, began);
        if ended.is_err() {
            stop_group(&mut child);
        }
        let status = ended?;
        if status.success() {
            say(format!("done in {} s", began.elapsed().as_secs()));
            return Ok(());
        }
        if self.optional {
            bail!("{} failed ({status}; its output is in {})", self.what, self.log.display());
        }
        for line in tail(&self.log) {
            show(&format!("  | {line}\n"));
        }
        let reaches = self.reaches.map_or(String::new(), |host| format!("; check that {host} can be reached"));
        let (what, log) = (&self.what, self.log.display());
        bail!("{what} failed ({status}): the end of its output is above, all of it in {log}{reaches}");
    }

    fn start(&self, command: &mut Command) -> Result<Child> {
        if let Some(folder) = self.log.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
        }
        let log = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let program = command.get_program().to_string_lossy().into_owned();
        // A backtrace would not help the reader of this log.
        command.env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        command.spawn().with_context(|| format!("{}: cannot start {program}", self.what))
    }

    /// Waits for the exit and shows progress.
    fn watch(&self, child: &mut Child, began: Instant) -> Result<ExitStatus> {
        let mut progress = Progress::new(&self.log, began);
        loop {
            if let Some(status) = child.try_wait()? {
                progress.erase();
                return Ok(status);
            }
            if interrupt::requested() {
                progress.erase();
                bail!("stopped while {}", self.what);
            }
            if self.limit.is_some_and(|limit| began.elapsed() > limit) {
                progress.erase();
                bail!("{} timed out after {} s", self.what, began.elapsed().as_secs());
            }
            progress.show();
            std::thread::sleep(TICK);
        }
    }
}

/// Writes to the terminal; a closed one is ignored.
fn show(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Kills the program and its children.
fn stop_group(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have exited already.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

/// The progress line of a step.
struct Progress<'a> {
    log: &'a Path,
    began: Instant,
    last: Instant,
    terminal: bool,
}

impl<'a> Progress<'a> {
    fn new(log: &'a Path, began: Instant) -> Self {
        Self { log, began, last: began, terminal: std::io::stderr().is_terminal() }
    }

    fn show(&mut self) {
        let pause = if self.terminal { Duration::from_secs(1) } else { QUIET_REPORT };
        if self.last.elapsed() < pause {
            return;
        }
        self.last = Instant::now();
        let seconds = self.began.elapsed().as_secs();
        let now: String = tail(self.log).pop().unwrap_or_default().trim().chars().take(60).collect();
        if self.terminal {
            show(&format!("\r\x1b[K  {seconds} s  {now}"));
        } else {
            show(&format!("  {seconds} s  {now}\n"));
        }
    }

    fn erase(&self) {
        if self.terminal {
            show("\r\x1b[K");
        }
    }
}

/// The last non-empty lines of a log, oldest first.
fn tail(log: &Path) -> Vec<String> {
    const BYTES: u64 = 16 * 1024;
    let Ok(mut file) = File::open(log) else { return Vec::new() };
    let length = file.metadata().map_or(0, |about| about.len());
    if file.seek(SeekFrom::Start(length.saturating_sub(BYTES))).is_err() {
        return Vec::new();
    }
    let mut last = VecDeque::new();
    // Invalid UTF-8 (a cut character at the start) is replaced.
    for line in BufReader::new(file.take(BYTES)).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if line.is_empty() {
            continue;
        }
        if last.len() == TAIL_LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    last.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(folder: &Path, limit: Option<Duration>) -> Step {
        Step { what: "trying".into(), why: "a test".into(), log: folder.join("logs/try.log"), limit, ..Step::default() }
    }

    #[test]
    fn output_goes_to_the_log_and_a_failure_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let step = step(folder.path(), None);
        step.run(Command::new("sh").args(["-c", "echo out; echo err >&2"])).unwrap();
        assert_eq!(tail(&step.log), ["out", "err"]);

        let error = step.run(Command::new("sh").args(["-c", "echo no; exit 3"])).unwrap_err().to_string();
        assert!(error.contains("trying failed (exit status: 3)") && error.contains("try.log"), "{error}");
    }

    #[test]
    fn missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = step(folder.path(), None).run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(format!("{error:#}").contains("cannot start no-such-program-here"), "{error:#}");
    }

    #[test]
    fn past_its_limit_the_program_and_its_children_are_ended() {
        let folder = tempfile::tempdir().unwrap();
        let step = step(folder.path(), Some(Duration::from_millis(200)));
        let began = Instant::now();
        let error = step.run(Command::new("sh").args(["-c", "sleep 60 & echo $!; wait"])).unwrap_err().to_string();
        assert!(error.contains("timed out after"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(20));
        let child: i32 = tail(&step.log).remove(0).parse().unwrap();
        assert!(is_gone(child), "the child still runs");
    }

    /// Waits for a process to end; its new parent may not have reaped it yet.
    fn is_gone(process: i32) -> bool {
        let process = rustix::process::Pid::from_raw(process).unwrap();
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            let state = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
            rustix::process::test_kill_process(process).is_err() || state.contains(") Z ")
        })
    }

    #[test]
    fn tail_keeps_the_last_lines_only() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let text: String = (0..5000).map(|n| format!("line {n}\n\n")).collect();
        fs::write(&log, text).unwrap();
        let lines = tail(&log);
        assert_eq!(lines.len(), TAIL_LINES);
        assert_eq!(lines.last().unwrap(), "line 4999");
        assert!(tail(&folder.path().join("none")).is_empty());
    }
}
