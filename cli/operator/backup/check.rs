//! Reads a whole backup and says what is in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};
use selvedge::ca::operator_api::backups::FORMAT;
use selvedge::ca::runtime::archive::End;
use selvedge::ca::runtime::copying::CopiedRow;
use selvedge::ca::runtime::message::{InBackup, PartitionId};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::archive::{Head, Line, Reader, Rows};
use crate::common::age::Key;

/// What is in a whole backup.
#[derive(Debug)]
pub struct Checked {
    /// What it says of itself.
    pub head: Head,
    /// The same, as the CA wrote it.
    pub raw_head: Box<RawValue>,
    /// The partitions, each with the number of lines before its first valid one.
    pub partitions: BTreeMap<String, u64>,
    /// Number of lines.
    pub lines: u64,
    /// What is counted.
    pub counts: Counts,
    /// The numbers of CRLs that are signed on, by ledger and shard.
    pub lists: BTreeMap<String, u64>,
    /// SHA-256 of all lines but the last.
    pub digest: String,
}

/// Numbers of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts.
    pub accounts: usize,
    /// Orders.
    pub orders: usize,
    /// Certificates that can be downloaded.
    pub certificates: usize,
    /// Entries of ledgers.
    pub entries: usize,
    /// Entries of ledgers that are revoked.
    pub revocations: usize,
    /// Entries of the audit record.
    pub audit: usize,
    /// All rows.
    pub rows: usize,
}

impl Counts {
    fn add(&mut self, keys: &BTreeMap<String, Facts>) {
        let of = |kind: &str| keys.keys().filter(|key| kind_of(key) == kind).count();
        self.accounts += of("account");
        self.orders += of("order");
        self.certificates += of("cert");
        self.entries += of("serial");
        self.revocations += keys.values().filter(|facts| facts.revoked.is_some()).count();
        self.audit += of("audit");
        self.rows += keys.len();
    }
}

/// What is read of a ledger's row.
///
/// Of a certificate it is the revocation, of a shard the number of its CRL.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Facts {
    #[serde(default)]
    revoked: Option<IgnoredAny>,
    #[serde(default)]
    due: Option<IgnoredAny>,
    #[serde(default)]
    number: Option<u64>,
}

impl Facts {
    /// Reads a row; nothing of one that another release wrote in another form.
    fn of(row: &CopiedRow) -> Self {
        let read = matches!(kind_of(&row.key), "serial" | "shard");
        let value = row.value.as_deref().filter(|_| read);
        value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
    }
}

/// The family of a row.
fn kind_of(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

/// A partition that is being read.
struct Part {
    since: u64,
    /// Its keys until it is whole.
    keys: Option<BTreeMap<String, Facts>>,
    counts: Counts,
    lists: BTreeMap<String, u64>,
}

/// Reads a backup to its end.
///
/// # Errors
/// When it is damaged, cut short, of another format, or the key is another's.
pub fn whole(file: &Path, key: &Key<'_>) -> Result<Checked> {
    let opened = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut reader = Reader::open(opened, key)?;
    let Some(Line::Head(raw_head)) = reader.next()? else { bail!("its first line is not that of a backup") };
    let head: Head = serde_json::from_str(raw_head.get()).context("its head cannot be read")?;
    if head.format != FORMAT {
        bail!("it has format {}, written by version {}; use that version or a later one", head.format, head.version);
    }
    let mut parts = BTreeMap::new();
    let end = loop {
        let before = reader.lines();
        let line = reader.next()?.context("it was cut short: its last line is missing")?;
        if let Some(end) = read_line(&mut parts, line, before)? {
            break end;
        }
    };
    if reader.next()?.is_some() {
        bail!("it goes on after its last line");
    }
    if let Some((name, _)) = parts.iter().find(|(_, part)| part.keys.is_some()) {
        bail!("{name} in it is not complete");
    }
    if parts.len() != end.partitions {
        bail!("it has {} partitions, and its last line says {}", parts.len(), end.partitions);
    }
    let sum = |mut sum: Counts, part: &Part| {
        sum.accounts += part.counts.accounts;
        sum.orders += part.counts.orders;
        sum.revocations += part.counts.revocations;
        sum.certificates += part.counts.certificates;
        sum.entries += part.counts.entries;
        sum.audit += part.counts.audit;
        sum.rows += part.counts.rows;
        sum
    };
    let counts = parts.values().fold(Counts::default(), sum);
    let lists = parts.values_mut().flat_map(|part| std::mem::take(&mut part.lists)).collect();
    let partitions = parts.into_iter().map(|(name, part)| (name, part.since)).collect();
    Ok(Checked { head, raw_head, partitions, lines: end.lines, counts, lists, digest: end.sha256 })
}

/// Reads a line after the first. Returns the last one.
fn read_line(parts: &mut BTreeMap<String, Part>, line: Line, before: u64) -> Result<Option<End>> {
    let number = before.saturating_add(1);
    let begun =
        || Part { since: before, keys: Some(BTreeMap::new()), counts: Counts::default(), lists: BTreeMap::new() };
    match line {
        Line::Head(_) => bail!("line {number} is a second head"),
        Line::Rows(Rows { partition, rows }) => {
            let saved = PartitionId::parse(&partition).filter(|id| id.backup() == InBackup::Saved);
            saved.with_context(|| format!("line {number} has rows of {partition:?}, which backups do not have"))?;
            let part = parts.entry(partition).or_insert_with(begun);
            let keys = part.keys.as_mut();
            let keys = keys.with_context(|| format!("line {number} has rows of a partition that was whole"))?;
            for row in rows {
                let facts = Facts::of(&row);
                match row.value {
                    Some(_) => keys.insert(row.key, facts),
                    None => keys.remove(&row.key),
                };
            }
        }
        Line::Again(partition) => drop(parts.remove(&partition)),
        Line::Whole(partition) => {
            let list =
                |(key, facts): (&String, &Facts)| Some((format!("{partition}/{key}"), facts.due.and(facts.number)?));
            let part = parts.entry(partition.clone()).or_insert_with(begun);
            // A backup may have millions of keys: those of whole partitions are only counted.
            let keys = part.keys.take().unwrap_or_default();
            part.lists = keys.iter().filter_map(list).collect();
            part.counts.add(&keys);
        }
        Line::End(end) => return Ok(Some(end)),
    }
    Ok(None)
}
