//! The units of what is measured.

use std::time::Duration;

/// So many of the same, and what they cost together.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub count: u32,
    /// CPU time of workerd.
    pub cpu: Duration,
    /// From the first to the last.
    pub time: Duration,
}

impl Spent {
    /// Adds what further ones cost.
    pub fn add(&mut self, more: Self) {
        self.count += more.count;
        self.cpu += more.cpu;
        self.time += more.time;
    }

    /// CPU milliseconds of each.
    pub fn cpu_each(&self) -> f64 {
        ms(self.cpu) / f64::from(self.count.max(1))
    }

    /// Milliseconds from one to the next.
    pub fn time_each(&self) -> f64 {
        ms(self.time) / f64::from(self.count.max(1))
    }
}

/// Milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// The value below which this share of the sorted values lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or_default()
}
