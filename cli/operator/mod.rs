//! What runs an authority, by its operations API: external account keys, the inventory, the policy, the audit record. The
//! same commands are for a `dev` on this machine and for a Worker that is deployed.
//!
//! No token is ever on a command line, where every process of the machine could read it, nor in what is printed but by
//! `token new`; and nothing that the authority says reaches a terminal as a control character.

mod accounts;
mod audit;
mod certs;
mod client;
mod confirm;
mod document;
mod eab;
mod notices;
mod operator_status;
mod policy;
mod running_dev;
mod target;
mod token;

use std::process::ExitCode;

use crate::common::host::say;
use crate::common::web::Unreachable;
pub use operator_status::{OperatorAnswer, OperatorStatus};
pub use running_dev::RunningDev;
pub use target::{Target, no_target};

/// What is answered when the authority, or this command, refuses.
const REFUSED: u8 = 1;
/// What is answered when the authority could not be asked.
const UNREACHABLE: u8 = 2;

/// What can be done with an authority.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// External account keys: who may create accounts, and for which names. Make them, list them, end them.
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
    /// The accounts of ACME clients.
    Accounts {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: accounts::Command,
    },
    /// The policy: for which names certificates are issued. Change it while the authority runs, and try it out before.
    Policy {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: policy::Command,
    },
    /// The audit record: who did what, and whether the record is whole.
    Audit {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: audit::Command,
    },
    /// Notices: what the authority had to tell (certificates that end, say), and whether the webhook got it.
    Notices {
        #[command(flatten)]
        at: Target,
        #[command(subcommand)]
        command: notices::Command,
    },
    /// The URL of a calendar with the days on which certificates and issuers end. Whoever has it can read it.
    #[command(
        after_help = "Example: subscribe to what `selvedge calendar` prints; `--move` when it got into wrong hands."
    )]
    Calendar {
        #[command(flatten)]
        at: Target,
        /// Give it another URL; the old one is no more.
        #[arg(long = "move")]
        to_another: bool,
    },
    /// Admin tokens, by which the authority knows who runs it: names and secrets in the file admin.tokens of the CA's folder.
    Token {
        #[command(subcommand)]
        command: token::Command,
    },
}

/// Does it. Gives 0 when it is done, 1 when it is refused, 2 when the authority could not be asked.
pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Eab { at, command } => eab::run(at, command),
        Command::Certs { at, command } => certs::run(at, command),
        Command::Accounts { at, command } => accounts::run(at, command),
        Command::Policy { at, command } => policy::run(at, command),
        Command::Audit { at, command } => audit::run(at, command),
        Command::Notices { at, command } => notices::run(at, command),
        Command::Calendar { at, to_another } => notices::calendar(at, *to_another),
        Command::Token { command } => token::run(command),
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
