//! `policy`: the names for which certificates are issued.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::client::{Client, escaped};
use super::document;
use super::target::Target;
use crate::common::host::print;
use crate::common::table::{Table, attribution, minute, some, text};

/// The resource in the operations API.
const PATH: &str = "policy";

/// The commands for the policy.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the policy in force, or an earlier version of it.
    #[command(after_help = "Example: selvedge policy show")]
    Show {
        /// An earlier version; 0 is the POLICY of wrangler.toml.
        version: Option<u64>,
    },
    /// List the versions of the policy, with author, time and note.
    #[command(after_help = "Example: selvedge policy versions")]
    Versions,
    /// Put a policy in force, everywhere within five seconds. An invalid one is refused as a whole, with the line. It
    /// replaces the POLICY of wrangler.toml until `policy restore 0`.
    #[command(
        after_help = "Example: selvedge policy check www.example.org --file policy.toml\n         selvedge policy put \
                            policy.toml --note \"the web team has moved\""
    )]
    Put {
        /// The policy document (docs/POLICY.md): JSON, or TOML in a .toml file. `-` is standard input.
        file: PathBuf,
        /// A note, shown in the list of versions.
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Put an earlier policy in force again.
    #[command(after_help = "Example: selvedge policy restore (the one before), or selvedge policy restore 3")]
    Restore {
        /// The version [default: the previous one]; 0 is the POLICY of wrangler.toml.
        version: Option<u64>,
    },
    /// Evaluate the policy for these names without ordering. The exit code is 1 when any of them would be refused.
    #[command(after_help = "Example: selvedge policy check db.corp.example --key team-a --file policy.toml")]
    Check {
        /// Names and addresses.
        #[arg(required = true)]
        names: Vec<String>,
        /// Evaluate for an account with this external account key [default: without one].
        #[arg(long, value_name = "KID")]
        key: Option<String>,
        /// Evaluate for this profile.
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
        /// Evaluate this policy document instead of the one in force.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// A shadow policy: evaluated and reported, but not enforced, to preview a change.
    #[command(subcommand)]
    Shadow(Shadow),
}

/// The commands for a shadow policy.
#[derive(Debug, clap::Subcommand)]
pub enum Shadow {
    /// Set the shadow policy.
    #[command(
        after_help = "Example: selvedge policy shadow put stricter.toml; a week later: selvedge policy shadow show"
    )]
    Put {
        /// The policy document: JSON, or TOML in a .toml file. `-` is standard input.
        file: PathBuf,
    },
    /// Remove the shadow policy.
    #[command(after_help = "Example: selvedge policy shadow off")]
    Off,
    /// Show the orders that it would have refused.
    #[command(after_help = "Example: selvedge policy shadow show")]
    Show,
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    match command {
        Command::Show { version } => show(&client, at, *version)?,
        Command::Versions => client.get(&[PATH], &[])?.show(at, |state| {
            let mut table = Table::new(&["VERSION", "MADE", "RESTORES", "NOTE"]);
            for one in state.get("versions").and_then(Value::as_array).into_iter().flatten() {
                let made = if one.get("made").is_some_and(Value::is_object) {
                    attribution(one, "/made")
                } else {
                    OWN.to_owned()
                };
                table.row([text(one, "/version"), made, text(one, "/restores"), text(one, "/note")]);
            }
            table.text("There are no versions.")
        }),
        Command::Put { file, note } => {
            let query: Vec<_> = note.iter().map(|note| ("note", note.clone())).collect();
            client.send(&[PATH], &query, &document::read(file)?)?.show(at, in_force);
        }
        Command::Restore { version } => {
            let body = version.map_or_else(|| json!({}), |version| json!({ "version": version }));
            client.post(&[PATH, "restore"], &body)?.show(at, in_force);
        }
        Command::Check { names, key, profile, file } => {
            let mut body = Map::from_iter([("identifiers".to_owned(), json!(names))]);
            body.extend(key.as_ref().map(|key| ("external_account".to_owned(), json!(key))));
            body.extend(profile.as_ref().map(|profile| ("profile".to_owned(), json!(profile))));
            let document = file.as_deref().map(document::value).transpose()?;
            body.extend(document.map(|document| ("document".to_owned(), document)));
            let answer = client.post(&[PATH, "check"], &Value::Object(body))?;
            answer.show(at, verdicts);
            return Ok(all_allowed(&answer.value));
        }
        Command::Shadow(command) => shadow(&client, at, command)?,
    }
    Ok(true)
}

/// The author shown for the version of the configuration.
const OWN: &str = "the configuration's";

fn show(client: &Client, at: &Target, version: Option<u64>) -> Result<()> {
    let state = client.get(&[PATH], &[])?;
    let Some(version) = version else {
        state.show(at, |state| {
            let shadow = state.get("shadow").is_some_and(Value::is_object);
            let shadow = if shadow { "A shadow policy is set: `selvedge policy shadow show`.\n" } else { "" };
            format!("{}{shadow}", state.get("in_force").map(whole).unwrap_or_default())
        });
        return Ok(());
    };
    let versions = state.value.get("versions").and_then(Value::as_array).into_iter().flatten();
    let mut all = versions.chain(state.value.get("in_force"));
    let found = all.find(|one| one.get("version").and_then(Value::as_u64) == Some(version));
    let found =
        found.with_context(|| format!("version {version} does not exist; `selvedge policy versions` lists them"))?;
    print(&if at.json { format!("{}\n", escaped(&found.to_string())) } else { whole(found) });
    Ok(())
}

/// A version with its document, as text.
fn whole(version: &Value) -> String {
    let made =
        if version.get("made").is_some_and(Value::is_object) { attribution(version, "/made") } else { OWN.to_owned() };
    let note = match text(version, "/note").as_str() {
        "-" => String::new(),
        note => format!(": {note}"),
    };
    let document = version.get("document").map(|document| format!("{document:#}")).unwrap_or_default();
    let warnings = warnings(version);
    format!("version {}, {made}{note}\n{}\n{warnings}", text(version, "/version"), escaped(&document))
}

fn in_force(version: &Value) -> String {
    let number = text(version, "/version");
    let copy = match text(version, "/restores").as_str() {
        "-" => String::new(),
        earlier => format!(", a copy of version {earlier},"),
    };
    format!(
        "Version {number}{copy} is in force, everywhere within five seconds.\nTo go back: selvedge policy restore\n{}",
        warnings(version)
    )
}

/// The warnings about a document, one per line.
fn warnings(answer: &Value) -> String {
    let all = answer.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    all.map(|warning| format!("Warning: {}\n", escaped(warning))).collect()
}

fn verdicts(answer: &Value) -> String {
    let mut table = Table::new(&["NAME", "ORDER", "CHALLENGES", "RULE"]);
    for one in answer.get("identifiers").and_then(Value::as_array).into_iter().flatten() {
        let is = |name: &str| one.get(name).and_then(Value::as_bool).unwrap_or_default();
        let challenges = if is("preauthorized") { "none needed".to_owned() } else { some(one, "/challenges", 10) };
        let order = if is("allowed") { "allowed" } else { "refused" };
        table.row([text(one, "/identifier"), order.to_owned(), challenges, text(one, "/rule")]);
    }
    let mut out = table.text("The response has no verdicts.");
    if let Some(profile) = answer.get("profile").filter(|profile| profile.is_object()) {
        let allowed = profile.get("allowed").and_then(Value::as_bool).unwrap_or_default();
        let verdict = if allowed { "issued" } else { "refused" };
        out.push_str(&format!("profile {}: {verdict}; {}\n", text(profile, "/name"), text(profile, "/rule")));
    }
    if let Some(secs) = answer.get("max_lifetime").and_then(Value::as_u64) {
        out.push_str(&format!("longest lifetime: {} hours\n", secs / 3600));
    }
    match text(answer, "/version").as_str() {
        "-" => out.push_str("by the document that was sent\n"),
        version => out.push_str(&format!("by version {version}\n")),
    }
    out + &warnings(answer)
}

fn all_allowed(answer: &Value) -> bool {
    let allowed = |one: &Value| one.get("allowed").and_then(Value::as_bool).unwrap_or_default();
    let names = answer.get("identifiers").and_then(Value::as_array).is_some_and(|all| all.iter().all(allowed));
    names && answer.get("profile").filter(|profile| profile.is_object()).is_none_or(allowed)
}

fn shadow(client: &Client, at: &Target, command: &Shadow) -> Result<()> {
    let said = |text: &'static str| move |_: &Value| text.to_owned();
    match command {
        Shadow::Put { file } => client.send(&[PATH, "shadow"], &[], &document::read(file)?)?.show(at, |state| {
            let warnings = state.get("shadow").map(warnings).unwrap_or_default();
            format!(
                "The shadow policy is set; `selvedge policy shadow show` lists what it would have refused.\n{warnings}"
            )
        }),
        Shadow::Off => client.send(&[PATH, "shadow"], &[], "null")?.show(at, said("The shadow policy was removed.\n")),
        Shadow::Show => client.get(&[PATH, "shadow"], &[])?.show(at, |found| {
            let mut table = Table::new(&["NAME", "TIMES", "LAST", "ACCOUNT", "RULE"]);
            for one in found.get("findings").and_then(Value::as_array).into_iter().flatten() {
                table.row([
                    text(one, "/identifier"),
                    text(one, "/count"),
                    minute(one, "/last"),
                    text(one, "/account"),
                    text(one, "/rule"),
                ]);
            }
            table.text("No order would have been refused, or no shadow policy is set.")
        }),
    }
    Ok(())
}
