//! `log`: checks of a transparency log, at a URL or in a folder.

mod alarm;
mod audit;
mod download;
mod policy;
mod proof;
mod report;
mod signatures;
mod source;
mod state;
mod tiles;
mod trust;
mod verify;
mod watch;

use std::process::ExitCode;

use crate::common::host::say;

/// Exit code of an alarm.
const ALARM: u8 = 1;
/// Exit code when nothing could be checked.
const UNKNOWN: u8 = 2;

/// The commands of `log`.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check the newest checkpoint: signatures, quorum, tree, and that it continues what was seen before.
    Verify(verify::Options),
    /// Download a log into a folder. The other checks take it in place of a URL.
    Download(download::Options),
    /// Check every entry: the tree, certificates against the policy in force, names, revocations, CRLs.
    Audit(audit::Options),
    /// Write the policy by which others check logs of a CA: keys, witnesses and quorum.
    Policy(policy::Options),
    /// Check that one certificate is in a log, offline by its proof.
    Proof(proof::Options),
    /// Verify a log again and again, and report alarms to a webhook. Ends with an alarm.
    Watch(watch::Options),
}

/// Runs a command. Exit codes: 0 all is well, 1 an alarm, 2 nothing could be checked.
pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Verify(options) => verify::run(options),
        Command::Download(options) => download::run(options),
        Command::Audit(options) => audit::run(options),
        Command::Proof(options) => proof::run(options),
        Command::Policy(options) => policy::run(options),
        Command::Watch(options) => watch::run(options),
    };
    match done {
        Ok(report) if report.is_fine() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(ALARM),
        Err(error) => {
            say(format!("unknown: {error:#}"));
            ExitCode::from(UNKNOWN)
        }
    }
}
