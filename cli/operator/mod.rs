//! Commands for the operations API.
//!
//! External account keys, certificates, accounts, policy, audit record, notices, failures, test CAs and their faults.
//!
//! They work with a `dev` on this machine and with a deployed Worker. Command lines have no tokens, since every process
//! of the machine could read them; only `token new` prints one. Responses are printed without control characters.

mod acceptance;
mod access;
mod accounts;
mod approvals;
mod audit;
mod backup;
mod certs;
pub mod client;
mod confirm;
mod document;
mod eab;
mod failures;
mod faults;
pub mod issuance;
mod nonce_key;
mod notices;
mod operator_logs;
mod operator_status;
mod paused;
mod policy;
mod recover;
mod rehearse;
mod running_dev;
mod target;
mod test_cas;
mod token;
mod whoami;
mod why;

use std::process::ExitCode;

use crate::common::host::say;
use crate::common::web::Unreachable;
pub use operator_status::{OperatorAnswer, OperatorStatus};
pub use running_dev::RunningDev;
pub use target::{KnownTarget, ResolvedTarget, Target, no_target};

/// Exit code when the authority, or this command, refuses.
const REFUSED: u8 = 1;
/// Exit code when the authority could not be reached.
const UNREACHABLE: u8 = 2;

/// The commands for an authority.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// External account keys: create, list, change and disable them.
    Eab {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: eab::Command,
    },
    /// Certificates: find, download and revoke them, or have clients replace them.
    Certs {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: certs::Command,
    },
    /// Who this token is to the authority: the role, and what it may do.
    #[command(after_help = "Example: selvedge whoami")]
    Whoami {
        #[command(flatten)]
        at: Target,
    },
    /// Actions that wait for a second person, by the setting FOUR_EYES.
    Approvals {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: approvals::Command,
    },
    /// The accounts of ACME clients.
    Accounts {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: accounts::Command,
    },
    /// List refused requests, failed validations and abandoned issuances, the latest first.
    #[command(
        after_help = "Example: selvedge failures --key team-a --problem caa\nOf one client, by the request id in its error: \
                            selvedge failures 9f86d081884c-17"
    )]
    Failures {
        #[command(flatten)]
        at: Target,
        #[command(flatten)]
        options: failures::Options,
    },
    /// Show why a name gets no certificate: the policy, its last failures, pauses and certificates.
    #[command(after_help = "Example: selvedge why www.example.org --key team-a")]
    Why {
        #[command(flatten)]
        at: Target,
        #[command(flatten)]
        options: why::Options,
    },
    /// Names whose validations always fail: list those that are paused, and resume one.
    Paused {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: paused::Command,
    },
    /// The policy: the names for which certificates are issued. Test a change, then put it in force.
    Policy {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: policy::Command,
    },
    /// The audit record: list the operations, and verify that the record is complete.
    Audit {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Notices of the authority (expiring certificates, for example) and their delivery to the webhook.
    Notices {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: notices::Command,
    },
    /// The URL of a calendar with the days on which certificates and issuers expire. The URL is a secret.
    #[command(after_help = "Example: subscribe to what `selvedge calendar` prints; `--move` if it leaks.")]
    Calendar {
        /// Give it a new URL; the old one stops working.
        #[arg(long = "move")]
        to_another: bool,
        #[command(flatten)]
        at: Target,
    },
    /// Faults on purpose of a test CA (`dev --faults`), to see what a client makes of them.
    Faults {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: faults::Command,
    },
    /// Test CAs below URLs of their own, which end by themselves (TEST_CAS), and their clocks.
    Ca {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: test_cas::Command,
    },
    /// Walk through an issuance and a revocation at a running authority.
    #[command(after_help = "Example: selvedge acceptance --url https://ca.example.org --token-file ca/admin.tokens")]
    Acceptance {
        #[command(flatten)]
        options: acceptance::Options,
        #[command(flatten)]
        at: Target,
    },
    /// Rehearse a CA's life with a throw-away one, up to the theft of each key.
    #[command(
        after_help = "Example: selvedge rehearse\nIn the folder of your CA it has its names, constraints and policy, \
                            and never its keys. The exit code is 1 when a step failed."
    )]
    Rehearse(rehearse::Options),
    /// Back up all accounts, certificates, revocations and decisions into an encrypted file. The CA goes on meanwhile.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Example: selvedge backup ca-2027-01-31.age\nKeep ca/ and wrangler.toml beside it: the keys are not in \
                      it. `age` opens it, too: age -d FILE | gunzip"
    )]
    Backup {
        #[command(flatten)]
        options: backup::BackupOptions,
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: Option<backup::Command>,
    },
    /// Restore a backup into an empty, closed CA of the same address and issuers.
    #[command(
        after_help = "Example: selvedge restore ca-2027-01-31.age\nRun it again after an interruption, and it goes on."
    )]
    Restore {
        #[command(flatten)]
        options: backup::RestoreOptions,
        #[command(flatten)]
        at: Target,
    },
    /// Take one partition back to an earlier time, on Cloudflare.
    #[command(
        after_help = "Example: selvedge recover ledger/1a2b3c4d5e6f7081 --at 2027-01-31T12:00:00Z --dry-run\nThe CA has to be \
                            closed (CLOSED). Run it again after an interruption, and it goes on."
    )]
    Recover {
        #[command(flatten)]
        options: recover::Options,
        #[command(flatten)]
        at: Target,
    },
    /// Admin tokens of the operations API: names and secrets in admin.tokens of the CA's folder.
    Token {
        #[command(subcommand)]
        command: token::Command,
    },
    /// The key of nonces, links and external account keys: make a new one.
    NonceKey {
        #[command(subcommand)]
        command: nonce_key::Command,
    },
}

/// Runs the command. Exit codes: 0 done, 1 refused, 2 the authority could not be reached.
pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Eab { at, command } => eab::run(at, command),
        Command::Certs { at, command } => certs::run(at, command),
        Command::Approvals { at, command } => approvals::run(at, command),
        Command::Whoami { at } => whoami::run(at),
        Command::Accounts { at, command } => accounts::run(at, command),
        Command::Failures { at, options } => failures::run(at, options),
        Command::Why { at, options } => why::run(at, options),
        Command::Paused { at, command } => paused::run(at, command),
        Command::Policy { at, command } => policy::run(at, command),
        Command::Audit { at, command } => audit::run(at, command),
        Command::Notices { at, command } => notices::run(at, command),
        Command::Calendar { at, to_another } => notices::calendar(at, *to_another),
        Command::Faults { at, command } => faults::run(at, command),
        Command::Ca { at, command } => test_cas::run(at, command),
        Command::Acceptance { at, options } => acceptance::run(at, options),
        Command::Rehearse(options) => rehearse::run(options),
        Command::Backup { at, options, command } => backup::run(at, options, command.as_ref()),
        Command::Restore { at, options } => backup::restore(at, options),
        Command::Recover { at, options } => recover::run(at, options),
        Command::Token { command } => token::run(command),
        Command::NonceKey { command } => nonce_key::run(command),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(REFUSED),
        Err(error) => {
            say(format!("{error:#}"));
            let unreachable = error.downcast_ref::<Unreachable>().is_some();
            ExitCode::from(if unreachable { UNREACHABLE } else { REFUSED })
        }
    }
}
