//! `notices` and `calendar`: notices of the authority, their delivery, and the calendar feed.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::Client;
use super::target::Target;
use crate::common::table::{Table, facts, minute, names, text};

/// The resource in the operations API.
const PATH: &str = "notices";

/// The commands for notices.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the notices of the last 90 days and their delivery to the webhook.
    #[command(after_help = "Example: selvedge notices list")]
    List,
    /// Send a test notice to the webhook. The exit code is 1 when it was not delivered.
    #[command(after_help = "Example: selvedge notices test")]
    Test,
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::List => {
            client.get(&[PATH], &[])?.show(at, |found| {
                let mut table = Table::new(&["WHEN (UTC)", "WHAT", "ABOUT", "DELIVERY", "ERROR"]);
                for one in found.get("notices").and_then(Value::as_array).into_iter().flatten() {
                    let about = match one.pointer("/data/names") {
                        Some(_) => names(one.get("data").unwrap_or(&Value::Null), 2),
                        None => text(one, "/data/name"),
                    };
                    let (what, error) = (text(one, "/kind"), text(one, "/delivery/error"));
                    table.row([minute(one, "/at"), what, about, delivery(one), error]);
                }
                table.text("There are no notices.")
            });
            Ok(true)
        }
        Command::Test => {
            let sent = client.post(&[PATH, "test"], &json!({}))?;
            sent.show(at, |one| {
                let others = receivers(one);
                let mut rows = vec![
                    ("notice", text(one, "/id")),
                    ("delivery", delivery(one)),
                    ("status", text(one, "/delivery/status")),
                    ("error", text(one, "/delivery/error")),
                    ("next try", minute(one, "/delivery/next")),
                ];
                rows.extend(others.iter().map(|(name, result)| (name.as_str(), result.clone())));
                facts(&rows)
            });
            let (webhook, others) = (text(&sent.value, "/delivery/state"), receivers(&sent.value));
            // Without a webhook there is another receiver.
            let good = webhook == "delivered" || (webhook == "none" && !others.is_empty());
            Ok(good && others.iter().all(|(_, result)| result == "delivered"))
        }
    }
}

/// The results of a test at other receivers than the webhook.
fn receivers(notice: &Value) -> Vec<(String, String)> {
    let all = notice.get("receivers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let result = |one: &Value| match text(one, "/error") {
        error if error == "-" => "delivered".to_owned(),
        error => error,
    };
    all.iter().map(|one| (text(one, "/receiver"), result(one))).collect()
}

/// The delivery state of a notice, as text.
fn delivery(notice: &Value) -> String {
    let attempts = text(notice, "/delivery/attempts");
    match text(notice, "/delivery/state").as_str() {
        "none" => "no webhook".to_owned(),
        "waiting" => format!("waiting, after {attempts} tries"),
        "given_up" => format!("given up, after {attempts} tries"),
        other => other.to_owned(),
    }
}

/// Prints the calendar's URL, or moves it to a new one.
pub fn calendar(at: &Target, to_another: bool) -> Result<bool> {
    let client = Client::open(at)?;
    let path = ["calendar"];
    let found = if to_another { client.post(&path, &json!({}))? } else { client.get(&path, &[])? };
    found.show(at, |found| format!("{}\n", text(found, "/url")));
    Ok(true)
}
