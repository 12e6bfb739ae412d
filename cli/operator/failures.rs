//! `failures`: refused requests, failed validations and abandoned issuances.

use anyhow::Result;
use serde_json::Value;

use super::client::{Client, Paging, given};
use super::target::Target;
use crate::common::table::{minute, names, text};

/// The resource in the operations API.
pub const PATH: &str = "failures";

/// The filters.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A part of a name, or the id of a request.
    text: Option<String>,
    /// Names that fit a pattern: www.example.org, *.example.org, 10.0.0.0/8.
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// Those of this account, by its id.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    account: Option<String>,
    /// Those of accounts created with this external account key, and of registrations that name it.
    #[arg(long, value_name = "KID")]
    key: Option<String>,
    /// Those with this error type: caa, rateLimited, rejectedIdentifier, …
    #[arg(long, value_name = "TYPE")]
    problem: Option<String>,
    /// Those of this step: new-account, new-order, challenge, validation, finalize, issuance, …
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

/// Runs the command.
pub fn run(at: &Target, options: &Options) -> Result<bool> {
    let client = Client::open(at)?;
    let all = [
        ("q", &options.text),
        ("name", &options.name),
        ("account", &options.account),
        ("external_account", &options.key),
        ("problem", &options.problem),
        ("step", &options.step),
    ];
    let found = client.list(PATH, &given(all), "failures", options.paging.limit())?;
    found.show(at, |all| match all {
        [] => "No failures are recorded.\n".to_owned(),
        all => all.iter().map(one).collect(),
    });
    Ok(true)
}

/// A failure as some lines of text.
pub fn one(failure: &Value) -> String {
    let mut out = format!(
        "{}  {}  {}  {}\n",
        minute(failure, "/last"),
        text(failure, "/step"),
        text(failure, "/problem"),
        subject(failure)
    );
    let mut facts = Vec::new();
    for (name, member) in [
        ("account", "/account"),
        ("key", "/external_account"),
        ("from", "/address"),
        ("limit", "/limit"),
        ("request", "/request"),
    ] {
        if failure.pointer(member).is_some_and(Value::is_string) {
            facts.push(format!("{name} {}", text(failure, member)));
        }
    }
    if failure.get("signed") == Some(&Value::Bool(false)) {
        facts.push("not signed by the account".to_owned());
    }
    match failure.get("count").and_then(Value::as_u64) {
        Some(count) if count > 1 => facts.push(format!("{count} times since {}", minute(failure, "/first"))),
        _ => {}
    }
    out.push_str(&format!("    {}\n    {}\n", facts.join(", "), text(failure, "/detail")));
    for sub in failure.get("subproblems").and_then(Value::as_array).into_iter().flatten() {
        out.push_str(&format!("    {}: {}: {}\n", text(sub, "/name"), text(sub, "/problem"), text(sub, "/detail")));
    }
    if failure.get("cause").is_some_and(Value::is_string) {
        out.push_str(&format!("    cause: {}\n", text(failure, "/cause")));
    }
    out
}

/// The names of a failure, with the number of those that are not recorded.
fn subject(failure: &Value) -> String {
    let shown = names(failure, 3);
    let recorded = failure.get("names").and_then(Value::as_array).map_or(0, Vec::len);
    let all =
        failure.get("names_count").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
    if all > recorded { format!("{shown} ({all} in all)") } else { shown }
}
