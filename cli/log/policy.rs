//! `log policy`: what a CA gives to those that check its logs.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::ValueEnum;
use selvedge::tlog::note::KeyKind;
use selvedge::tlog::{Policy, VerifierKey};

use super::report::Report;
use super::source::{About, Access, Source};
use crate::common::host::{print, say};
use crate::common::worker_config::WorkerConfig;

/// The setting with the witnesses.
const LOG_POLICY: &str = "LOG_POLICY";

/// Options of `log policy`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// URLs of logs (https://ca.example.org/log/ISSUER/ID) or issuers (…/log/ISSUER), or folders of `log download`.
    #[arg(required = true)]
    log: Vec<String>,
    /// The CA's wrangler.toml, whose LOG_POLICY has the witnesses and the quorum. Without it no witness is demanded.
    #[arg(long, value_name = "FILE")]
    wrangler: Option<PathBuf>,
    /// The algorithm of the log's keys. Most programs read Ed25519 alone.
    #[arg(long, value_name = "ALGORITHM", value_enum, default_value_t)]
    keys: Algorithm,
    /// A root certificate to trust for https, in place of those that browsers trust.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
}

/// Algorithm of the keys of logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Algorithm {
    /// Ed25519, kind 01.
    #[default]
    Ed25519,
    /// ML-DSA-44, kind 06.
    #[value(name = "ml-dsa-44")]
    MlDsa44,
}

impl Algorithm {
    const fn kind(self) -> KeyKind {
        match self {
            Self::Ed25519 => KeyKind::Ed25519,
            Self::MlDsa44 => KeyKind::MlDsa44Cosignature,
        }
    }
}

/// Prints the policy.
///
/// # Errors
/// When the logs, or the setting, cannot be read or make no policy.
pub fn run(options: &Options) -> Result<Report> {
    print(&made(options)?);
    Ok(Report::default())
}

fn made(options: &Options) -> Result<String> {
    let access = Access::public(options.root.clone());
    let mut text = "# What to check the logs of a CA by: c2sp.org/tlog-policy\n".to_owned();
    let mut count = 0_usize;
    for place in &options.log {
        let found = Source::open(place, &access)?.all_about()?;
        if found.is_empty() {
            bail!(
                "{place} says nothing of a log; give the URL of a log or an issuer, as https://ca.example.org/log/ISSUER"
            );
        }
        for about in &found {
            match key(about, options.keys)? {
                Some(key) => {
                    let _ = writeln!(text, "log {key} {}", about.url);
                    count = count.saturating_add(1);
                }
                None => say(format!("the log {} has no key of this algorithm, and is left out", about.origin)),
            }
        }
    }
    if count == 0 {
        bail!("no log has a key of this algorithm; a log has one once it was signed, and ML-DSA-44 needs a setting");
    }
    text += &witnesses(options.wrangler.as_deref())?;
    Policy::parse(&text).map_err(|fault| anyhow!("the logs and witnesses make no policy ({fault}): {text}"))?;
    if count > 1 {
        say(format!(
            "the policy has {count} logs, of which one has to have signed. torchwood up to 0.9 demands all of them: give its \
             users a policy for each log"
        ));
    }
    Ok(text)
}

/// The key of a log, of an algorithm.
fn key(about: &About, algorithm: Algorithm) -> Result<Option<VerifierKey>> {
    for text in &about.keys {
        let key =
            VerifierKey::parse(text).map_err(|fault| anyhow!("a key of {} cannot be used: {fault}", about.url))?;
        if key.kind() == algorithm.kind() {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// The lines of the setting, but for logs.
fn witnesses(wrangler: Option<&Path>) -> Result<String> {
    let Some(path) = wrangler else { return Ok("quorum none\n".to_owned()) };
    let config = WorkerConfig::read(path)?;
    let name = path.display();
    let text = config
        .var(LOG_POLICY)
        .with_context(|| format!("{name} has no {LOG_POLICY}; without --wrangler the policy demands no witness"))?;
    let is_log = |line: &&str| line.split([' ', '\t']).find(|word| !word.is_empty()) == Some("log");
    let lines = text.lines().filter(|line| !is_log(line));
    Ok(lines.map(|line| format!("{line}\n")).collect())
}
