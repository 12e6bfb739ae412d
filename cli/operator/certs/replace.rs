//! `certs replace`, `replacements` and `withdraw`.

use anyhow::Result;
use serde_json::{Value, json};

use super::selection::Selection;
use crate::common::table::{Table, attribution, text};
use crate::operator::client::Client;
use crate::operator::confirm::confirm;
use crate::operator::target::Target;

/// The resource in the operations API.
const REPLACEMENTS: &str = "replacements";

/// The selection and the reason.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    which: Selection,
    /// The reason, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A page about it, shown by clients.
    #[arg(long, value_name = "URL")]
    explanation: Option<String>,
    /// Skip the confirmation.
    #[arg(long)]
    yes: bool,
}

/// Shows the number of selected certificates and has them replaced; refuses an empty selection.
pub fn run(client: &Client, at: &Target, options: &Options) -> Result<()> {
    let mut body = options.which.body()?;
    options.which.count(client, &[("status", "valid".to_owned())], |_| true)?;
    confirm(options.yes, "Replace them now?")?;
    for (name, value) in [("reason", &options.reason), ("explanation", &options.explanation)] {
        body.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    client.post(&[REPLACEMENTS], &Value::Object(body))?.show(at, |made| {
        format!(
            "{}\nClients with renewal information renew at their next check, most within a day. To undo:\n\n  selvedge certs withdraw {}\n",
            table(std::slice::from_ref(made)),
            text(made, "/id")
        )
    });
    Ok(())
}

/// Lists the replacements.
pub fn list(client: &Client, at: &Target) -> Result<()> {
    let found = client.get(&[REPLACEMENTS], &[])?;
    found.show(at, |found| table(found.get("replacements").and_then(Value::as_array).map_or(&[], Vec::as_slice)));
    Ok(())
}

/// Withdraws a replacement.
pub fn withdraw(client: &Client, at: &Target, id: &str) -> Result<()> {
    let done = client.post(&[REPLACEMENTS, id, "withdraw"], &json!({}))?;
    done.show(at, |done| table(std::slice::from_ref(done)));
    Ok(())
}

fn table(all: &[Value]) -> String {
    let mut table = Table::new(&["ID", "WHICH", "MADE", "WITHDRAWN", "REASON"]);
    for one in all {
        let selection = one.get("selection").and_then(Value::as_object);
        let which: Vec<String> =
            selection.into_iter().flatten().map(|(name, value)| format!("{name} {}", text(value, ""))).collect();
        table.row([
            text(one, "/id"),
            which.join(", "),
            attribution(one, "/made"),
            attribution(one, "/withdrawn"),
            text(one, "/reason"),
        ]);
    }
    table.text("There are no replacements.")
}
