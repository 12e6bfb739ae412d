//! What a process costs, by the word of the operating system (Linux's /proc).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A process that is watched.
#[derive(Clone, Copy)]
pub struct Process(pub u64);

impl Process {
    /// CPU time of all its threads so far, in user and kernel.
    pub fn cpu(self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0)).into_iter().flatten().flatten();
        Duration::from_nanos(tasks.filter_map(|task| spent(&task.path())).sum())
    }

    /// CPU time of its main thread so far.
    pub fn main_cpu(self) -> Duration {
        Duration::from_nanos(spent(&Path::new("/proc").join(format!("{0}/task/{0}", self.0))).unwrap_or(0))
    }

    /// The file that it runs.
    pub fn program(self) -> PathBuf {
        fs::read_link(format!("/proc/{}/exe", self.0)).unwrap()
    }

    /// The most memory that it held at once, in bytes.
    pub fn peak_memory(self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The memory that it holds now, in bytes.
    pub fn resident_memory(self) -> u64 {
        self.memory("VmRSS:")
    }

    fn memory(self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.unwrap_or(0) * 1024
    }
}

/// CPU time of a thread in nanoseconds, where `stat` counts in hundredths of a second.
fn spent(task: &Path) -> Option<u64> {
    fs::read_to_string(task.join("schedstat")).ok()?.split_whitespace().next()?.parse().ok()
}
