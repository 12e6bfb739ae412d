//! `deploy`: checks everything, uploads code, settings and secrets as one version, then probes the address.
//!
//! One version means that a chain and its key, or a new key and the code for it, change at once. Only a key that is stored
//! as a binding needs a request of its own: before the upload if the Worker exists, since a key without its chain is
//! harmless, else after it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::api::{Api, ApiOptions, check_name};
use super::ca_files::CaFiles;
use super::probe::Probe;
use super::secrets::{self, RequiredSecret, SecretAction};
use super::wrangler_cli::WranglerCli;
use super::{check, preflight, secret_key, store};
use crate::common::ca_paths::CaPaths;
use crate::common::host::{disable_core_dumps, now, print, say};
use crate::common::invocation::companion;
use crate::common::shell::quoted;
use crate::common::worker_config::WorkerConfig;
use crate::tools::Toolbox;

/// How wrangler is asked to replace the code of busy objects at once.
const IMMEDIATE: [&str; 2] = ["--durable-objects-code-update-mode", "immediate"];

/// Options of `deploy`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// Check everything, build without uploading, and say what a deployment would upload.
    #[arg(long)]
    dry_run: bool,
    /// Store the secrets even where the Worker has them already.
    #[arg(long)]
    replace_secrets: bool,
    /// For a stolen key: replace code and secrets at once, in busy objects too. Otherwise these keep the old
    /// ones for up to five minutes. Includes --replace-secrets.
    #[arg(long)]
    emergency: bool,
    /// Deploy although the CA would begin with an empty store, and has one elsewhere.
    #[arg(long)]
    new_store: bool,
    /// Store issuers' keys as non-extractable keys (see `secret-key`), not as texts.
    #[arg(long)]
    key_binding: bool,
    /// How long the address may take to answer after the upload, in seconds. A new domain takes some minutes.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = crate::common::number::range::<u64, 0, 3600>)]
    patience: u64,
    #[command(flatten)]
    api: ApiOptions,
    /// A program to run in place of the pinned wrangler.
    #[arg(long, value_name = "PROGRAM", hide = true)]
    wrangler_program: Option<PathBuf>,
}

/// Deploys the CA.
///
/// # Errors
/// When a check fails: nothing was done. When wrangler or Cloudflare refuses: what was done so far.
pub fn run(options: &Options, toolbox: &Toolbox) -> Result<ExitCode> {
    disable_core_dumps()?;
    let config = WorkerConfig::read(&options.place.wrangler)?;
    let name = config.name()?;
    let files = CaFiles::read(&options.place.ca)?;
    if !check::report(&check::deployment(&files, &config, now()?), "deploy") {
        return Ok(ExitCode::FAILURE);
    }
    check_name("name of a Worker", name)?;
    if config.built && !toolbox.is_checkout() {
        bail!(
            "nothing was done: {} has a [build], which needs a checkout of the sources, and this is a package; remove [build] \
             and main from that file, and the companion's own module is uploaded",
            config.file().display()
        );
    }
    let program = options.wrangler_program.as_deref();
    let program = program.map(Path::canonicalize).transpose().context("--wrangler-program")?;
    let wrangler = WranglerCli::new(toolbox, program.as_deref(), config.file(), options.api.account())?;
    let required = secrets::required(&files, options.key_binding)?;
    // Settings without a module get the companion's.
    let module = if config.main.is_none() { Some(toolbox.build_wasm()?.js) } else { None };
    let module = module.as_deref().map(|js| js.to_str().context("the module's path is not UTF-8")).transpose()?;
    let command: Vec<&str> = std::iter::once("deploy").chain(module).collect();
    // A missing token is an error before the first change.
    let keys = (options.key_binding && !options.dry_run).then(|| Api::new(&options.api, config.account.clone()));
    let keys = keys.transpose()?;
    if let Some(api) = Api::of_login(&options.api, config.account.clone(), &wrangler)?
        && !check::report(&preflight::check(&api, &config, options.new_store)?, "deploy")
    {
        return Ok(ExitCode::FAILURE);
    }
    if options.dry_run {
        let texts: Vec<&RequiredSecret<'_>> = required.iter().filter(|secret| !secret.as_key).collect();
        wrangler.run_with_secrets(&[&command[..], &["--dry-run"]].concat(), &secrets::file(&texts))?;
        print(&summary(options, &required));
        return Ok(ExitCode::SUCCESS);
    }
    upload(options, &config, &files, &Upload { wrangler, required: &required, command, keys })?;
    Ok(answers(options, &config, &required))
}

/// What an upload needs.
struct Upload<'a> {
    wrangler: WranglerCli<'a>,
    required: &'a [RequiredSecret<'a>],
    /// Wrangler's command, without the secrets.
    command: Vec<&'a str>,
    /// The API for keys that are stored as bindings.
    keys: Option<Api>,
}

/// Uploads code, settings, and the secrets that the Worker lacks.
fn upload(options: &Options, config: &WorkerConfig, files: &CaFiles, with: &Upload<'_>) -> Result<()> {
    let name = config.name()?;
    let listed = with.wrangler.secrets(name)?;
    secrets::check_foreign(name, listed.as_deref())?;
    let (exists, listed) = (listed.is_some(), listed.unwrap_or_default());
    secrets::check_missing_keys(files, config, &listed)?;
    secrets::note_operations(files, &listed);
    if !exists {
        store::refuse_second(config, with.required, options.new_store)?;
    }
    let running = if exists { secrets::running(config) } else { None };
    let replace = options.replace_secrets || options.emergency;
    let mut stored = Vec::new();
    for secret in with.required {
        let replace = replace || secrets::is_changing(files, secret);
        let action = secrets::action_for(secret, &listed, running.as_ref(), replace);
        if action == SecretAction::Conflict {
            bail!(secrets::conflict_text(&secret.name, config.file()));
        }
        if action == SecretAction::Exposed {
            bail!(secrets::exposed_text(&secret.name));
        }
        say(format!("{}: {}", secret.name, said(secret, action)));
        if !matches!(action, SecretAction::Keep | SecretAction::KeepText) {
            stored.push(secret);
        }
    }
    let put_keys = || -> Result<()> {
        let keys = with.keys.iter().flat_map(|api| stored.iter().map(move |secret| (api, secret)));
        for (api, secret) in keys.filter(|(_, secret)| secret.as_key) {
            secret_key::put_key(api, name, &secret.name, &secret.file.text)?;
        }
        Ok(())
    };
    if exists {
        put_keys()
            .context("stopped: code, settings and other secrets are unchanged; fix the problem and deploy again")?;
    }
    let mut command = with.command.clone();
    if options.emergency {
        command.extend(IMMEDIATE);
    }
    let texts: Vec<&RequiredSecret<'_>> = stored.iter().copied().filter(|secret| !secret.as_key).collect();
    let uploaded = match texts.is_empty() {
        true => with.wrangler.run(&command),
        false => with.wrangler.run_with_secrets(&command, &secrets::file(&texts)),
    };
    uploaded.context(
        "stopped: code, settings and secrets are one version, which is uploaded whole or not at all. If only a domain or a \
         route failed, as wrangler says above, the version is uploaded. Fix the problem and deploy again",
    )?;
    if !exists {
        put_keys()
            .context("stopped: the Worker is deployed, but lacks an issuer's key; fix the problem and deploy again")?;
    }
    match secrets::obsolete(files, &listed) {
        Some(obsolete) => delete(obsolete, files, &with.wrangler),
        None => Ok(()),
    }
}

/// Deletes a secret that the folder has no more.
fn delete(obsolete: &str, files: &CaFiles, wrangler: &WranglerCli<'_>) -> Result<()> {
    say(format!("{obsolete}: deleting it, since {} has no file of it", files.dir.display()));
    let deleted = wrangler.run(&["secret", "delete", obsolete]);
    deleted.with_context(|| format!("stopped: the deployment is done, but {obsolete} still counts; deploy again"))
}

/// The line about a secret.
fn said(secret: &RequiredSecret<'_>, action: SecretAction) -> String {
    let from = secret.file.path.display();
    match action {
        SecretAction::Keep => "exists, unchanged (--replace-secrets stores it again)".to_owned(),
        SecretAction::KeepText => {
            "exists as a text, unchanged (--replace-secrets makes it a non-extractable key)".to_owned()
        }
        SecretAction::Store => format!("storing it, from {from}"),
        SecretAction::Replace | SecretAction::Unused | SecretAction::Conflict | SecretAction::Exposed => {
            format!("storing it again, from {from}")
        }
    }
}

/// Probes the address and prints what was found.
fn answers(options: &Options, config: &WorkerConfig, required: &[RequiredSecret<'_>]) -> ExitCode {
    let base = config.var("BASE_URL").unwrap_or_default();
    // As the Worker derives it.
    let status = config.var("STATUS_URL").map_or_else(|| base.replacen("https://", "http://", 1), str::to_owned);
    let probe = Probe {
        base,
        status,
        issuers: required.iter().filter_map(|secret| Some(secret.issuer.as_ref()?.1.clone())).collect(),
        root_crl: config.var("ROOT_CRL").is_some(),
        closed: store::is_to_be_restored(config),
        patience: Duration::from_secs(options.patience),
    };
    match probe.run() {
        Ok(lines) => {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            print(&format!("\nDeployed, and it answers:\n\n{lines}{}", next(options, config)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(format!(
                "the upload is done, but the authority does not answer as it has to: {error:#}. A new domain may need some \
                 minutes more: then run `{} deploy` again, which changes nothing that is right",
                companion()
            ));
            ExitCode::FAILURE
        }
    }
}

/// What a deployment would upload.
fn summary(options: &Options, required: &[RequiredSecret<'_>]) -> String {
    let mut out =
        "\nAll checks passed. A deployment would upload the module, the settings, and of these secrets those that \
                   the Worker lacks, as one version:\n\n"
            .to_owned();
    for secret in required.iter().filter(|secret| !secret.as_key) {
        out.push_str(&format!("  {} from {}\n", secret.name, quoted(&secret.file.path)));
    }
    let keys = required.iter().filter(|secret| secret.as_key).filter_map(|secret| secret.issuer.as_ref());
    for (place, _) in keys {
        out.push_str(&format!("\nand run `{}`\n", secret_key::line(&options.place, *place)));
    }
    out
}

/// The next steps after a deployment.
fn next(options: &Options, config: &WorkerConfig) -> String {
    let base = config.var("BASE_URL").unwrap_or_default();
    let (me, ca, settings) = (companion(), quoted(&options.place.ca), quoted(&options.place.wrangler));
    if store::is_to_be_restored(config) {
        return format!(
            "\nIt is closed (CLOSED in {settings}), and serves no clients. To restore a backup into it:\n\n  {me} restore FILE\n\n\
             After that remove CLOSED, and deploy again.\n"
        );
    }
    let client = match config.var("EXTERNAL_ACCOUNT_REQUIRED") {
        Some("true") => format!("{me} eab create NAME    # a key for an account, and lines for clients"),
        _ => format!("certbot certonly --standalone --server {base}/directory -d NAME"),
    };
    format!(
        "\nTo see what has to be renewed when:\n\n  {me} status --ca {ca} --wrangler {settings}\n\nTo get a certificate, on \
         a machine that the authority can reach:\n\n  {client}\n\n\
         Clients have to trust {ca}/root.pem for what it issues.\n"
    )
}
