//! The options that select certificates, and their count.

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::certificate::PATH;
use crate::common::host::say;
use crate::common::table::names;
use crate::operator::client::{Client, given};

/// Largest count shown before the confirmation.
const MAX_COUNTED: usize = 2000;
/// Number of certificates shown as examples.
const MAX_EXCERPT: usize = 5;

/// A selection of certificates; all given options have to match.
#[derive(Clone, Debug, clap::Args)]
pub struct Selection {
    /// All certificates.
    #[arg(long, conflicts_with_all = ["name", "profile", "account", "external_account", "issuer"])]
    all: bool,
    /// Those with a name that matches a pattern: www.example.org, *.example.org, 10.0.0.0/8.
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// Those of this profile.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Those of this account, by its id.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    account: Option<String>,
    /// Those of all accounts created with this external account key.
    #[arg(long = "key", visible_alias = "external-account", value_name = "KID")]
    external_account: Option<String>,
    /// Those of this issuer, by its id (`selvedge status --json` has them).
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
}

/// The matching certificates, as far as counted.
pub struct Matches {
    /// The count.
    pub count: usize,
    /// Whether there are more.
    pub more: bool,
}

impl Matches {
    /// The count as text.
    pub fn number(&self) -> String {
        if self.more { format!("more than {}", self.count) } else { self.count.to_string() }
    }
}

impl Selection {
    /// The selection as a query.
    fn query(&self) -> Vec<(&str, String)> {
        let all = [
            ("name", &self.name),
            ("profile", &self.profile),
            ("account", &self.account),
            ("external_account", &self.external_account),
            ("issuer", &self.issuer),
        ];
        given(all)
    }

    /// The selection as a JSON body.
    ///
    /// # Errors
    /// When nothing is selected.
    pub fn body(&self) -> Result<Map<String, Value>> {
        let query = if self.all { vec![("name", "*".to_owned())] } else { self.query() };
        if query.is_empty() {
            bail!(
                "select certificates: --name PATTERN, --profile NAME, --account ID, --key KID, --issuer ID, or --all"
            );
        }
        Ok(query.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect())
    }

    /// Counts and prints the matching certificates that pass `filter`.
    ///
    /// # Errors
    /// When none match, or the authority refuses.
    pub fn count(
        &self,
        client: &Client,
        more: &[(&'static str, String)],
        filter: impl Fn(&Value) -> bool,
    ) -> Result<Matches> {
        self.body()?;
        let mut query = self.query();
        query.extend(more.iter().cloned());
        let found = client.list(PATH, &query, "certificates", Some(MAX_COUNTED))?;
        let fitting: Vec<&Value> = found.items.iter().filter(|one| filter(one)).collect();
        let shown: Vec<String> = fitting.iter().take(MAX_EXCERPT).map(|one| names(one, 1)).collect();
        let count = match (fitting.len(), found.more) {
            (0, false) => bail!("no valid certificate matches; nothing was done"),
            (1, false) => "1 valid certificate matches: ".to_owned(),
            (n, false) => format!("{n} valid certificates match: "),
            (n, true) => format!("more than {n} valid certificates match: "),
        };
        say(format!("{count}{}{}", shown.join(", "), if fitting.len() > MAX_EXCERPT { ", …" } else { "" }));
        Ok(Matches { count: fitting.len(), more: found.more })
    }
}
