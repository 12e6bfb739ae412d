//! What an operator does with an authority that runs elsewhere: deploys it, stores its keys there, asks how it stands.
//!
//! No key and no token is ever on a command line, where every process of the machine could read it, nor in what is
//! printed.

mod binding;
mod check;
mod deploy;
mod files;
mod secret;
mod status;
mod web;
mod worker;
mod wrangler;
mod x509;

use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use selvedge::values::Time;

pub use binding::{Options as SecretKeyOptions, run as secret_key};
pub use deploy::{Options as DeployOptions, run as deploy};
pub use status::{Options as StatusOptions, run as status};

/// Where a CA and its Worker are described.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// The folder with the CA's certificates and keys.
    #[arg(long, value_name = "DIR", default_value = "ca")]
    ca: PathBuf,
    /// The Worker's settings.
    #[arg(long, value_name = "FILE", default_value = "wrangler.toml")]
    wrangler: PathBuf,
}

/// The machine's clock, read now.
fn now() -> Result<Time> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.context("this machine's clock stands before 1970; set it")?;
    Ok(Time::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// Prints what a command was asked for. A terminal that has gone away is no reason to stop.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The day of a time: `2027-01-31`.
fn day(at: Time) -> String {
    at.rfc3339().chars().take(10).collect()
}
