//! The steps of a restore, and of its undoing.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use selvedge::ca::operator_api::backups::MAX_PARTS;
use selvedge::ca::runtime::copying::CopiedRow;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::archive::{Line, Reader, Rows};
use super::check::Checked;
use super::copy::patiently;
use crate::common::age::Key;
use crate::common::host::say;
use crate::operator::client::Client;

/// Length at which a request takes no further rows, in octets.
const FULL: usize = 1024 * 1024;

/// A restore into the CA of a client.
pub struct Steps<'a> {
    /// The CA.
    pub client: &'a Client,
    /// What is in the backup.
    pub checked: &'a Checked,
}

/// A request to begin.
#[derive(Serialize)]
struct Begin<'a> {
    backup: &'a RawValue,
    other_nonce_key: bool,
}

/// A request with rows.
#[derive(Default, Serialize)]
struct Import<'a> {
    backup: &'a str,
    line: u64,
    parts: Vec<Part>,
    #[serde(skip)]
    length: usize,
}

/// Rows of a partition.
#[derive(Serialize)]
struct Part {
    partition: String,
    rows: Vec<CopiedRow>,
}

impl Steps<'_> {
    /// Checks that the CA is closed, before a confirmation is asked for.
    ///
    /// # Errors
    /// When it serves clients, or does not answer.
    pub fn check_closed(&self) -> Result<()> {
        let state = self.client.get(&["restoration"], &[])?.value;
        if state.get("closed") != Some(&Value::Bool(true)) {
            bail!(
                "{} serves clients, and a restore is for a closed and empty CA: set CLOSED = \"true\" under [vars], and start or \
                 deploy it again first",
                self.client.base()
            );
        }
        Ok(())
    }

    /// Restores the backup, or goes on with it.
    ///
    /// # Errors
    /// The refusal of the CA, before which nothing was changed; or when it does not answer.
    pub fn restore(&self, file: &Path, key: &Key<'_>, other_nonce_key: bool) -> Result<()> {
        let begin = serde_json::to_string(&Begin { backup: &self.checked.raw_head, other_nonce_key })?;
        let state = patiently(|| self.client.send(&["restoration"], &[], &begin))?.value;
        let under_way = |member: &str| state.pointer(&format!("/under_way/{member}"));
        let line = under_way("line").and_then(Value::as_u64).context("the CA does not say how far the restore is")?;
        if line > 0 {
            say(format!("going on after line {line} of {}", self.checked.lines));
        }
        if under_way("ending") != Some(&Value::Bool(true)) {
            self.import(file, key, line)?;
        }
        self.end()
    }

    /// Imports the rows after a line.
    fn import(&self, file: &Path, key: &Key<'_>, after: u64) -> Result<()> {
        let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut reader = Reader::open(opened, key)?;
        let new = || Import { backup: &self.checked.head.id, ..Import::default() };
        let mut import = new();
        while let Some(line) = reader.next()? {
            let Line::Rows(Rows { partition, rows }) = line else { continue };
            // Rows that are void, or imported already.
            let since = self.checked.partitions.get(&partition).copied().unwrap_or_default();
            if reader.lines() <= after || reader.lines() <= since {
                continue;
            }
            let length: usize = rows.iter().map(CopiedRow::octets).sum();
            if import.parts.len() == MAX_PARTS || (import.length + length > FULL && !import.parts.is_empty()) {
                self.send(&std::mem::replace(&mut import, new()))?;
            }
            import.line = reader.lines();
            import.length += length;
            import.parts.push(Part { partition, rows });
        }
        self.send(&import)
    }

    fn send(&self, import: &Import<'_>) -> Result<()> {
        if import.parts.is_empty() {
            return Ok(());
        }
        let body = serde_json::to_string(import)?;
        patiently(|| self.client.send(&["restoration", "rows"], &[], &body)).map(drop)
    }

    /// The partitions of these kinds.
    fn of(&self, kinds: &[&str]) -> Vec<&str> {
        let names = self.checked.partitions.keys().map(String::as_str);
        names.filter(|name| kinds.contains(&name.split('/').next().unwrap_or_default())).collect()
    }

    /// Opens all partitions.
    fn end(&self) -> Result<()> {
        // Accounts enter themselves into the rosters.
        let order = [self.of(&["ledger", "compromised", "eab"]), self.of(&["roster"]), self.of(&["account"])].concat();
        self.named("end", &order)
    }

    /// Deletes what was imported.
    ///
    /// # Errors
    /// The refusal of the CA, once partitions are being opened; or when it does not answer.
    pub fn undo(&self) -> Result<()> {
        let order: Vec<&str> = self.checked.partitions.keys().map(String::as_str).collect();
        self.named("undo", &order)
    }

    fn named(&self, step: &str, order: &[&str]) -> Result<()> {
        let post = |partitions: &[&str], last: bool| {
            let body = json!({ "backup": self.checked.head.id, "partitions": partitions, "last": last });
            patiently(|| self.client.post(&["restoration", step], &body))
        };
        for partitions in order.chunks(MAX_PARTS) {
            post(partitions, false)?;
        }
        if post(&[], true)?.value.get("complete") != Some(&Value::Bool(true)) {
            bail!("the CA does not confirm that it is complete");
        }
        Ok(())
    }
}
