//! `eab`: external account keys.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::client::{Client, Document, Paging, escaped};
use super::document;
use super::target::Target;
use crate::common::host;
use crate::common::host::say;
use crate::common::moment::{Moment, moment};
use crate::common::shell::quoted;
use crate::common::table::{Table, attribution, day, facts, some, text};
use crate::common::web::plain;

/// The resource in the operations API.
const PATH: &str = "external-accounts";

/// The commands for external account keys.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create a key and show it once, with commands for the client to paste.
    #[command(
        after_help = "Example: a key for the team that runs corp.example, whose names then need no challenge:\n  \
                            selvedge eab create team-a --note \"team A\" --many --preauthorize '*.corp.example' --allow \
                            '*.corp.example'"
    )]
    Create(Box<New>),
    /// List the keys.
    #[command(after_help = "Example: selvedge eab list")]
    List(Paging),
    /// Show a key, its policy and its accounts. The secret is not shown again.
    #[command(after_help = "Example: selvedge eab show team-a")]
    Show {
        /// The key identifier.
        kid: String,
    },
    /// Disable a key: it creates no accounts, and its accounts cannot order. `enable` undoes it.
    #[command(after_help = "Example: selvedge eab disable team-a")]
    Disable {
        /// The key identifier.
        kid: String,
    },
    /// Enable a disabled key.
    #[command(after_help = "Example: selvedge eab enable team-a")]
    Enable {
        /// The key identifier.
        kid: String,
    },
    /// Replace a key's policy; in force within five seconds, also for open orders.
    #[command(
        after_help = "Example: selvedge eab policy team-a team-a.toml\nA file that contains `null` removes the key's \
                      policy; the CA's still applies."
    )]
    Policy {
        /// The key identifier.
        kid: String,
        /// The policy document (docs/POLICY.md): JSON, or TOML in a .toml file. `-` is standard input.
        file: PathBuf,
    },
}

/// Options of a new key.
#[derive(Debug, clap::Args)]
pub struct New {
    /// The key identifier: 1 to 64 of A-Z a-z 0-9 . _ - [default: generated].
    kid: Option<String>,
    /// A note, shown in the list.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Allow any number of accounts, not only the first.
    #[arg(long)]
    many: bool,
    /// Names that its accounts get without a challenge, as *.corp.example or 10.0.0.0/8. Repeatable.
    #[arg(long, value_name = "PATTERN")]
    preauthorize: Vec<String>,
    /// Names that its accounts may order in addition [default: all that the CA allows]. Repeatable.
    #[arg(long, value_name = "PATTERN")]
    allow: Vec<String>,
    /// Names that its accounts cannot order. Repeatable.
    #[arg(long, value_name = "PATTERN")]
    deny: Vec<String>,
    /// The profiles that its accounts may use. Repeatable.
    #[arg(long, value_name = "NAME")]
    profile: Vec<String>,
    /// The challenge types offered to its accounts, as dns-01. Repeatable.
    #[arg(long, value_name = "TYPE")]
    challenge: Vec<String>,
    /// The whole policy as a file (docs/POLICY.md): JSON, or TOML in a .toml file.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["preauthorize", "allow", "deny", "profile", "challenge"]
    )]
    policy: Option<PathBuf>,
    /// When the key expires: 2027-01-31T00:00:00Z, 2027-01-31, or 90d from now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    expires: Option<Moment>,
}

impl New {
    /// The request body.
    fn body(&self) -> Result<Value> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Option<Value>| value.map(|value| body.insert(name.to_owned(), value));
        set("kid", self.kid.clone().map(Value::String));
        set("note", self.note.clone().map(Value::String));
        set("uses", self.many.then(|| json!("many")));
        set("policy", self.policy()?);
        let expires = self.expires.map(|expires| Ok::<_, anyhow::Error>(expires.from(host::now()?).rfc3339()));
        set("expires", expires.transpose()?.map(Value::String));
        Ok(Value::Object(body))
    }

    fn policy(&self) -> Result<Option<Value>> {
        if let Some(file) = &self.policy {
            return document::value(file).map(|policy| Some(policy).filter(|policy| !policy.is_null()));
        }
        let lists = [
            ("allow", &self.allow),
            ("deny", &self.deny),
            ("preauthorized", &self.preauthorize),
            ("profiles", &self.profile),
            ("challenges", &self.challenge),
        ];
        let given = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let policy: Map<String, Value> = given.map(|(name, list)| (name.to_owned(), json!(list))).collect();
        Ok((!policy.is_empty()).then_some(Value::Object(policy)))
    }
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    let now = host::now()?;
    let change = |kid: &str, body: &Value| client.post(&[PATH, kid], body);
    let shown = |document: Document| {
        warn(&document.value);
        document.show(at, |key| of_key(key, now));
    };
    match command {
        Command::Create(new) => {
            let made = client.post(&[PATH], &new.body()?)?;
            warn(&made.value);
            made.show(at, |key| created(key, client.root.as_deref(), now));
        }
        Command::List(paging) => client.list(PATH, &[], "external_accounts", paging.limit())?.show(at, |keys| {
            let mut table = Table::new(&["KID", "STATUS", "USES", "ACCOUNTS", "EXPIRES", "MADE", "NOTE"]);
            for key in keys {
                let accounts = key.get("accounts").and_then(Value::as_array).map_or(0, Vec::len);
                table.row([
                    text(key, "/kid"),
                    status(key),
                    text(key, "/uses"),
                    accounts.to_string(),
                    day(key, "/expires", now),
                    made(key),
                    text(key, "/note"),
                ]);
            }
            table.text("There are no external account keys; `selvedge eab create` creates one.")
        }),
        Command::Show { kid } => shown(client.get(&[PATH, kid], &[])?),
        Command::Disable { kid } => shown(change(kid, &json!({ "disabled": true }))?),
        Command::Enable { kid } => shown(change(kid, &json!({ "disabled": false }))?),
        Command::Policy { kid, file } => shown(change(kid, &json!({ "policy": document::value(file)? }))?),
    }
    Ok(true)
}

/// The status of a key, and whether it ends with the previous nonce key.
fn status(key: &Value) -> String {
    let previous = key.get("previous_nonce_key").and_then(Value::as_bool) == Some(true);
    format!("{}{}", text(key, "/status"), if previous { ", by the previous nonce key" } else { "" })
}

/// The creator and time of a key, or that it comes from the configuration.
fn made(key: &Value) -> String {
    if text(key, "/source") == "secret" { "by the secret EAB_KEYS".to_owned() } else { attribution(key, "/created") }
}

/// A key without its secret, as text.
fn of_key(key: &Value, now: selvedge::values::Time) -> String {
    let (policy, document) = match key.get("policy") {
        Some(policy) if policy.is_object() => {
            ("its own, within the CA's:".to_owned(), escaped(&format!("{policy:#}\n")))
        }
        _ => ("the CA's only".to_owned(), String::new()),
    };
    let uses = match text(key, "/uses").as_str() {
        "once" => "once: for the first account key that uses it".to_owned(),
        "many" => "many: for any number of accounts".to_owned(),
        other => other.to_owned(),
    };
    facts(&[
        ("kid", text(key, "/kid")),
        ("status", status(key)),
        ("note", text(key, "/note")),
        ("uses", uses),
        ("expires", day(key, "/expires", now)),
        ("made", made(key)),
        ("disabled", attribution(key, "/disabled")),
        ("accounts", some(key, "/accounts", 100)),
        ("policy", policy),
    ]) + &document
}

/// Prints the warnings about a key's policy.
fn warn(key: &Value) {
    for warning in key.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        say(format!("warning: {}", text(warning, "")));
    }
}

/// A new key with its secret and commands for clients, as text.
fn created(key: &Value, root: Option<&Path>, now: selvedge::values::Time) -> String {
    let shell = |pointer: &str| quoted(Path::new(&text(key, pointer)));
    let (kid, mac, directory) = (shell("/kid"), shell("/key"), shell("/directory"));
    let mut out = "The key was created. It is shown only this once:\n\n".to_owned();
    let _ = write!(out, "  kid        {}\n  key        {}\n", text(key, "/kid"), text(key, "/key"));
    let _ = writeln!(out, "  directory  {}", text(key, "/directory"));
    if !matches!(key.get("expires"), None | Some(Value::Null)) {
        let _ = writeln!(out, "  until      {}", day(key, "/expires", now));
    }
    let root = root.map(|file| quoted(Path::new(&plain(&file.display().to_string()))));
    let trust = |variable: &str| root.as_ref().map_or_else(String::new, |root| format!("{variable}={root} "));
    let bundle = root.as_ref().map_or_else(String::new, |root| format!(" --ca-bundle {root}"));
    // With `=`, since a key may begin with `-`; acme.sh takes the next argument as it is.
    let _ = write!(
        out,
        "\nTo paste on the machine that needs the certificate:\n\n# certbot\n{}certbot certonly --standalone --server \
         {directory} --eab-kid={kid} --eab-hmac-key={mac} --agree-tos --register-unsafely-without-email -d NAME\n\n\
         # lego 4\n{}lego --server {directory} --eab --kid={kid} --hmac={mac} --accept-tos --email you@example.org \
         -d NAME --http run\n\n# acme.sh\nacme.sh --register-account --server {directory}{bundle} --eab-kid {kid} \
         --eab-hmac-key {mac}\nacme.sh --issue --server {directory}{bundle} --standalone -d NAME\n",
        trust("REQUESTS_CA_BUNDLE"),
        trust("LEGO_CA_CERTIFICATES"),
    );
    out
}
