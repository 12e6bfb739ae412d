//! `witness deploy`: uploads a witness to Cloudflare, with its key as a secret.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use selvedge::ca::config::witness::KEY;
use serde_json::json;

use super::folder::Folder;
use crate::common::host::say;
use crate::common::secret::Secret;
use crate::deploy::WranglerCli;
use crate::tools::Toolbox;

/// Options of `witness deploy`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder of the witness.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The Cloudflare account, if the login has several.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Check everything and upload nothing.
    #[arg(long)]
    dry_run: bool,
    /// A program to run in place of the pinned wrangler.
    #[arg(long, value_name = "PROGRAM", hide = true)]
    wrangler_program: Option<PathBuf>,
}

/// Uploads code, settings and key as one version.
pub fn run(options: &Options, toolbox: &Toolbox) -> Result<()> {
    let folder = Folder::read(&options.dir)?;
    let program = options.wrangler_program.as_deref();
    let program = program.map(Path::canonicalize).transpose().context("--wrangler-program")?;
    let wrangler = WranglerCli::new(toolbox, program.as_deref(), folder.config.file(), options.account.as_deref())?;
    // Settings without a module get the companion's.
    let module = if folder.config.main.is_none() { Some(toolbox.build_wasm()?.js) } else { None };
    let module = module.as_deref().map(|js| js.to_str().context("the module's path is not UTF-8")).transpose()?;
    let dry = options.dry_run.then_some("--dry-run");
    let command: Vec<&str> = std::iter::once("deploy").chain(module).chain(dry).collect();
    let secrets = Secret::new(json!({ KEY: folder.key.reveal() }).to_string());
    wrangler.run_with_secrets(&command, &secrets)?;
    let done = if options.dry_run { "would be deployed" } else { "is deployed" };
    say(format!("the witness {done}, for {} logs; its key is at /witness of its address", folder.settings.logs.len()));
    Ok(())
}
