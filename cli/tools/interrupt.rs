//! Stop signals during the long steps of the set-up.
//!
//! A step runs its program in a process group of its own, so that its children (cargo's compilers) are stopped too. Such a
//! group gets no Ctrl-C from the terminal; it is forwarded from here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Makes SIGINT, SIGTERM and SIGHUP set the flag that [`requested`] reads.
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

/// Whether a signal asked to stop since the first [`watch`].
///
/// Code that installs its own handlers after the set-up has to check once afterwards, or an earlier signal is lost.
pub fn requested() -> bool {
    REQUESTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
