//! `rehearse`: the work of an operator, with a throw-away CA.
//!
//! Everything is in a temporary folder, on free ports of this machine, with new keys. Each step runs the commands of the
//! handbook and checks what clients and verifiers see.

mod compromise;
mod from_backup;
mod own;
mod scene;
mod secrets;
mod steps;
mod walk;

use std::time::Instant;

use anyhow::{Result, bail};
use selvedge::values::identifier::DnsName;

use crate::common::ca_paths::CaPaths;
use crate::common::files::read_pem;
use crate::common::host::print;
use crate::common::web::{self, clean};
use from_backup::Restored;
use own::Own;
use scene::{ROOT, Scene};
use steps::{Id, OfBackup, STEPS, Step};
use walk::Walk;

/// Options of `rehearse`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// The name of the certificates. [default: below a name that the issuer in --ca permits, else rehearsal.test]
    #[arg(long, value_name = "NAME", value_parser = super::acceptance::name)]
    name: Option<DnsName>,
    #[command(flatten)]
    backup: from_backup::Options,
}

/// Takes all steps; `false` when one failed.
///
/// # Errors
/// When the throw-away CA cannot be made, or a signal asked to stop.
pub fn run(options: &Options) -> Result<bool> {
    let own = Own::read(&options.place)?;
    let began = Instant::now();
    let of_backup = from_backup::steps(&options.backup);
    let total = of_backup.len().saturating_add(STEPS.len());
    if !of_backup.is_empty() && !with_backup(options, of_backup, total)? {
        return Ok(false);
    }
    let scene = Scene::new()?;
    let agent = web::agent(Some(&read_pem(&scene.path(ROOT))?), None)?;
    let name = options.name.as_ref().map_or_else(|| own.name.clone(), |name| name.as_str().to_owned());
    print(&format!("{}Folder: {}\n\n", own.notice, scene.path("").display()));
    let mut walk = Walk::new(scene, &agent, name, own);
    for (step, number) in STEPS.iter().zip(of_backup.len().saturating_add(1)..) {
        let (began, found) = (Instant::now(), walk.take(step.id));
        if !show(step, number, began, &walk.scene.did(), found.as_ref()) {
            return failed(&walk.scene, number, total);
        }
    }
    walk.scene.stop();
    print(&format!("\nrehearsed: {total} steps in {} s; nothing of it is left\n", began.elapsed().as_secs()));
    Ok(true)
}

/// Takes the steps with a backup; `false` when one failed.
fn with_backup(options: &Options, steps: &[Step<OfBackup>], total: usize) -> Result<bool> {
    let mut copy = Restored::new(&options.place, &options.backup)?;
    for (step, number) in steps.iter().zip(1..) {
        let (began, found) = (Instant::now(), copy.take(step.id));
        if !show(step, number, began, &copy.scene.did(), found.as_ref()) {
            return failed(&copy.scene, number, total);
        }
    }
    Ok(true)
}

/// Says that a step failed, unless a signal asked to stop.
fn failed(scene: &Scene, number: usize, total: usize) -> Result<bool> {
    if scene.is_stopped() {
        bail!("stopped at step {number}; processes and folder are removed");
    }
    print(&format!("\nnot rehearsed: step {number} of {total} failed\n"));
    Ok(false)
}

impl Walk<'_> {
    /// Takes a step; returns what was found.
    ///
    /// # Errors
    /// When the CA does something else than expected.
    fn take(&mut self, id: Id) -> Result<String> {
        match id {
            Id::SetUp => self.set_up(),
            Id::Issue => self.issue(),
            Id::Revoke => self.revoke(),
            Id::Rotate => self.rotate(),
            Id::BackUp => self.back_up(),
            Id::Lose => self.lose(),
            Id::Restore => self.restore(),
            Id::CertificateKey => self.certificate_key(),
            Id::AccountKey => self.account_key(),
            Id::NonceKey => self.nonce_key(),
            Id::ExternalKey => self.external_key(),
            Id::ConfiguredKey => self.configured_key(),
            Id::AdminToken => self.admin_token(),
            Id::Calendar => self.calendar(),
            Id::MetricsToken => self.metrics_token(),
            Id::LogKey => self.log_key(),
            Id::IssuerKey => self.issuer_key(),
            Id::RootKey => self.root_key(),
        }
    }
}

/// Prints a step; whether it succeeded.
fn show<I>(
    step: &Step<I>,
    number: usize,
    began: Instant,
    did: &[String],
    found: Result<&String, &anyhow::Error>,
) -> bool {
    let seconds = began.elapsed().as_secs_f32();
    let result = if found.is_ok() { "ok    " } else { "failed" };
    let mut text = format!("{result}  {number:2}  {} ({seconds:.1} s)\n", step.title);
    for (n, line) in did.iter().enumerate() {
        text.push_str(&format!("            {:10}{}\n", if n == 0 { "did" } else { "" }, clean(line)));
    }
    let (label, said) = match found {
        Ok(said) => ("found", said.clone()),
        Err(error) => ("why", format!("{error:#}")),
    };
    text.push_str(&format!("            {label:10}{}\n", clean(&said)));
    text.push_str(&format!("            {:10}{}\n", "for real", step.real));
    text.push_str(&format!("            {:10}docs/OPERATIONS.md, \"{}\"\n", "", step.section));
    print(&text);
    found.is_ok()
}
