//! Processes of a test with their descendants, found in /proc and ended by id.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// A process. An id is given away again some day, so there is the start time too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: u32,
    parent: u32,
    started: u64,
}

impl Process {
    /// The process with this id; zombies are skipped.
    fn read(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let (state, parent, started) = (fields.first()?, fields.get(1)?, fields.get(19)?);
        let ended = matches!(*state, "Z" | "X");
        (!ended).then_some(Self { id, parent: parent.parse().ok()?, started: started.parse().ok()? })
    }

    /// Whether it runs still.
    pub fn runs(&self) -> bool {
        Self::read(self.id).is_some_and(|process| process.started == self.started)
    }
}

/// The process with this id and those below it.
pub fn tree(root: u32) -> Vec<Process> {
    let all = all();
    let mut found: Vec<Process> = all.iter().filter(|process| process.id == root).cloned().collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.id) {
        found.extend(all.iter().filter(|process| process.parent == parent).cloned());
        next += 1;
    }
    found
}

/// The processes with this folder in their arguments, including Chromium's detached crash handlers.
pub fn naming(folder: &Path) -> Vec<Process> {
    let folder = folder.as_os_str().as_bytes();
    let names = |process: &Process| {
        let words = fs::read(format!("/proc/{}/cmdline", process.id)).unwrap_or_default();
        words.windows(folder.len()).any(|part| part == folder)
    };
    all().into_iter().filter(names).collect()
}

fn all() -> Vec<Process> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    ids.filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Kills those that still run, and waits until they are gone.
pub fn end(processes: &[Process]) {
    for process in processes.iter().filter(|process| process.runs()) {
        if let Some(id) = i32::try_from(process.id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, Signal::KILL);
        }
    }
    for _ in 0..200 {
        if !processes.iter().any(Process::runs) {
            return;
        }
        sleep(Duration::from_millis(25));
    }
}
