//! `dev`: the whole authority on this machine, in one command.
//!
//! It runs the module that deploys to Cloudflare Workers on workerd, the same runtime, and adds a disposable root and
//! intermediate, a certificate for the server itself, names that resolve to this machine, and DNS records that tests can
//! set. All of it is in the state folder. Clients connect to workerd directly, also for TLS.

mod admin_token;
mod assignment;
mod banner;
mod faults;
mod kept;
mod management;
mod options;
mod pki;
mod sample;
mod serving;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result};

use crate::common::host::{self, say};
use crate::runtime::base::Base;
use crate::runtime::databases;
pub use crate::runtime::program::Program;
use crate::runtime::state::State;
use kept::KeptCa;
pub use options::Options;
use pki::{Authority, ServerNames};
use serving::ServedCa;

/// Runs the server until a signal asks to stop.
///
/// `prepare` may take minutes; all checks that do not need it come first.
///
/// # Errors
/// When the server cannot be started, or ends by itself. No process is left then.
pub fn run(options: &Options, prepare: impl FnOnce() -> Result<Program>) -> Result<()> {
    host::disable_core_dumps()?;
    let base = Base::of(options.base_url.as_ref(), &options.listen, options.plain_http)?;
    let state = State::open(&options.state)?;
    drop(options.listen.bind()?);
    let now = host::now()?;
    let authority = Authority::of(&state, ServerNames { base: &base, listen: &options.listen }, now)?;
    let kept = options.ca.as_deref().map(|dir| KeptCa::read(dir, now)).transpose()?;
    let kept = match kept {
        Some(kept) if !options.sign_with_real_keys => Some(kept.stand_in(&state, &authority.root)?),
        kept => kept,
    };
    admin_token::make(&state)?;
    databases::check(&state.objects())?;
    let program = prepare()?;
    for (name, near) in assignment::unknown(program.worker.vars.keys()) {
        say(format!("wrangler.toml sets {name}, which the Worker does not read; {near}"));
    }
    // One thread: workerd dies with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let ca = ServedCa { authority: &authority, kept: kept.as_ref() };
    let ended = runtime.block_on(serving::serve(options, &state, ca, &program));
    // A slow lookup by the system is not waited for.
    runtime.shutdown_background();
    ended
}
