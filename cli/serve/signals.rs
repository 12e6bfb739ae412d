//! The signals of a service.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM and SIGINT: answer open requests, then end.
    Stop,
    /// SIGHUP: read settings and keys again, with a new workerd.
    Restart,
    /// SIGUSR1: open the log file again.
    Reopen,
}

/// The handlers. They are installed before anything is started.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    /// Installs the handlers, so that the signals no longer end the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn watch() -> Result<Self> {
        let watch = |kind| signal(kind).context("cannot watch for signals");
        Ok(Self {
            interrupt: watch(SignalKind::interrupt())?,
            terminate: watch(SignalKind::terminate())?,
            hangup: watch(SignalKind::hangup())?,
            user: watch(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Restart,
            _ = self.user.recv() => Asked::Reopen,
        }
    }
}
