//! `deploy`: checks everything, stores the secrets that the Worker lacks, then runs wrangler.
//!
//! Secrets come first, since the deployment brings the chains: a Worker with a key but not yet its chain still works, one
//! with a chain but no key does not. On a first deployment wrangler creates an empty Worker for the first secret.
//!
//! An existing secret is not stored again: it could be the key of another issuer with the same number. Secrets cannot be
//! read back, so the running authority is asked for its issuers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use selvedge::ca::config::issuers::{MAX_ISSUERS, name_of};
use selvedge::pki::Issuer;

use super::ca_files::CaFiles;
use super::check::{Finding, Weight};
use super::secret_key::{Api, ApiOptions};
use super::wrangler_cli::{ListedSecret, WranglerCli};
use super::{check, secret_key};
use crate::ceremony::ADMIN_TOKENS;
use crate::common::ca_paths::CaPaths;
use crate::common::host::{disable_core_dumps, now, print, say};
use crate::common::invocation::companion;
use crate::common::secret::SecretFile;
use crate::common::shell::quoted;
use crate::common::web;
use crate::common::worker_config::WorkerConfig;
use crate::status;
use crate::status::facts::Authority;
use crate::tools::Toolbox;

/// The secret with the admin tokens.
const TOKENS: &str = "ADMIN_TOKENS";

/// Options of `deploy`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// Check everything, build without uploading, and print the commands of a deployment.
    #[arg(long)]
    dry_run: bool,
    /// Store the secrets even where the Worker has them already.
    #[arg(long)]
    replace_secrets: bool,
    /// Store issuers' keys as non-extractable keys (see `secret-key`), not as texts.
    #[arg(long)]
    key_binding: bool,
    #[command(flatten)]
    api: ApiOptions,
    /// A program to run in place of the pinned wrangler.
    #[arg(long, value_name = "PROGRAM", hide = true)]
    wrangler_program: Option<PathBuf>,
}

/// A secret that the Worker needs.
struct RequiredSecret<'a> {
    name: String,
    file: &'a SecretFile,
    /// The issuer of a key: its number, and the authority's id for it.
    issuer: Option<(u8, String)>,
    /// Whether to store it as a key, not as a text.
    as_key: bool,
}

/// The issuers of the running authority: number and id.
type ActiveIssuers = Vec<(u8, String)>;

impl RequiredSecret<'_> {
    /// Cloudflare's name for its kind.
    fn kind(&self) -> &'static str {
        if self.as_key { "secret_key" } else { "secret_text" }
    }
}

/// What to do with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecretAction {
    Store,
    Replace,
    /// Exists, but no issuer of the running authority uses it: store it again.
    Unused,
    /// Exists, and stays.
    Keep,
    /// Exists as a text, and stays.
    KeepText,
    /// Exists, and is the key of another issuer.
    Conflict,
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
    if !report_findings(&check::deployment(&files, &config, now()?)) {
        return Ok(ExitCode::FAILURE);
    }
    let program = options.wrangler_program.as_deref();
    let program = program.map(Path::canonicalize).transpose().context("--wrangler-program")?;
    let wrangler = WranglerCli::new(toolbox, program.as_deref(), config.file())?;
    let required = required_secrets(&files, options.key_binding)?;
    // Settings without a module get the companion's.
    let module = if config.main.is_none() { Some(toolbox.build_wasm()?.js) } else { None };
    let module = module.as_deref().map(|js| js.to_str().context("the module's path is not UTF-8")).transpose()?;
    let deploy: Vec<&str> = std::iter::once("deploy").chain(module).collect();
    if options.dry_run {
        wrangler.run(&[&deploy[..], &["--dry-run"]].concat())?;
        print(&commands(options, &required));
        return Ok(ExitCode::SUCCESS);
    }
    // A missing token is an error before the first change.
    let api = options.key_binding.then(|| Api::new(&options.api, config.account.clone(), name)).transpose()?;
    let listed = wrangler.secrets(name)?.unwrap_or_default();
    check_missing_keys(&files, &config, &listed)?;
    note_operations(&files, &listed);
    let running = if listed.is_empty() { None } else { running(&config) };
    let steps =
        required.iter().map(|secret| (secret, action_for(secret, &listed, running.as_ref(), options.replace_secrets)));
    let steps: Vec<_> = steps.collect();
    if let Some((secret, _)) = steps.iter().find(|(_, step)| *step == SecretAction::Conflict) {
        bail!(conflict_text(&secret.name, config.file()));
    }
    let mut stored = Vec::new();
    for (secret, step) in steps {
        store(secret, step, &wrangler, api.as_ref()).with_context(|| progress_summary(&stored))?;
        if !matches!(step, SecretAction::Keep | SecretAction::KeepText) {
            stored.push(secret.name.clone());
        }
    }
    wrangler.run(&deploy).with_context(|| progress_summary(&stored))?;
    print(&next(options, &config));
    Ok(ExitCode::SUCCESS)
}

/// Prints the findings; whether the CA may be deployed.
fn report_findings(findings: &[Finding]) -> bool {
    let (wrong, warnings): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.weight == Weight::Wrong);
    for warning in warnings {
        say(format!("warning: {warning}"));
    }
    for finding in &wrong {
        say(format!("wrong: {finding}"));
    }
    match wrong.len() {
        0 => return true,
        1 => say("nothing was done: fix this, then deploy again"),
        n => say(format!("nothing was done: fix these {n} problems, then deploy again")),
    }
    false
}

/// The secrets that the Worker needs. The first is a text: wrangler creates a missing Worker, Cloudflare's API for keys
/// does not.
fn required_secrets(files: &CaFiles, key_binding: bool) -> Result<Vec<RequiredSecret<'_>>> {
    let nonce = files.nonce.as_ref().context("nonce.key is missing")?;
    let mut all = vec![RequiredSecret { name: "NONCE_KEY".to_owned(), file: nonce, issuer: None, as_key: false }];
    for issuer in &files.issuers {
        if let (Some(chain), Some(file)) = (&issuer.chain, &issuer.key) {
            let id = Issuer::from_pem_chain(chain)?.id().to_owned();
            let name = name_of("ISSUER_KEY", issuer.place);
            all.push(RequiredSecret { name, file, issuer: Some((issuer.place, id)), as_key: key_binding });
        }
    }
    if let Some(file) = &files.tokens {
        all.push(RequiredSecret { name: TOKENS.to_owned(), file, issuer: None, as_key: false });
    }
    Ok(all)
}

/// Notes how to enable the operations API where it is off.
fn note_operations(files: &CaFiles, listed: &[ListedSecret]) {
    if files.tokens.is_none() && !listed.iter().any(|one| one.name == TOKENS) {
        say(format!(
            "note: {} does not exist, so the operations API (`selvedge eab`, `certs`, `policy`, …) is off; `{} token new \
             operator --ca {}` and another deployment enable it",
            files.path(ADMIN_TOKENS).display(),
            companion(),
            quoted(&files.dir)
        ));
    }
}

/// The issuers of the running authority; `None` with a warning when it does not answer.
fn running(config: &WorkerConfig) -> Option<ActiveIssuers> {
    let base = config.var("BASE_URL")?;
    let asked = web::agent(None, None).and_then(|agent| status::authority(&agent, base));
    match asked {
        Ok(Authority::Works(overview)) => Some(overview.issuers.into_iter().map(|one| (one.place, one.id)).collect()),
        Ok(Authority::Refuses(why)) => {
            say(format!("warning: the running authority does not work ({why})"));
            None
        }
        Err(error) => {
            say(format!("warning: cannot read the issuers of the running authority: {error:#}"));
            None
        }
    }
}

fn action_for(
    secret: &RequiredSecret<'_>,
    listed: &[ListedSecret],
    running: Option<&ActiveIssuers>,
    replace: bool,
) -> SecretAction {
    let there = listed.iter().find(|one| one.name == secret.name);
    let used = match (&secret.issuer, running) {
        (Some((place, id)), Some(running)) => {
            Some(running.iter().find(|(used, _)| used == place).map(|(_, used)| used == id))
        }
        _ => None,
    };
    match there {
        None => SecretAction::Store,
        Some(_) if replace => SecretAction::Replace,
        Some(_) if used == Some(None) => SecretAction::Unused,
        Some(_) if used == Some(Some(false)) => SecretAction::Conflict,
        // A non-extractable key need not become a text.
        Some(one) if one.kind == secret.kind() || one.kind == "secret_key" => SecretAction::Keep,
        Some(_) => SecretAction::KeepText,
    }
}

/// Refuses an issuer in `wrangler.toml` whose key is neither here nor at Cloudflare.
fn check_missing_keys(files: &CaFiles, config: &WorkerConfig, listed: &[ListedSecret]) -> Result<()> {
    for place in 1..=MAX_ISSUERS {
        let (chain, key) = (name_of("ISSUER_CHAIN", place), name_of("ISSUER_KEY", place));
        let here = files.issuer(place).is_some_and(|issuer| issuer.chain.is_some());
        if config.var(&chain).is_some() && !here && !listed.iter().any(|one| one.name == key) {
            bail!(
                "nothing was done: {} has {chain}, and {key} is neither in {} nor a secret of the Worker; restore the \
                 issuer's files from a copy, or remove {chain}",
                config.file().display(),
                files.dir.display()
            );
        }
    }
    Ok(())
}

fn conflict_text(name: &str, settings: &Path) -> String {
    format!(
        "nothing was done: the running authority uses {name} for another issuer. To keep that one, create the new issuer with \
         its own number (`selvedge issuer new`). To replace it, with all certificates that it issued, deploy with \
         --replace-secrets: until {} is deployed, moments later, nothing can be issued",
        settings.display()
    )
}

fn store(secret: &RequiredSecret<'_>, step: SecretAction, wrangler: &WranglerCli<'_>, api: Option<&Api>) -> Result<()> {
    let name = &secret.name;
    match step {
        SecretAction::Keep => say(format!("{name}: exists, unchanged (--replace-secrets stores it again)")),
        SecretAction::KeepText => {
            say(format!("{name}: exists as a text, unchanged (--replace-secrets makes it a non-extractable key)"))
        }
        SecretAction::Store | SecretAction::Replace | SecretAction::Unused | SecretAction::Conflict => {
            let verb = if step == SecretAction::Store { "storing it" } else { "storing it again" };
            say(format!("{name}: {verb}, from {}", secret.file.path.display()));
            match api {
                Some(api) if secret.as_key => api.put_key(name, &secret.file.text)?,
                _ => wrangler.put_secret(name, &secret.file.text)?,
            }
        }
    }
    Ok(())
}

/// A summary of what was changed before a failure.
fn progress_summary(stored: &[String]) -> String {
    let done = match stored {
        [] => "no secret was changed".to_owned(),
        names => format!("{} stored", names.join(" and ")),
    };
    format!("stopped: {done}, the Worker's code and settings are unchanged; fix the problem and deploy again")
}

/// The commands of a deployment.
fn commands(options: &Options, required: &[RequiredSecret<'_>]) -> String {
    let settings = match options.place.wrangler.to_str() {
        Some("wrangler.toml") => String::new(),
        _ => format!(" --config {}", quoted(&options.place.wrangler)),
    };
    let mut out = "\nAll checks passed. A deployment would run, for secrets that the Worker lacks:\n\n".to_owned();
    for secret in required {
        let line = match &secret.issuer {
            Some((place, _)) if secret.as_key => secret_key::line(&options.place, *place),
            _ => {
                let (name, file) = (&secret.name, quoted(&secret.file.path));
                format!("cargo run -- tool wrangler secret put {name}{settings} < {file}")
            }
        };
        out.push_str(&format!("  {line}\n"));
    }
    out.push_str(&format!("\nand then:\n\n  cargo run -- tool wrangler deploy{settings}\n"));
    out
}

/// The next steps after a deployment.
fn next(options: &Options, config: &WorkerConfig) -> String {
    let base = config.var("BASE_URL").unwrap_or_default();
    let (ca, settings) = (quoted(&options.place.ca), quoted(&options.place.wrangler));
    format!(
        "\nDeployed. To check that it works, and what has to be renewed when:\n\n  curl {base}/directory\n  cargo run -- \
         status --ca {ca} --wrangler {settings}\n\nTo get a certificate, on a machine that the authority can reach:\n\n  \
         certbot certonly --standalone --server {base}/directory -d NAME\n\nClients have to trust {ca}/root.pem for what \
         it issues.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::secret::Secret;

    fn file() -> SecretFile {
        SecretFile { path: "x".into(), mode: 0o600, text: Secret::new(String::new()) }
    }

    #[test]
    fn existing_secret_stays_unless_replaced_or_unused() {
        let file = file();
        let listed = |kind: &str| vec![ListedSecret { name: "ISSUER_KEY_2".into(), kind: kind.into() }];
        let required = |as_key| RequiredSecret {
            name: "ISSUER_KEY_2".into(),
            file: &file,
            issuer: Some((2, "ab".into())),
            as_key,
        };
        let (text, key) = (required(false), required(true));
        assert_eq!(action_for(&text, &[], None, false), SecretAction::Store);
        assert_eq!(action_for(&text, &listed("secret_text"), None, false), SecretAction::Keep);
        assert_eq!(action_for(&text, &listed("secret_key"), None, false), SecretAction::Keep);
        assert_eq!(action_for(&key, &listed("secret_text"), None, false), SecretAction::KeepText);
        assert_eq!(action_for(&key, &listed("secret_key"), None, false), SecretAction::Keep);
        assert_eq!(action_for(&key, &listed("secret_key"), None, true), SecretAction::Replace);
        let with = |issuers: &[(u8, &str)], replace| {
            let running: ActiveIssuers = issuers.iter().map(|(place, id)| (*place, (*id).to_owned())).collect();
            action_for(&text, &listed("secret_text"), Some(&running), replace)
        };
        assert_eq!(with(&[(1, "cd"), (2, "ab")], false), SecretAction::Keep);
        assert_eq!(
            with(&[(1, "cd")], false),
            SecretAction::Unused,
            "a leftover, or of a deployment that was interrupted"
        );
        assert_eq!(with(&[(1, "ab"), (2, "cd")], false), SecretAction::Conflict);
        assert_eq!(with(&[(2, "cd")], true), SecretAction::Replace);
        let nonce = RequiredSecret { name: "NONCE_KEY".into(), file: &file, issuer: None, as_key: false };
        let listed = [ListedSecret { name: "NONCE_KEY".into(), kind: "secret_text".into() }];
        assert_eq!(action_for(&nonce, &listed, Some(&vec![]), false), SecretAction::Keep);
    }
}
