//! `witness`: a witness of other transparency logs, as a Worker or on this machine.
//!
//! It runs the module of the CA with settings of its own: a key, and the logs that it knows.

mod folder;
mod local;
mod new;
mod upload;

use anyhow::Result;

use crate::common::host::disable_core_dumps;
use crate::tools::Toolbox;

/// The commands for witnesses.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Create the folder of a witness: its key, and its settings in a wrangler.toml.
    New(new::Options),
    /// Deploy a witness to Cloudflare, with its key as a secret.
    Deploy(upload::Options),
    /// Run a witness on this machine's workerd, by plain http.
    Serve(local::Options),
}

/// Creates a witness, for which no tools are needed.
///
/// # Errors
/// What was found and what to do; nothing is written then.
pub fn create(options: &new::Options) -> Result<()> {
    disable_core_dumps()?;
    new::run(options)
}

/// Runs a command for witnesses.
///
/// # Errors
/// What was asked, what was found and what to do.
pub fn run(command: &Command, toolbox: &Toolbox) -> Result<()> {
    disable_core_dumps()?;
    match command {
        Command::New(options) => new::run(options),
        Command::Deploy(options) => upload::run(options, toolbox),
        Command::Serve(options) => local::run(options, toolbox),
    }
}
