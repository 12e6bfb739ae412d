//! Whether somebody asked the companion to stop, for the long steps of the set-up.
//!
//! A long step runs its program in a process group of its own, so that stopping it stops what that program
//! started too (cargo's compilers). Such a group gets no Ctrl-C from the terminal; it is passed on from here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on SIGINT, SIGTERM and SIGHUP only set the flag that [`requested`] reads.
///
/// # Errors
/// When the system refuses the handlers.
pub fn watch() -> Result<()> {
    if REQUESTED.get().is_some() {
        return Ok(());
    }
    let flag = Arc::clone(REQUESTED.get_or_init(Arc::default));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("cannot watch for Ctrl-C")?;
    }
    Ok(())
}

/// Did a signal ask the companion to stop since the first [`watch`]?
///
/// Whoever goes on after the set-up with signal handlers of its own asks once, after it has installed them:
/// a signal that came before would otherwise be lost.
pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
