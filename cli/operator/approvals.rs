//! `approvals`: actions that one operator asked for, and another confirms or rejects.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::Client;
use super::confirm::confirm;
use super::target::Target;
use crate::common::host::say;
use crate::common::table::{Table, attribution, facts, minute, text};

/// The resource in the operations API.
const PATH: &str = "approvals";

/// The commands for approvals.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the actions, the latest first.
    #[command(after_help = "Example: selvedge approvals list")]
    List,
    /// Show an action with its whole request.
    #[command(after_help = "Example: selvedge approvals show 4vQ8sK2mZ1aB")]
    Show {
        /// Its id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Confirm an action that another person asked for, and run it.
    #[command(after_help = "Example: selvedge approvals confirm 4vQ8sK2mZ1aB")]
    Confirm {
        /// Its id.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Reject an action, or withdraw your own.
    #[command(after_help = "Example: selvedge approvals reject 4vQ8sK2mZ1aB")]
    Reject {
        /// Its id.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// Runs the command.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::List => client.get(&[PATH], &[])?.show(at, |found| {
            let mut table = Table::new(&["ID", "ACTION", "REQUEST", "ASKED (UTC)", "STATE", "UNTIL (UTC)", "DECIDED"]);
            for one in found.pointer("/approvals").and_then(Value::as_array).into_iter().flatten() {
                table.row([
                    text(one, "/id"),
                    text(one, "/action"),
                    text(one, "/path"),
                    attribution(one, "/asked"),
                    text(one, "/state"),
                    minute(one, "/until"),
                    attribution(one, "/decided"),
                ]);
            }
            table.text("Nothing waits for a second person.")
        }),
        Command::Show { id } => client.get(&[PATH, id], &[])?.show(at, details),
        Command::Confirm { id, yes } => {
            let found = client.get(&[PATH, id], &[])?;
            if !at.json {
                say(format!("\n{}", details(&found.value)));
            }
            confirm(*yes, "Confirm and run this?")?;
            let done = client.post(&[PATH, id, "confirm"], &json!({}))?;
            done.show(at, |done| {
                let result = done.get("result").cloned().unwrap_or_default();
                let asked = text(done, "/approval/action");
                format!("{asked} was done:\n{}\n", crate::operator::client::escaped(&format!("{result:#}")))
            });
            go_on(&client, id, done.value.pointer("/result/next").and_then(Value::as_str))?;
        }
        Command::Reject { id } => {
            let done = client.post(&[PATH, id, "reject"], &json!({}))?;
            done.show(at, |done| format!("{} is rejected.\n", text(done, "/approval/action")));
        }
    }
    Ok(true)
}

/// Takes the further steps of a revocation of many certificates.
fn go_on(client: &Client, id: &str, first: Option<&str>) -> Result<()> {
    let (mut next, mut revoked) = (first.map(str::to_owned), 0_usize);
    while let Some(cursor) = next {
        let step = client.post(&["revocations"], &json!({ "approval": id, "cursor": cursor }))?;
        let found = step.value.get("revoked").and_then(Value::as_array).map_or(0, Vec::len);
        revoked = revoked.saturating_add(found);
        say(format!("{revoked} further certificates are revoked"));
        next = step.value.get("next").and_then(Value::as_str).map(str::to_owned);
    }
    Ok(())
}

/// All fields of an action, with its request.
fn details(found: &Value) -> String {
    let mut rows = vec![
        ("id", text(found, "/id")),
        ("action", text(found, "/action")),
        ("request", text(found, "/path")),
        ("asked", format!("{} ({})", attribution(found, "/asked"), text(found, "/role"))),
        ("state", text(found, "/state")),
        ("until", minute(found, "/until")),
    ];
    if found.get("decided").is_some_and(Value::is_object) {
        rows.push(("decided", attribution(found, "/decided")));
    }
    let body = found.get("body").cloned().unwrap_or_default();
    format!("{}{}\n", facts(&rows), crate::operator::client::escaped(&format!("{body:#}")))
}
