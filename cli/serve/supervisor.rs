//! workerd's keeper: starts it, waits until it answers, and starts it again whenever it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Error, Result};
use tokio::sync::{Notify, watch};

use super::door::DoorKey;
use super::published::Published;
use crate::common::host::say;
use crate::runtime::ready;
use crate::runtime::workerd::{Listeners, Output, Workerd};

/// Delays before a workerd that ended is started again.
const DELAY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A workerd that ran so long ended by chance, not by its settings.
const STEADY: Duration = Duration::from_secs(10);

/// The keeper of one workerd at a time.
pub struct Supervisor<'a> {
    /// The program.
    pub program: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
    /// What it inherits.
    pub listeners: Listeners,
    /// Its lines.
    pub output: Arc<Output>,
    /// The directory's URL.
    pub directory: String,
    /// The way by which it is asked whether it answers.
    pub door: DoorKey,
    /// The published facts.
    pub published: &'a Published<'a>,
    /// Whether the first one answered.
    pub up: watch::Sender<bool>,
    /// Asks for a new one, with the configuration as it is then.
    pub restart: Notify,
}

/// Why a workerd is not there any more.
enum End {
    /// It ended, or did not answer.
    Failed(Error),
    /// A new one is asked for.
    Restart,
}

impl Supervisor<'_> {
    /// Keeps workerd running. `slot` has the present one, so that it can be stopped.
    ///
    /// # Errors
    /// When the first one does not answer: its settings or the machine are at fault.
    pub async fn keep(&self, slot: &mut Option<Workerd>) -> Result<()> {
        let mut delay = DELAY.0;
        loop {
            let began = Instant::now();
            let end = self.run(slot).await;
            if let Some(workerd) = slot.take() {
                // Meanwhile requests wait.
                workerd.drain().await;
            }
            let error = match end {
                End::Restart => {
                    say("workerd starts again, as asked");
                    delay = DELAY.0;
                    continue;
                }
                End::Failed(error) if !*self.up.borrow() => return Err(error),
                End::Failed(error) => error,
            };
            if began.elapsed() >= STEADY {
                delay = DELAY.0;
            }
            say(format!("{error:#}\nstarting workerd again in {} ms", delay.as_millis()));
            tokio::time::sleep(delay).await;
            delay = delay.saturating_mul(2).min(DELAY.1);
        }
    }

    /// One workerd from its start to its end.
    async fn run(&self, slot: &mut Option<Workerd>) -> End {
        let started = Workerd::start(&self.program, &self.config, &self.listeners, Arc::clone(&self.output));
        let workerd = match started {
            Ok(workerd) => slot.insert(workerd),
            Err(error) => return End::Failed(error),
        };
        let pid = workerd.pid();
        tokio::select! {
            // Its exit explains more than the broken connection.
            biased;
            error = workerd.ended() => return End::Failed(error),
            up = ready::wait(&self.directory, self.door.address, &self.door.root) => {
                if let Err(error) = up {
                    return End::Failed(error);
                }
            }
        }
        self.published.update(|facts| facts.workerd_pid = pid);
        self.up.send_replace(true);
        tokio::select! {
            biased;
            error = workerd.ended() => End::Failed(error),
            () = self.restart.notified() => End::Restart,
        }
    }
}
