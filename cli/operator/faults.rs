//! `faults`: what a test CA does wrong on purpose.

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use selvedge::records::operations::fault::{
    Endpoint, FaultKind, MAX_COUNT, MAX_DELAY, MAX_RETRY_AFTER, MAX_SECONDS, REASONS,
};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::target::Target;
use crate::common::number;
use crate::common::table::{Table, minute, text};

/// The resource in the operations API.
const PATH: &str = "faults";

/// The commands for faults.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a fault: the next requests that it is about meet it.
    #[command(after_help = "Example: selvedge faults add 503 --endpoint newOrder --retry-after 5 --count 3")]
    Add(NewFault),
    /// List the faults that are on, in the order in which they act.
    #[command(after_help = "Example: selvedge faults list")]
    List,
    /// Clear a fault, or all.
    #[command(after_help = "Example: selvedge faults clear 2; without a number all are cleared.")]
    Clear {
        /// The number of the fault.
        number: Option<u32>,
    },
}

/// A fault, and the requests that meet it.
#[derive(Debug, clap::Args)]
pub struct NewFault {
    /// What goes wrong.
    #[arg(value_parser = names(FaultKind::ALL, |kind| kind.name()))]
    fault: String,
    /// Where. Repeatable. [default: all endpoints that suit the fault]
    #[arg(long = "endpoint", value_name = "ENDPOINT", value_parser = names(Endpoint::ALL, |endpoint| endpoint.name()))]
    endpoints: Vec<String>,
    /// Only requests of this account.
    #[arg(long, value_name = "URL|ID", allow_hyphen_values = true)]
    account: Option<String>,
    /// Only requests about this name, or with *.NAME about those below it.
    #[arg(long)]
    name: Option<String>,
    /// Replace the answer after the request took effect. For 429, 503, 500, empty and cut.
    #[arg(long)]
    after: bool,
    /// Retry-After of the answer: for 429, 503 and processing.
    #[arg(long, value_name = "SECONDS", value_parser = number::range::<u32, 0, { MAX_RETRY_AFTER as u64 }>)]
    retry_after: Option<u32>,
    /// How long the answer waits: for slow, which needs it.
    #[arg(long, value_name = "SECONDS", value_parser = number::range::<u32, 1, { MAX_DELAY as u64 }>)]
    delay: Option<u32>,
    /// The error of the challenge: for failedValidation. [default: unauthorized]
    #[arg(long, value_parser = names(&REASONS, |kind| kind.token()))]
    reason: Option<String>,
    /// How often it acts. [default: until it is cleared]
    #[arg(long, value_name = "N", value_parser = number::range::<u32, 1, { MAX_COUNT as u64 }>)]
    count: Option<u32>,
    /// The share of the requests that meet it.
    #[arg(long, value_name = "PERCENT", value_parser = number::range::<u32, 1, 99>)]
    rate: Option<u32>,
    /// The seed of the draws for --rate: with the same one a run repeats exactly. [default: 0]
    #[arg(long, value_name = "N", requires = "rate")]
    seed: Option<u32>,
    /// How long it is on.
    #[arg(long, value_name = "SECONDS", value_parser = number::range::<u32, 1, { MAX_SECONDS as u64 }>)]
    seconds: Option<u32>,
}

fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> PossibleValuesParser {
    PossibleValuesParser::new(all.iter().map(|one| name(*one)))
}

impl NewFault {
    /// The body of the request.
    fn body(&self) -> Value {
        let mut members = Map::from_iter([("fault".to_owned(), self.fault.clone().into())]);
        let mut add = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        if !self.endpoints.is_empty() {
            add("endpoints", self.endpoints.clone().into());
        }
        if self.after {
            add("after", true.into());
        }
        for (name, value) in [("account", &self.account), ("name", &self.name), ("reason", &self.reason)] {
            if let Some(value) = value {
                add(name, value.clone().into());
            }
        }
        for (name, value) in [
            ("retry_after", self.retry_after),
            ("delay", self.delay),
            ("count", self.count),
            ("rate", self.rate),
            ("seed", self.seed),
            ("seconds", self.seconds),
        ] {
            if let Some(value) = value {
                add(name, value.into());
            }
        }
        members.into()
    }
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::Add(fault) => client
            .post(&[PATH], &fault.body())?
            .show(at, |fault| format!("Fault {} is on: {}.\n", text(fault, "/number"), text(fault, "/text"))),
        Command::List => client.get(&[PATH], &[])?.show(at, |found| table(found, "faults", "No fault is on.")),
        Command::Clear { number } => {
            let body = number.map_or_else(|| json!({}), |number| json!({ "number": number }));
            client.post(&[PATH, "clear"], &body)?.show(at, |found| table(found, "cleared", "No fault was on."));
        }
    }
    Ok(true)
}

fn table(found: &Value, member: &str, none: &str) -> String {
    let mut table = Table::new(&["FAULT", "ACTED", "LEFT", "UNTIL (UTC)", "WHAT"]);
    for one in found.get(member).and_then(Value::as_array).into_iter().flatten() {
        table.row([
            text(one, "/number"),
            text(one, "/acted"),
            text(one, "/left"),
            minute(one, "/until"),
            text(one, "/text"),
        ]);
    }
    table.text(none)
}
