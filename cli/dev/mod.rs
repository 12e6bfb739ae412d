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
mod log_key;
mod management;
mod options;
mod pki;
mod sample;
mod serving;
mod several;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result, bail};
use futures_util::future::join_all;

use crate::common::host::{self, say};
use crate::runtime::base::Base;
use crate::runtime::databases;
use crate::runtime::memory_folder::Folder;
pub use crate::runtime::program::Program;
use crate::runtime::state::State;
use kept::KeptCa;
pub use options::Options;
use pki::{Authority, ServerNames};
use selvedge::values::Time;
use several::{Place, Shared};

/// Runs the server until a signal asks to stop.
///
/// `prepare` may take minutes; all checks that do not need it come first.
///
/// # Errors
/// When the server cannot be started, or ends by itself. No process is left then.
pub fn run(options: &Options, prepare: impl FnOnce() -> Result<Program>) -> Result<()> {
    host::disable_core_dumps()?;
    // That of a killed run would mislead scripts that wait for this one.
    several::remove(options.addresses.as_deref())?;
    let memory = options.ephemeral.then(Folder::create).transpose()?;
    let mut first = options.clone();
    if let Some(memory) = &memory {
        first.state = memory.file(IN_MEMORY);
    }
    if let Some(twice) =
        options.another.iter().enumerate().find(|(at, name)| options.another.iter().take(*at).any(|one| one == *name))
    {
        bail!("--another {} is given twice; the CAs of a process have different names", twice.1);
    }
    let now = host::now()?;
    let others: Vec<(Option<String>, Options)> =
        options.another.iter().map(|name| (Some(name.clone()), first.of_another(name, &first.state))).collect();
    let all = std::iter::once((None, first)).chain(others);
    let places = all.map(|(name, options)| open(name, options, now)).collect::<Result<Vec<_>>>()?;
    let program = prepare()?;
    for (name, near) in assignment::unknown(program.worker.vars.keys()) {
        say(format!("wrangler.toml sets {name}, which the Worker does not read; {near}"));
    }
    // One thread: workerd dies with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let ended = runtime.block_on(serve_all(&places, &program, options.addresses.as_deref()));
    // A slow lookup by the system is not waited for.
    runtime.shutdown_background();
    ended
}

/// The state folder of `--ephemeral`, in the folder of the run.
const IN_MEMORY: &str = "state";

/// Opens the folder of a CA and checks what it has.
fn open(name: Option<String>, options: Options, now: Time) -> Result<Place> {
    let base = Base::of(options.base_url.as_ref(), &options.listen, options.plain_http)?;
    let state = State::open(&options.state)?;
    drop(options.listen.bind()?);
    let names = ServerNames { base: &base, listen: &options.listen, further: &options.certificate_name };
    let authority = Authority::of(&state, names, options.root_dir.as_deref(), now)?;
    let kept = options.ca.as_deref().map(|dir| KeptCa::read(dir, now)).transpose()?;
    let kept = match kept {
        Some(kept) if !options.sign_with_real_keys => Some(kept.stand_in(&state, &authority.root)?),
        kept => kept,
    };
    admin_token::make(&state)?;
    if options.log {
        log_key::make(&state)?;
    }
    databases::check(&state.objects())?;
    Ok(Place { name, options, state, authority, kept })
}

/// Serves all CAs until a signal asks to stop, or one of them ends.
///
/// The error is that of the first one which failed.
async fn serve_all(places: &[Place], program: &Program, addresses: Option<&Path>) -> Result<()> {
    let shared = Shared::new(places.len(), addresses);
    let all = places.iter().map(async |place| {
        let ended = serving::serve(place, program, &shared).await;
        shared.end();
        ended
    });
    let ended: Result<()> = join_all(all).await.into_iter().collect();
    several::remove(addresses)?;
    ended
}
