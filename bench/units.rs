//! The units of the figures.

use std::time::Duration;

/// A number of equal operations and their total cost.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub count: u32,
    /// CPU time of workerd.
    pub cpu: Duration,
    /// Wall time from the first to the last.
    pub time: Duration,
}

impl Spent {
    /// Adds further operations.
    pub fn add(&mut self, more: Self) {
        self.count += more.count;
        self.cpu += more.cpu;
        self.time += more.time;
    }

    /// CPU milliseconds per operation.
    pub fn cpu_each(&self) -> f64 {
        ms(self.cpu) / f64::from(self.count.max(1))
    }

    /// Wall milliseconds per operation.
    pub fn time_each(&self) -> f64 {
        ms(self.time) / f64::from(self.count.max(1))
    }
}

/// A duration in milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The percentile of sorted values, with `share` from 0 to 1.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or_default()
}
