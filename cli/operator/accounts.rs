//! `accounts`: the accounts of ACME clients.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::{Client, Paging};
use super::confirm::confirm;
use super::target::Target;
use crate::common::host::say;
use crate::common::table::{Table, facts, minute, some, text};

/// The resource in the operations API.
const PATH: &str = "accounts";

/// The commands for accounts.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the accounts, the oldest first.
    #[command(after_help = "Example: selvedge accounts list --all")]
    List(Paging),
    /// Show an account.
    #[command(
        after_help = "Example: selvedge accounts show ID (`certs list` has the id of each certificate's account)"
    )]
    Show {
        /// The account's id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Deactivate an account, permanently. Its certificates stay valid.
    #[command(after_help = "Example: selvedge accounts deactivate ID")]
    Deactivate {
        /// The account's id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Skip the confirmation.
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::List(paging) => client.list(PATH, &[], "accounts", paging.limit())?.show(at, |all| {
            let mut table = Table::new(&["ID", "STATUS", "MADE", "EXTERNAL ACCOUNT", "CONTACT"]);
            for one in all {
                table.row([
                    text(one, "/id"),
                    text(one, "/status"),
                    minute(one, "/created"),
                    text(one, "/external_account"),
                    some(one, "/contact", 3),
                ]);
            }
            table.text("There are no accounts yet.")
        }),
        Command::Show { id } => client.get(&[PATH, id], &[])?.show(at, one),
        Command::Deactivate { id, yes } => {
            if !yes {
                let found = client.get(&[PATH, id], &[])?;
                say(format!("account to deactivate:\n{}", one(&found.value)));
            }
            confirm(*yes, "Deactivate it permanently?")?;
            client.post(&[PATH, id, "deactivate"], &json!({}))?.show(at, one);
            say("its certificates stay valid; `selvedge certs revoke --account ID` revokes them");
        }
    }
    Ok(true)
}

fn one(account: &Value) -> String {
    facts(&[
        ("id", text(account, "/id")),
        ("url", text(account, "/url")),
        ("status", text(account, "/status")),
        ("contact", some(account, "/contact", 100)),
        ("external account", text(account, "/external_account")),
        ("made", minute(account, "/created")),
        ("key", text(account, "/thumbprint")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn an_id_may_begin_with_a_hyphen() {
        for id in ["-fEH9o6cmlaTnKuaeyiP4w", "--Hb9o6cmlaTnKuaeyiP4w", "fEH9"] {
            let line = Line::try_parse_from(["accounts", "deactivate", id, "--yes"]).unwrap();
            assert!(matches!(line.command, Command::Deactivate { id: found, yes: true } if found == id));
        }
    }
}
