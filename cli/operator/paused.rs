//! `paused`: names that are paused because their validations always fail.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::client::{Client, Paging, given};
use super::target::Target;
use crate::common::table::{Table, minute, text};

/// The resource in the operations API.
pub const PATH: &str = "paused";

/// The commands for paused names.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the paused names.
    #[command(after_help = "Example: selvedge paused list --key team-a")]
    List {
        /// Names that fit a pattern: www.example.org, *.example.org.
        #[arg(long, value_name = "PATTERN")]
        name: Option<String>,
        /// Those of this account, by its id.
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        account: Option<String>,
        /// Those of accounts created with this external account key.
        #[arg(long, value_name = "KID")]
        key: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Let an account order a paused name again.
    #[command(after_help = "Example: selvedge paused resume www.example.org")]
    Resume {
        /// The name.
        name: String,
        /// The account, by its id [default: the only one for which the name is paused].
        #[arg(long, value_name = "ID", allow_hyphen_values = true)]
        account: Option<String>,
    },
}

/// Runs the command.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::List { name, account, key, paging } => {
            let all = [("name", name), ("account", account), ("external_account", key)];
            client.list(PATH, &given(all), "paused", paging.limit())?.show(at, |all| {
                let mut table = Table::new(&["NAME", "ACCOUNT", "KEY", "SINCE (UTC)", "FAILURES"]);
                for one in all {
                    table.row([
                        name_of(one),
                        text(one, "/account"),
                        text(one, "/external_account"),
                        minute(one, "/since"),
                        text(one, "/failures"),
                    ]);
                }
                table.text("No name is paused.")
            });
        }
        Command::Resume { name, account } => {
            let account = match account {
                Some(account) => account.clone(),
                None => only_account(&client, name)?,
            };
            client.post(&["accounts", &account, "resume"], &json!({ "name": name }))?.show(at, |done| {
                format!("{} is not paused any more for account {}.\n", text(done, "/name"), text(done, "/account"))
            });
        }
    }
    Ok(true)
}

/// A paused name in both forms.
pub fn name_of(paused: &Value) -> String {
    let (name, unicode) = (text(paused, "/name"), text(paused, "/unicode_name"));
    if name == unicode { name } else { format!("{unicode} ({name})") }
}

/// The account for which a name is paused.
fn only_account(client: &Client, name: &str) -> Result<String> {
    let found = client.list(PATH, &[("name", name.to_owned())], "paused", Some(20))?.items;
    match &found[..] {
        [] => bail!("{name} is not paused for any account; `selvedge paused list` lists the paused names"),
        [one] => Ok(text(one, "/account")),
        several => {
            let accounts: Vec<String> = several.iter().map(|one| text(one, "/account")).collect();
            bail!("{name} is paused for several accounts; choose one with --account: {}", accounts.join(", "))
        }
    }
}
