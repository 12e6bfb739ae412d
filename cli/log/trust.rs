//! Keys that a checkpoint is checked by.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::tlog::policy::{SignatureCheck, Verdict};
use selvedge::tlog::{Note, Policy};
use selvedge::values::native_crypto::NativeCrypto;

use super::alarm::{Alarm, Kind};
use super::report::Report;
use super::signatures;
use super::source::Source;
use crate::common::files;
use crate::common::x509::immediate;

/// Options that name the keys.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Trust {
    /// A policy with the log's key, its witnesses and their quorum (c2sp.org/tlog-policy).
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    policy: Option<PathBuf>,
    /// The log's key, as NAME+ID+KEY, in place of a policy. No witness is asked for.
    #[arg(long, value_name = "VKEY")]
    key: Vec<String>,
}

/// A policy, and where it is from.
pub struct Trusted {
    /// The policy.
    pub policy: Policy,
    /// Whether the keys are only what the log says of itself.
    pub own_word: bool,
}

impl Trust {
    /// The given policy, or one of keys: given ones, those seen before, the log's own.
    ///
    /// # Errors
    /// When none of them is there, or cannot be read.
    pub fn policy(&self, source: Option<&Source>, seen: &[String]) -> Result<Trusted> {
        if let Some(path) = &self.policy {
            let name = path.display();
            let text = files::read(path)?.with_context(|| format!("{name} does not exist"))?;
            let policy = Policy::parse(&text).map_err(|fault| anyhow!("{name} is not a policy: {fault}"))?;
            return Ok(Trusted { policy, own_word: false });
        }
        if !self.key.is_empty() {
            return Ok(Trusted { policy: of_keys(&self.key)?, own_word: false });
        }
        if !seen.is_empty() {
            return Ok(Trusted { policy: of_keys(seen)?, own_word: false });
        }
        let about = source.map(Source::about).transpose()?.flatten().filter(|about| !about.keys.is_empty());
        let Some(about) = about else {
            bail!("no key of the log is known: give a policy with --policy FILE, or the log's key with --key VKEY");
        };
        Ok(Trusted { policy: of_keys(&about.keys)?, own_word: true })
    }
}

/// A policy of logs with these keys, without witnesses.
fn of_keys(keys: &[String]) -> Result<Policy> {
    let lines: String = keys.iter().map(|key| format!("log {key}\n")).collect();
    Policy::parse(&format!("{lines}quorum none\n"))
        .map_err(|fault| anyhow!("the key of the log cannot be used: {fault}"))
}

/// Checks all signatures of a checkpoint.
///
/// # Errors
/// An [`Alarm`] when it is not one of a log of the policy.
pub fn judge(policy: &Policy, note: &Note) -> Result<Verdict> {
    judge_lines(policy, note, &mut Report::default())
}

/// As [`judge`], and reports each signature, also of a checkpoint that is refused.
///
/// # Errors
/// As there.
pub fn judge_lines(policy: &Policy, note: &Note, report: &mut Report) -> Result<Verdict> {
    let alarm =
        |fault: &dyn std::fmt::Display| Alarm::new(Kind::Checkpoint, format!("the checkpoint is refused: {fault}"));
    let checks = policy.checks(note).map_err(|fault| alarm(&fault))?;
    let mut outcomes = Vec::new();
    for SignatureCheck { check, .. } in &checks.checks {
        outcomes.push(match check {
            Some(check) => immediate(check.holds(&NativeCrypto)).context("native cryptography waited")??,
            None => None,
        });
    }
    report.signatures = signatures::lines(policy, note, &checks, &outcomes);
    policy.judge(checks, &outcomes).map_err(|fault| alarm(&fault).into())
}
