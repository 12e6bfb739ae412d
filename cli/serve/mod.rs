//! `serve`: a CA in production on this machine's workerd.
//!
//! Clients connect to the companion, which ends TLS and passes each request on to workerd by a socket in the state folder.
//! So a renewed certificate is loaded without a restart, requests wait while workerd starts again, and the address that
//! rate limits count is the connection's, not a header of the client.

mod authority;
mod certificate;
mod door;
mod front;
mod issued;
mod journal;
mod options;
mod pair;
mod published;
mod settings;
mod signals;
mod state;
mod supervisor;
mod urls;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::common::host;
use crate::runtime::databases;
use crate::runtime::program::Program;
use crate::tools::Toolbox;
pub use options::Options;
use settings::Settings;
use urls::Urls;

/// Serves until a signal asks to stop.
///
/// # Errors
/// When it cannot start, with what to do; no process is left then.
pub fn run(options: &Options, toolbox: &Toolbox) -> Result<ExitCode> {
    host::disable_core_dumps()?;
    let now = host::now()?;
    let Some(settings) = Settings::read(options, now)? else { return Ok(ExitCode::FAILURE) };
    let urls = Urls::of(&settings.base, &settings.status, options)?;
    let listeners = urls.bind()?;
    let state = state::open(&options.state, &settings)?;
    databases::check(&state.objects())?;
    let program = Program::deployed(toolbox, settings.worker.clone())?;
    // One thread: workerd dies with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let parts = authority::Parts { options, settings, state, program };
    let ended = runtime.block_on(authority::serve(parts, listeners));
    // A renewal that waits for an answer is not waited for.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}
