//! `ca`: test CAs below URLs of their own, and their clocks.

use std::path::PathBuf;

use anyhow::{Context, Result};
use selvedge::values::{Id, span};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::target::Target;
use crate::common::files::{Readers, Staged};
use crate::common::table::{Table, minute, text};

/// The resource in the operations API of the main CA.
const PATH: &str = "test-cas";

/// The commands for test CAs.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a test CA with a root, accounts, faults and a clock of its own.
    #[command(after_help = "Example: selvedge ca new --ttl 30m --root-out root.pem")]
    New(NewTestCa),
    /// List the test CAs.
    #[command(after_help = "Example: selvedge ca list")]
    List,
    /// End a test CA: everything of it is deleted.
    #[command(after_help = "Example: selvedge ca end q0VhTq3Zr2hGmB4tAVMyYA")]
    End {
        /// Its id.
        #[arg(value_parser = id)]
        id: Id,
    },
    /// Show or change the clock of a test CA. Certificates, orders, renewal information and CRLs follow it.
    #[command(after_help = "Example: selvedge ca clock q0VhTq3Zr2hGmB4tAVMyYA --advance 60d")]
    Clock(ClockOptions),
}

/// A new test CA.
#[derive(Debug, clap::Args)]
pub struct NewTestCa {
    /// How long it lives, as 30m, 2h or 7d. [default: 2h]
    #[arg(long, value_name = "SPAN", value_parser = long)]
    ttl: Option<String>,
    /// Let every validation succeed, without a look-up.
    #[arg(long)]
    always_valid: bool,
    /// Write its root certificate into a file.
    #[arg(long, value_name = "FILE")]
    root_out: Option<PathBuf>,
}

/// A change of a clock.
#[derive(Debug, clap::Args)]
pub struct ClockOptions {
    /// The test CA. [default: the authority itself, as a `dev` with TEST_CLOCK]
    #[arg(value_parser = id)]
    id: Option<Id>,
    /// The time that it shows from now on, as 2027-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "advance")]
    set: Option<String>,
    /// Put it forward, as by 90d or 2h.
    #[arg(long, value_name = "SPAN", value_parser = long)]
    advance: Option<String>,
    /// Stop it.
    #[arg(long, conflicts_with = "run")]
    freeze: bool,
    /// Let it run on.
    #[arg(long)]
    run: bool,
}

fn id(text: &str) -> Result<Id, String> {
    Id::parse(text).ok_or_else(|| format!("{text:?} is not the id of a test CA; `selvedge ca list` shows them"))
}

fn long(text: &str) -> Result<String, String> {
    span::parse(text).map(|_| text.to_owned()).ok_or_else(|| format!("{text:?} is not {}", span::LIKE))
}

impl ClockOptions {
    /// The body of the request; `None` for no change.
    fn body(&self) -> Option<Value> {
        let mut members = Map::new();
        for (name, value) in [("set", &self.set), ("advance", &self.advance)] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.clone().into());
            }
        }
        if self.freeze || self.run {
            members.insert("frozen".to_owned(), self.freeze.into());
        }
        (!members.is_empty()).then(|| members.into())
    }
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::New(options) => make(&client, at, options)?,
        Command::List => client.get(&[PATH], &[])?.show(at, table),
        Command::End { id } => client
            .within(&["ca", id.as_str()])
            .post(&["end"], &json!({}))?
            .show(at, |_| format!("The test CA {id} has ended, and all of it was deleted.\n")),
        Command::Clock(options) => {
            let client = match &options.id {
                Some(id) => client.within(&["ca", id.as_str()]),
                None => client,
            };
            let shown = match options.body() {
                Some(body) => client.post(&["clock"], &body)?,
                None => client.get(&["clock"], &[])?,
            };
            shown.show(at, |clock| {
                let stands = clock.get("frozen").and_then(Value::as_bool).unwrap_or_default();
                format!("{}{}\n", text(clock, "/now"), if stands { ", frozen" } else { "" })
            });
        }
    }
    Ok(true)
}

fn make(client: &Client, at: &Target, options: &NewTestCa) -> Result<()> {
    let mut body = Map::from_iter([("always_valid".to_owned(), options.always_valid.into())]);
    if let Some(ttl) = &options.ttl {
        body.insert("ttl".to_owned(), ttl.clone().into());
    }
    let made = client.post(&[PATH], &body.into())?;
    if let Some(file) = &options.root_out {
        let root = made.value.get("root").and_then(Value::as_str).context("the answer has no root")?;
        Staged::write(file, root, Readers::Everyone)?.commit()?;
    }
    made.show(at, |made| {
        format!(
            "directory  {}\nroot       {}\nid         {}\nends       {}\n",
            text(made, "/directory"),
            text(made, "/root_url"),
            text(made, "/id"),
            minute(made, "/ends"),
        )
    });
    Ok(())
}

fn table(found: &Value) -> String {
    let mut table = Table::new(&["ID", "ENDS (UTC)", "OWNER", "DIRECTORY"]);
    for one in found.get("test_cas").and_then(Value::as_array).into_iter().flatten() {
        table.row([text(one, "/id"), minute(one, "/ends"), text(one, "/owner"), text(one, "/directory")]);
    }
    table.text("There is no test CA.")
}
