//! Where a CA and its Worker are described, as options.

use std::path::PathBuf;

/// Where a CA and its Worker are described.
#[derive(Clone, Debug, clap::Args)]
pub struct CaPaths {
    /// The folder with the CA's certificates and keys.
    #[arg(long, value_name = "DIR", default_value = "ca")]
    pub ca: PathBuf,
    /// The Worker's settings.
    #[arg(long, value_name = "FILE", default_value = "wrangler.toml")]
    pub wrangler: PathBuf,
}
