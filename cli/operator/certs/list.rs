//! `certs list`.

use anyhow::Result;
use core::time::Duration;
use selvedge::values::Time;
use serde_json::Value;

use super::certificate::{PATH, serial, status_text};
use crate::common::host::{print, say};
use crate::common::moment::{Moment, moment, span};
use crate::common::table::{Table, day, names, text};
use crate::common::web::is_invisible;
use crate::operator::client::{Client, DEFAULT_LIMIT, Paging, paged};
use crate::operator::target::Target;

/// The filters and the format.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// A part of a name. From eight characters on, also of the serial number or of the account's id.
    text: Option<String>,
    /// Names that fit a pattern: www.example.org, *.example.org, 10.0.0.0/8.
    #[arg(long, value_name = "PATTERN")]
    name: Option<String>,
    /// The one with this serial number, in hexadecimal.
    #[arg(long, value_name = "HEX", value_parser = serial)]
    serial: Option<String>,
    /// Those of this account, by its id.
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    account: Option<String>,
    /// Those of all accounts created with this external account key.
    #[arg(long = "key", visible_alias = "external-account", value_name = "KID")]
    external_account: Option<String>,
    /// Those of this profile.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Those of this issuer, by its id (`selvedge status --json` has them).
    #[arg(long, value_name = "ID")]
    issuer: Option<String>,
    /// Their status; current means not expired, revoked or not [default: current].
    #[arg(long, value_parser = ["current", "valid", "revoked", "expired", "all"])]
    status: Option<String>,
    /// Those issued here, those imported, or those imported that another CA issued.
    #[arg(long, value_parser = ["issued", "imported", "foreign"])]
    origin: Option<String>,
    /// Those that expire within this time from now: 12h, 30d, 2w.
    #[arg(long, value_name = "SPAN", value_parser = span, conflicts_with = "ends_before")]
    ends_within: Option<Duration>,
    /// Those that expire then or later: 2027-01-31, 2027-01-31T00:00:00Z, or 30d from now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    ends_after: Option<Moment>,
    /// Those that expire before then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    ends_before: Option<Moment>,
    /// Those that were issued before then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    issued_before: Option<Moment>,
    #[command(flatten)]
    paging: Paging,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

impl Options {
    fn query(&self, now: Time) -> Vec<(&'static str, String)> {
        let before = self.ends_within.map(Moment::Ahead).or(self.ends_before);
        let time = |moment: Option<Moment>| moment.map(|moment| moment.from(now).rfc3339());
        let all = [
            ("q", self.text.clone()),
            ("name", self.name.clone()),
            ("serial", self.serial.clone()),
            ("account", self.account.clone()),
            ("external_account", self.external_account.clone()),
            ("profile", self.profile.clone()),
            ("issuer", self.issuer.clone()),
            ("status", self.status.clone()),
            ("origin", self.origin.clone()),
            ("ends_after", time(self.ends_after)),
            ("ends_before", time(before)),
            ("issued_before", time(self.issued_before)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Lists the certificates.
pub fn run(client: &Client, at: &Target, options: &Options, now: Time) -> Result<()> {
    let query = options.query(now);
    if options.csv {
        return csv(client, &query, options.paging);
    }
    client.list(PATH, &query, "certificates", options.paging.limit())?.show(at, |found| {
        let mut table = Table::new(&["NAMES", "SERIAL", "PROFILE", "ENDS", "ACCOUNT", "STATUS"]);
        for one in found {
            table.row([
                names(one, 2),
                text(one, "/serial"),
                text(one, "/profile"),
                day(one, "/not_after", now),
                text(one, "/account"),
                status_text(one),
            ]);
        }
        table.text("No certificate matches.")
    });
    Ok(())
}

/// Removes control characters, and escapes those that reorder text or have no width.
fn visible(rows: &str) -> String {
    let mut out = String::with_capacity(rows.len());
    for c in rows.chars().filter(|c| !c.is_control() || "\r\n\t".contains(*c)) {
        if is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints the authority's CSV, page by page. CSV has no cursor, so each page is also read as JSON.
fn csv(client: &Client, query: &[(&str, String)], paging: Paging) -> Result<()> {
    let (mut cursor, mut left, mut first) = (None::<String>, paging.limit(), true);
    loop {
        let mut wanted = paged(query, cursor.as_deref(), left);
        let page = client.page(PATH, query, cursor.as_deref(), left)?;
        wanted.push(("format", "csv".to_owned()));
        let rows = client.text(&[PATH], &wanted)?;
        // Each page repeats the head.
        let rows = if first { rows.as_str() } else { rows.split_once('\n').map_or("", |(_, rows)| rows) };
        print(&visible(rows));
        let found = page.value.get("certificates").and_then(Value::as_array).map_or(0, Vec::len);
        left = left.map(|left| left.saturating_sub(found));
        let next = page.value.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || next == cursor {
            return Ok(());
        }
        if left == Some(0) {
            say(format!("there are more: --all lists them, --limit N the first N (without both: {DEFAULT_LIMIT})"));
            return Ok(());
        }
        (cursor, first) = (next, false);
    }
}

#[cfg(test)]
mod tests {
    use super::visible;

    #[test]
    fn csv_has_no_characters_that_a_terminal_obeys_or_hides() {
        assert_eq!(visible("a\u{1b}[2J\u{202e}b,\"\u{200b}\"\r\n"), "a[2J\\u{202e}b,\"\\u{200b}\"\r\n");
    }
}
