//! `witness deploy`: uploads a witness to Cloudflare, with its key as a secret.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::ca::config::witness::{KEY, VKEY};
use selvedge::tlog::note::KeyKind;
use serde_json::json;

use super::folder::Folder;
use crate::common::host::say;
use crate::common::invocation::companion;
use crate::common::secret::Secret;
use crate::deploy::{Api, ApiOptions, ListedSecret, MODERN, WranglerCli, deployed_var};
use crate::tools::Toolbox;

/// Options of `witness deploy`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder of the witness.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    api: ApiOptions,
    /// Check everything and upload nothing.
    #[arg(long)]
    dry_run: bool,
    /// Replace another witness of this Worker's name. Its key then signs nothing.
    #[arg(long)]
    replace: bool,
    /// A program to run in place of the pinned wrangler.
    #[arg(long, value_name = "PROGRAM", hide = true)]
    wrangler_program: Option<PathBuf>,
}

/// Uploads code, settings and key as one version.
pub fn run(options: &Options, toolbox: &Toolbox) -> Result<()> {
    let folder = Folder::read(&options.dir)?;
    let program = options.wrangler_program.as_deref();
    let program = program.map(Path::canonicalize).transpose().context("--wrangler-program")?;
    let account = options.api.account();
    let wrangler = WranglerCli::new(toolbox, program.as_deref(), folder.config.file(), account)?;
    warn_of_keys(&folder);
    // Before the module is built.
    let sends_key = if options.dry_run { true } else { sends_key(options, &folder, &wrangler)? };
    // Settings without a module get the companion's.
    let module = if folder.config.main.is_none() { Some(toolbox.build_wasm()?.js) } else { None };
    let module = module.as_deref().map(|js| js.to_str().context("the module's path is not UTF-8")).transpose()?;
    let dry = options.dry_run.then_some("--dry-run");
    let command: Vec<&str> = std::iter::once("deploy").chain(module).chain(dry).collect();
    let uploaded = match sends_key {
        true => wrangler.run_with_secrets(&command, &Secret::new(json!({ KEY: folder.key.reveal() }).to_string())),
        false => wrangler.run(&command),
    };
    uploaded.context("stopped: code, settings and key are one version, which is uploaded whole or not at all")?;
    let done = if options.dry_run { "would be deployed" } else { "is deployed" };
    say(format!("the witness {done}, for {} logs; its key is at /witness of its address", folder.settings.logs.len()));
    Ok(())
}

/// Whether the key is uploaded too: not over one that the module cannot read.
///
/// # Errors
/// When the Worker of this name is not this witness; when Cloudflare refuses the login.
fn sends_key(options: &Options, folder: &Folder, wrangler: &WranglerCli<'_>) -> Result<bool> {
    let worker = folder.config.name()?;
    let Some(listed) = wrangler.secrets(worker)? else { return Ok(true) };
    refuse_foreign(worker, &listed)?;
    let settings = match Api::of_login(&options.api, folder.config.account.clone(), wrangler)? {
        Some(api) => api.worker_settings(worker)?.ok(),
        None => None,
    };
    let own = folder.settings.vkey.to_string();
    match settings.as_ref().and_then(|settings| deployed_var(settings, VKEY)) {
        Some(other) if other.trim() != own && !options.replace => bail!(
            "nothing was done: the Worker {worker:?} is another witness, with the verifier key {other}, and this folder has \
             {own}. Choose another name in wrangler.toml; or deploy with --replace, after which no log gets a cosignature of \
             the other key"
        ),
        Some(_) => {}
        None => say(format!("note: whether the Worker {worker:?} has the same verifier key is unknown")),
    }
    let keeps = listed.iter().any(|secret| secret.name == KEY && secret.is_key());
    if keeps {
        say(format!("{KEY}: exists as a non-extractable key, unchanged"));
    }
    Ok(!keeps)
}

/// Refuses a Worker of this name that is not a witness alone.
fn refuse_foreign(worker: &str, listed: &[ListedSecret]) -> Result<()> {
    let what = match listed.iter().find(|secret| secret.name != KEY) {
        Some(other) => format!("with the secret {}", other.name),
        None if listed.is_empty() => format!("without a secret {KEY}"),
        None => return Ok(()),
    };
    bail!(
        "nothing was done: the account has a Worker {worker:?} already, {what}, so it is not a witness alone, and would be \
         overwritten; choose another name in wrangler.toml. A CA that is a witness too is deployed with `{} deploy`",
        companion()
    )
}

/// Warns of logs whose signatures the Worker could not check.
fn warn_of_keys(folder: &Folder) {
    let is_ml_dsa = |kind: KeyKind| kind == KeyKind::MlDsa44Cosignature;
    let alone = |keys: &[selvedge::tlog::VerifierKey]| keys.iter().all(|key| is_ml_dsa(key.kind()));
    for log in folder.settings.logs.iter().filter(|log| alone(&log.keys) && !folder.config.has_flag(MODERN)) {
        say(format!(
            "warning: {} lacks the compatibility flag {MODERN}, without which nothing of the log {} is cosigned: its only key \
             is one for ML-DSA-44. Add the flag to compatibility_flags",
            folder.config.file().display(),
            log.origin
        ));
    }
}
