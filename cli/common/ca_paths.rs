//! The options that locate a CA and its Worker's settings.

use std::path::PathBuf;

/// The paths of a CA and of its Worker's settings.
#[derive(Clone, Debug, clap::Args)]
pub struct CaPaths {
    /// The folder of the CA's certificates and keys.
    #[arg(long, value_name = "DIR", default_value = "ca")]
    pub ca: PathBuf,
    /// The Worker's settings.
    #[arg(long, value_name = "FILE", default_value = "wrangler.toml")]
    pub wrangler: PathBuf,
}
