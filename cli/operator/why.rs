//! `why`: what the authority knows about a name that gets no certificate.

use anyhow::Result;
use selvedge::values::Time;
use serde_json::{Value, json};

use super::client::{Client, escaped};
use super::target::Target;
use super::{failures, paused};
use crate::common::host::{now, print};
use crate::common::table::{day, minute, some, text};
use crate::common::web::{Unreachable, clean};

/// Largest number of failures and of certificates shown.
const MAX_SHOWN: usize = 5;

/// The name, and whose requests it is about.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The name or address.
    name: String,
    /// Only failures of this account, by its id.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    account: Option<String>,
    /// Evaluate the policy for this external account key, and show only its failures.
    #[arg(long, value_name = "KID")]
    key: Option<String>,
}

/// The parts of the answer.
struct Found {
    /// The policy's verdict, or the reason why it could not be given.
    verdict: Result<Value, String>,
    failures: Vec<Value>,
    paused: Vec<Value>,
    certificates: Vec<Value>,
}

/// Runs the command.
pub fn run(at: &Target, options: &Options) -> Result<bool> {
    let client = Client::open(at)?;
    let found = find(&client, options)?;
    if at.json {
        let Found { verdict, failures, paused, certificates } = &found;
        let (policy, refused) = (verdict.as_ref().ok(), verdict.as_ref().err());
        let all = json!({
            "name": options.name, "policy": policy, "refused": refused, "failures": failures, "paused": paused,
            "certificates": certificates,
        });
        print(&format!("{}\n", escaped(&all.to_string())));
    } else {
        print(&shown(&options.name, &found, now()?));
    }
    Ok(true)
}

fn find(client: &Client, options: &Options) -> Result<Found> {
    let mut question = json!({ "identifiers": [options.name] });
    if let (Some(key), Some(members)) = (&options.key, question.as_object_mut()) {
        members.insert("external_account".to_owned(), json!(key));
    }
    let verdict = match client.post(&["policy", "check"], &question) {
        Ok(answer) => Ok(answer.value),
        Err(error) if error.downcast_ref::<Unreachable>().is_some() => return Err(error),
        Err(refused) => Err(format!("{refused:#}")),
    };
    // What is no name can only have been part of a request.
    let by = if verdict.is_ok() { "name" } else { "q" };
    let mut query = vec![(by, options.name.clone())];
    query.extend(options.account.iter().map(|id| ("account", id.clone())));
    query.extend(options.key.iter().map(|kid| ("external_account", kid.clone())));
    let list = |path: &str, query: &[(&str, String)]| -> Result<Vec<Value>> {
        Ok(client.list(path, query, path, Some(MAX_SHOWN))?.items)
    };
    let (failures, paused) = (list(failures::PATH, &query)?, list(paused::PATH, &query)?);
    query.push(("status", "current".to_owned()));
    let certificates = if verdict.is_ok() { list("certificates", &query)? } else { Vec::new() };
    Ok(Found { verdict, failures, paused, certificates })
}

fn shown(name: &str, found: &Found, now: Time) -> String {
    let mut out = format!("{}\n\npolicy\n", clean(name));
    match &found.verdict {
        Ok(answer) => {
            let verdict = answer.pointer("/identifiers/0").cloned().unwrap_or_default();
            let allowed = verdict.get("allowed") == Some(&Value::Bool(true));
            out.push_str(&format!(
                "    {}: {}\n",
                if allowed { "allowed" } else { "refused" },
                text(&verdict, "/rule")
            ));
            if allowed {
                out.push_str(&format!("    challenges: {}\n", some(&verdict, "/challenges", 10)));
            }
        }
        Err(why) => out.push_str(&format!("    refused: {}\n", clean(why))),
    }
    for one in &found.paused {
        out.push_str(&format!(
            "\npaused\n    {} for account {} since {}, after {} failed validations\n    `selvedge paused resume {} \
             --account {}` lets it order the name again\n",
            paused::name_of(one),
            text(one, "/account"),
            minute(one, "/since"),
            text(one, "/failures"),
            text(one, "/name"),
            text(one, "/account"),
        ));
    }
    out.push_str("\nlast failures\n");
    if found.failures.is_empty() {
        out.push_str("    none recorded\n");
    }
    for line in found.failures.iter().map(failures::one).collect::<String>().lines() {
        out.push_str(&format!("    {line}\n"));
    }
    out.push_str("\ncertificates\n");
    if found.certificates.is_empty() {
        out.push_str("    none that has not expired\n");
    }
    for one in &found.certificates {
        let renewed = if one.get("renewed") == Some(&Value::Bool(true)) { ", renewed" } else { "" };
        out.push_str(&format!(
            "    {}  {}{renewed}, ends {}, account {}\n",
            text(one, "/serial"),
            text(one, "/status"),
            day(one, "/not_after", now),
            text(one, "/account"),
        ));
    }
    out
}
