//! `certs replace`, and what becomes of it.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::super::agreed;
use super::super::client::Client;
use super::super::place::At;
use super::super::table::{Table, act, some, text};
use super::PATH;
use crate::tools::say;

/// Where they are.
const REPLACEMENTS: &str = "replacements";
/// Up to how many certificates are counted before it is asked whether to go on.
const COUNTED: usize = 2000;
/// How many of them are shown.
const SHOWN: usize = 5;

/// Which certificates, and why.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// All certificates.
    #[arg(long, conflicts_with_all = ["name", "profile", "account", "issuer"])]
    all: bool,
    /// Those with a name that fits a pattern: www.example.org, *.example.org, 10.0.0.0/8.
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// Those of this profile.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Those of this account, by its id.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Those of this issuer, by its id.
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A page about it, which clients show.
    #[arg(long, value_name = "URL")]
    explanation: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

impl Options {
    fn selection(&self) -> Vec<(&'static str, String)> {
        let all =
            [("name", &self.name), ("profile", &self.profile), ("account", &self.account), ("issuer", &self.issuer)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Shows how many are meant, and has them replaced.
pub fn run(client: &Client, at: &At, options: &Options) -> Result<()> {
    let selection = options.selection();
    if selection.is_empty() && !options.all {
        bail!("say which: --name PATTERN, --profile NAME, --account ID, --issuer ID, or --all");
    }
    let mut query = selection.clone();
    query.push(("status", "valid".to_owned()));
    let found = client.list(PATH, &query, "certificates", Some(COUNTED))?;
    let names: Vec<String> = found.items.iter().take(SHOWN).map(|one| some(one, "/names", 1)).collect();
    let count = match (found.items.len(), found.more) {
        (0, _) => "no certificate that is valid fits".to_owned(),
        (1, false) => "1 valid certificate fits: ".to_owned(),
        (n, false) => format!("{n} valid certificates fit: "),
        (n, true) => format!("more than {n} valid certificates fit: "),
    };
    let etc = if found.items.len() > SHOWN { ", …" } else { "" };
    say(format!("{count}{}{etc}", names.join(", ")));
    agreed(options.yes, "Have them replaced now?")?;
    let mut body: Map<String, Value> =
        selection.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    if options.all {
        body.insert("name".to_owned(), json!("*"));
    }
    for (name, value) in [("reason", &options.reason), ("explanation", &options.explanation)] {
        body.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    client.post(&[REPLACEMENTS], &Value::Object(body))?.show(at, |made| {
        format!(
            "{}\nClients with renewal information renew when they look next, most of them within a day. To take it \
             back:\n\n  selvedge certs withdraw {}\n",
            table(std::slice::from_ref(made)),
            text(made, "/id")
        )
    });
    Ok(())
}

/// Lists what is to be replaced.
pub fn list(client: &Client, at: &At) -> Result<()> {
    let found = client.get(&[REPLACEMENTS], &[])?;
    found.show(at, |found| table(found.get("replacements").and_then(Value::as_array).map_or(&[], Vec::as_slice)));
    Ok(())
}

/// Takes one back.
pub fn withdraw(client: &Client, at: &At, id: &str) -> Result<()> {
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
            act(one, "/made"),
            act(one, "/withdrawn"),
            text(one, "/reason"),
        ]);
    }
    table.text("Nothing is to be replaced.")
}
