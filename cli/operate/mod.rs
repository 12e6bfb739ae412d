//! What an operator does with an authority that runs elsewhere: deploys it, stores its keys there, asks how it stands.
//!
//! No key and no token is ever on a command line, where every process of the machine could read it, nor in what is
//! printed.

mod binding;
mod check;
mod deploy;
pub mod files;
pub mod secret;
mod status;
pub mod web;
pub mod worker;
mod wrangler;
mod x509;

use std::path::PathBuf;

use selvedge::values::Time;

use crate::host::now;

pub use binding::{Options as SecretKeyOptions, run as secret_key};
pub use deploy::{Options as DeployOptions, run as deploy};
pub use status::{Options as StatusOptions, run as status, when};

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

/// The day of a time: `2027-01-31`.
pub fn day(at: Time) -> String {
    at.rfc3339().chars().take(10).collect()
}
