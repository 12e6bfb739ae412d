//! `rehearse`: the work of an operator, with a throw-away CA.
//!
//! Everything is in a temporary folder, on free ports of this machine, with new keys. Each step runs the commands of the
//! handbook and checks what clients and verifiers see.

mod compromise;
mod own;
mod scene;
mod secrets;
mod steps;
mod walk;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use selvedge::values::identifier::DnsName;

use crate::common::ca_paths::CaPaths;
use crate::common::files::read_pem;
use crate::common::host::print;
use crate::common::web::{self, clean};
use own::Own;
use scene::{ROOT, Scene};
use steps::{Id, STEPS, Step};
use walk::Walk;

/// Options of `rehearse`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// The name of the certificates. [default: below a name that the issuer in --ca permits, else rehearsal.test]
    #[arg(long, value_name = "NAME", value_parser = super::acceptance::name)]
    name: Option<DnsName>,
    /// Read a backup first, and say whether it is whole.
    #[arg(long, value_name = "FILE", requires = "backup_passphrase")]
    backup: Option<PathBuf>,
    /// A file with the passphrase of that backup.
    #[arg(long, value_name = "FILE", requires = "backup")]
    backup_passphrase: Option<PathBuf>,
}

/// Takes all steps; `false` when one failed.
///
/// # Errors
/// When the throw-away CA cannot be made, or a signal asked to stop.
pub fn run(options: &Options) -> Result<bool> {
    let own = Own::read(&options.place)?;
    let mut scene = Scene::new()?;
    if let (Some(file), Some(passphrase)) = (&options.backup, &options.backup_passphrase) {
        let absolute = |path: &PathBuf| std::path::absolute(path).map(|path| path.display().to_string());
        let (file, passphrase) = (absolute(file)?, absolute(passphrase)?);
        print(&scene.run(&["backup", "verify", &file, "--passphrase-file", &passphrase])?);
        scene.did();
    }
    let agent = web::agent(Some(&read_pem(&scene.path(ROOT))?), None)?;
    let name = options.name.as_ref().map_or_else(|| own.name.clone(), |name| name.as_str().to_owned());
    print(&format!("{}Folder: {}\n\n", own.notice, scene.path("").display()));
    let mut walk = Walk::new(scene, &agent, name, own);
    let began = Instant::now();
    for (n, step) in STEPS.iter().enumerate() {
        let number = n.saturating_add(1);
        if !take(&mut walk, step, number) {
            if walk.scene.is_stopped() {
                bail!("stopped at step {number}; processes and folder are removed");
            }
            print(&format!("\nnot rehearsed: step {number} of {} failed\n", STEPS.len()));
            return Ok(false);
        }
    }
    walk.scene.stop();
    print(&format!("\nrehearsed: {} steps in {} s; nothing of it is left\n", STEPS.len(), began.elapsed().as_secs()));
    Ok(true)
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

/// Takes a step and prints it; whether it succeeded.
fn take(walk: &mut Walk<'_>, step: &Step, number: usize) -> bool {
    let began = Instant::now();
    let found = walk.take(step.id);
    let seconds = began.elapsed().as_secs_f32();
    let result = if found.is_ok() { "ok    " } else { "failed" };
    let mut text = format!("{result}  {number:2}  {} ({seconds:.1} s)\n", step.title);
    for (n, line) in walk.scene.did().iter().enumerate() {
        text.push_str(&format!("            {:10}{}\n", if n == 0 { "did" } else { "" }, clean(line)));
    }
    let (label, said) = match &found {
        Ok(said) => ("found", said.clone()),
        Err(error) => ("why", format!("{error:#}")),
    };
    text.push_str(&format!("            {label:10}{}\n", clean(&said)));
    text.push_str(&format!("            {:10}{}\n", "for real", step.real));
    text.push_str(&format!("            {:10}docs/OPERATIONS.md, \"{}\"\n", "", step.section));
    print(&text);
    found.is_ok()
}
