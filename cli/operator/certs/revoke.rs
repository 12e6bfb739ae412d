//! `certs revoke`: one certificate, or many step by step.

use anyhow::{Context, Result, bail};
use selvedge::values::Time;
use serde_json::{Value, json};

use super::certificate::{PATH, details, is_foreign, reason, serial};
use super::selection::{Matches, Selection};
use crate::common::host::{print, say};
use crate::common::moment::{Moment, moment};
use crate::common::table::plain_time;
use crate::operator::client::{Client, escaped};
use crate::operator::confirm::confirm;
use crate::operator::target::Target;

/// The resource that revokes many.
const REVOCATIONS: &str = "revocations";
/// The reason keyCompromise (RFC 5280 §5.3.1).
const KEY_COMPROMISE: u8 = 1;

/// The selection and the reason.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The serial number in hexadecimal; or select several by the options below.
    #[arg(
        value_parser = serial,
        conflicts_with_all = ["all", "name", "profile", "account", "external_account", "issuer", "issued_before"]
    )]
    serial: Option<String>,
    #[command(flatten)]
    which: Selection,
    /// Those that were issued before then [default: now]. An interrupted revocation is resumed with the time that it
    /// printed.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    issued_before: Option<Moment>,
    /// The reason: unspecified, keyCompromise (blocks the keys), affiliationChanged, superseded, cessationOfOperation, or its
    /// number in RFC 5280.
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: Option<u8>,
    /// Skip the confirmation.
    #[arg(long)]
    yes: bool,
}

/// Shows the selection, asks for confirmation and revokes.
pub fn run(client: &Client, at: &Target, options: &Options, now: Time) -> Result<()> {
    let Some(serial) = &options.serial else { return many(client, at, options, now) };
    let found = client.get(&[PATH, serial], &[])?;
    if !options.yes {
        say(format!("certificate to revoke:\n{}", details(&found.value, now)));
    }
    confirm(options.yes, "Revoke it permanently?")?;
    let body = options.reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    client.post(&[PATH, serial, "revoke"], &body)?.show(at, |found| details(found, now));
    Ok(())
}

/// Revokes all selected certificates, step by step.
fn many(client: &Client, at: &Target, options: &Options, now: Time) -> Result<()> {
    let before = options.issued_before.map(|moment| moment.from(now).rfc3339());
    let mut body = options.which.body()?;
    let compromised = options.reason == Some(KEY_COMPROMISE);
    // keyCompromise replaces another reason.
    let status = if compromised { "current" } else { "valid" };
    let meant = |one: &Value| {
        let reason = one.pointer("/revoked/reason").and_then(Value::as_u64);
        reason != Some(KEY_COMPROMISE.into()) && !is_foreign(one)
    };
    let mut query = vec![("status", status.to_owned())];
    query.extend(before.iter().map(|before| ("issued_before", before.clone())));
    let fitting = options.which.count(client, &query, meant)?;
    confirm(options.yes, "Revoke them permanently?")?;
    body.extend(options.reason.map(|reason| ("reason".to_owned(), json!(reason))));
    body.extend(before.map(|before| ("issued_before".to_owned(), json!(before))));
    let mut steps = Progress { revoked: Vec::new(), before: None, said: 0 };
    let done = steps.take(client, &mut Value::Object(body), &fitting);
    if let (Err(_), Some(before)) = (&done, &steps.before) {
        let count = steps.revoked.len();
        say(format!("{count} revoked; resume with the same command and --issued-before {before}"));
    }
    done?;
    let summary = json!({ "revoked": steps.revoked.len(), "serials": steps.revoked, "issued_before": steps.before });
    print(&if at.json {
        format!("{}\n", escaped(&summary.to_string()))
    } else {
        format!(
            "{} revoked, of those issued before {}. The CRLs follow.\n",
            match steps.revoked.len() {
                1 => "1 certificate is".to_owned(),
                n => format!("{n} certificates are"),
            },
            steps.before.as_deref().unwrap_or("now"),
        )
    });
    Ok(())
}

/// The progress of a revocation.
struct Progress {
    /// The serial numbers revoked so far.
    revoked: Vec<Value>,
    /// The end of the selection: certificates issued later are not revoked.
    before: Option<String>,
    /// The count in the last message.
    said: usize,
}

impl Progress {
    /// Runs all steps and prints the progress.
    fn take(&mut self, client: &Client, body: &mut Value, fitting: &Matches) -> Result<()> {
        let mut cursor = None::<String>;
        loop {
            let step = client.post(&[REVOCATIONS], body)?.value;
            let found = step.get("revoked").and_then(Value::as_array);
            let found = found.context("the authority's response lacks the revoked certificates")?;
            self.revoked.extend(found.iter().cloned());
            let before = step.get("issued_before").and_then(Value::as_str).and_then(plain_time);
            let before = before.context("the authority's response lacks the end of the selection")?;
            let next = step.get("next").and_then(Value::as_str).map(str::to_owned);
            if self.before.is_none() && next.is_some() {
                say(format!(
                    "revoking certificates issued before {before}; if interrupted, resume with the same command and \
                     --issued-before {before}"
                ));
            }
            if self.revoked.len() > self.said && next.is_some() {
                self.said = self.revoked.len();
                say(format!("{} of {} revoked", self.said, fitting.number()));
            }
            let Some(members) = body.as_object_mut() else { bail!("the request body is not an object") };
            members.insert("issued_before".to_owned(), json!(before));
            self.before = Some(before);
            match next {
                None => return Ok(()),
                Some(next) if Some(&next) == cursor.as_ref() => {
                    bail!("the authority repeats the same step");
                }
                Some(next) => {
                    members.insert("cursor".to_owned(), json!(next));
                    cursor = Some(next);
                }
            }
        }
    }
}
