//! `backup` and `restore`: all rows of a CA into one encrypted file, and back.

mod archive;
mod check;
mod copy;
mod key;
mod steps;
mod stored;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::client::Client;
use super::confirm::confirm;
use super::target::Target;
use crate::common::host::{disable_core_dumps, print, say};
use crate::common::table::facts;
use check::Checked;
use key::{KeyOptions, LockOptions};
use steps::Steps;

pub use copy::patiently;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub struct BackupOptions {
    /// The file to write; an existing one is never replaced. An interrupted backup goes on from FILE.part.
    file: Option<PathBuf>,
    #[command(flatten)]
    lock: LockOptions,
}

/// The commands for backups.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say what is in a backup, and whether it is whole. The exit code is 1 when it is not. No authority is asked.
    #[command(after_help = "Example: selvedge backup verify ca-2027-01-31.age")]
    Verify {
        /// The backup.
        file: PathBuf,
        #[command(flatten)]
        key: KeyOptions,
    },
    /// List the backups that the Worker has made in its bucket, the newest first.
    #[command(after_help = "Example: selvedge backup list")]
    List,
    /// Fetch a backup from the Worker's bucket into a file, which `verify` and `restore` read.
    #[command(after_help = "Example: selvedge backup fetch ca.age")]
    Fetch {
        /// The file to write; an existing one is never replaced.
        file: PathBuf,
        /// The name of the backup; by default it is the newest.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
    },
}

/// Options of `restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreOptions {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    key: KeyOptions,
    /// Delete what an interrupted restore of this backup has imported. Not after it has begun to open accounts.
    #[arg(long)]
    undo: bool,
    /// Restore although NONCE_KEY is another one. Operators' external account keys become invalid then, and the calendar's
    /// URL.
    #[arg(long)]
    other_nonce_key: bool,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// Runs `backup`; `false` gives exit code 1.
pub fn run(at: &Target, options: &BackupOptions, command: Option<&Command>) -> Result<bool> {
    disable_core_dumps()?;
    match command {
        Some(Command::Verify { file, key }) => return verify(at, file, key),
        Some(Command::List) => return stored::list(&Client::open(at)?, at.json).map(|()| true),
        Some(Command::Fetch { file, name }) => {
            return stored::fetch(&Client::open(at)?, file, name.as_deref()).map(|()| true);
        }
        None => {}
    }
    let Some(file) = &options.file else { bail!("name the file to write: selvedge backup FILE") };
    let client = Client::open(at)?;
    match copy::run(&client, file, &options.lock)? {
        Some(checked) => show(at, file, &checked),
        None => say(format!("{} is complete; `selvedge backup verify` reads it with the identity", file.display())),
    }
    Ok(true)
}

fn verify(at: &Target, file: &Path, options: &KeyOptions) -> Result<bool> {
    let key = options.open(file)?;
    match check::whole(file, &key.key()) {
        Ok(checked) => {
            show(at, file, &checked);
            Ok(true)
        }
        Err(error) => {
            say(format!("{} is NOT a whole backup: {error:#}", file.display()));
            Ok(false)
        }
    }
}

/// Runs `restore`; `false` gives exit code 1.
pub fn restore(at: &Target, options: &RestoreOptions) -> Result<bool> {
    disable_core_dumps()?;
    let file = &options.file;
    let key = options.key.open(file)?;
    // All of it is read before anything is changed.
    let checked = check::whole(file, &key.key());
    let checked = checked.with_context(|| format!("{} is not a whole backup, and nothing was done", file.display()))?;
    let client = Client::open(at)?;
    let steps = Steps { client: &client, checked: &checked };
    if options.undo {
        confirm(options.yes, &format!("Delete what was restored into {}?", client.base()))?;
        steps.undo()?;
        say("what was restored is deleted; the CA is empty");
        return Ok(true);
    }
    show(at, file, &checked);
    steps.check_closed()?;
    confirm(options.yes, &format!("Restore this into {}?", client.base()))?;
    steps.restore(file, &key.key(), options.other_nonce_key)?;
    say("the restore is complete: remove CLOSED, and start or deploy the CA again; then clients are served");
    Ok(true)
}

/// Prints what is in a whole backup.
fn show(at: &Target, file: &Path, checked: &Checked) {
    let (head, counts) = (&checked.head, checked.counts);
    print(&if at.json {
        let report = json!({
            "whole": true, "id": head.id, "base_url": head.base_url, "begun": head.at, "version": head.version,
            "issuers": head.issuers, "accounts": counts.accounts, "orders": counts.orders,
            "certificates": counts.certificates, "ledger_entries": counts.entries, "revocations": counts.revocations,
            "crl_numbers": checked.lists, "audit_entries": counts.audit, "partitions": checked.partitions.len(),
            "rows": counts.rows, "sha256": checked.digest,
        });
        format!("{report}\n")
    } else {
        let facts = facts(&[
            ("file", file.display().to_string()),
            ("CA", head.base_url.clone()),
            ("begun", head.at.clone()),
            ("version", head.version.clone()),
            ("accounts", counts.accounts.to_string()),
            ("orders", counts.orders.to_string()),
            ("certificates", counts.certificates.to_string()),
            ("ledger entries", counts.entries.to_string()),
            ("revocations", counts.revocations.to_string()),
            ("audit entries", counts.audit.to_string()),
            ("partitions", checked.partitions.len().to_string()),
            ("rows", counts.rows.to_string()),
            ("SHA-256", checked.digest.clone()),
        ]);
        format!("{facts}The backup is whole.\n")
    });
}
