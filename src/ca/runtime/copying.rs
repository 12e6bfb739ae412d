//! Copies of a partition's rows, page by page, while it works on.
//!
//! A copy scans the tables. Rows that are written meanwhile are noted and follow, until none is left. So a copy has the rows
//! of one instant, that of its last page. Expired rows may be among them or not, as always.

use super::ask::{Address, common_asks};
use super::message::PartitionId;
use super::partition::Partition;
use super::ports::PartitionPorts;
use crate::records::Problem;
use crate::store::{Key, Kv, StoreFailure, StoredRow, Table};
use crate::values::{Time, b64};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Maximum number of rows in a page.
const MAX_ROWS: usize = 1_000;

impl Address for PartitionId {
    fn partition(&self) -> PartitionId {
        self.clone()
    }
}

/// A row in a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopiedRow {
    /// Its table.
    #[serde(rename = "t")]
    pub table: Table,
    /// Its key.
    #[serde(rename = "k")]
    pub key: String,
    /// When it expires; `None` for never.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// Its value; `None` for a row that was deleted during the copy.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Box<RawValue>>,
}

impl CopiedRow {
    /// The length of its key and value, in octets.
    pub fn octets(&self) -> usize {
        self.key.len() + self.value.as_deref().map_or(0, |value| value.get().len())
    }
}

/// Copies the next rows of a partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopyRows {
    /// The end of the page before; `None` begins a copy.
    pub reached: Option<Reached>,
    /// The page ends with the first row that makes it longer than this.
    pub octets: usize,
}

/// The end of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reached {
    /// The id of the copy, a dot, and the number of the next page.
    pub copy: String,
    /// The table that is scanned; `None` for rows that were written meanwhile.
    pub table: Option<Table>,
    /// The last row of that table.
    pub key: Option<String>,
}

/// A page of a copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopiedRows {
    /// The rows; a later one replaces an earlier one with the same key.
    pub rows: Vec<CopiedRow>,
    /// Where the next page begins; `None` after the last one.
    pub reached: Option<Reached>,
    /// Whether the copy was lost, and has to start over.
    pub lost: bool,
}

common_asks! {
    CopyRows -> CopiedRows;
}

/// A page that is being filled.
struct Page {
    rows: Vec<CopiedRow>,
    /// Room left.
    octets: usize,
    full: bool,
}

impl Page {
    fn add(&mut self, key: Key, stored: Option<StoredRow>) -> Result<(), StoreFailure> {
        let length = stored.as_ref().map_or(0, |row| row.value.len()).saturating_add(key.name.len());
        let json = |row: StoredRow| {
            let broken = |error| StoreFailure::Failed(format!("{} is not JSON: {error}", row.key.name));
            RawValue::from_string(row.value).map_err(broken).map(|value| (value, row.expires))
        };
        let (value, expires) = stored.map(json).transpose()?.map_or((None, None), |(value, at)| (Some(value), at));
        self.rows.push(CopiedRow { table: key.table, key: key.name, expires, value });
        self.full = self.rows.len() >= MAX_ROWS || length > self.octets;
        self.octets = self.octets.saturating_sub(length);
        Ok(())
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Copies the next rows of this partition.
    ///
    /// # Errors
    /// When the storage fails; without randomness.
    pub(in crate::ca) fn copy_rows(&self, ask: CopyRows) -> Result<CopiedRows, Problem> {
        let watches = &self.running.watches;
        let (at, number) = match ask.reached {
            Some(reached) => {
                let (copy, number) = reached.copy.rsplit_once('.').unwrap_or_default();
                let number = number.parse::<u64>().unwrap_or_default();
                if !watches.turn(copy, number) {
                    return Ok(CopiedRows { rows: Vec::new(), reached: None, lost: true });
                }
                (Reached { copy: copy.to_owned(), ..reached }, number)
            }
            None => {
                let copy = b64::encode(&self.ports.random::<16>()?);
                watches.begin(&copy);
                (Reached { copy, table: Table::ALL.first().copied(), key: None }, 0)
            }
        };
        let mut page = Page { rows: Vec::new(), octets: ask.octets, full: false };
        let reached = self.with_storage(|kv| self.fill(kv, &mut page, at))?;
        let next = number.saturating_add(1);
        let reached = reached.map(|at| Reached { copy: format!("{}.{next}", at.copy), ..at });
        Ok(CopiedRows { rows: page.rows, reached, lost: false })
    }

    /// Fills a page. Returns where the next one begins.
    ///
    /// Nothing can come in between: when no noted row is left, the rows of all pages are those of this instant.
    fn fill(&self, kv: &K, page: &mut Page, mut at: Reached) -> Result<Option<Reached>, StoreFailure> {
        let watches = &self.running.watches;
        while let Some(table) = at.table {
            if page.full {
                return Ok(Some(at));
            }
            let most = MAX_ROWS.saturating_sub(page.rows.len());
            let (octets, found) = (page.octets, kv.scan(table, at.key.as_deref(), most, page.octets)?);
            let size: usize = found.iter().map(|row| row.value.len()).sum();
            let cut = found.len() >= most || size > octets;
            for row in found {
                at.key = Some(row.key.name.clone());
                page.add(row.key.clone(), Some(row))?;
            }
            if !cut && !page.full {
                let next = Table::ALL.iter().skip_while(|other| **other != table).nth(1);
                at = Reached { table: next.copied(), key: None, ..at };
            }
            page.full |= cut;
        }
        while !page.full {
            let Some(key) = watches.take(&at.copy) else {
                watches.end(&at.copy);
                return Ok(None);
            };
            let stored = kv.row(&key)?;
            page.add(key, stored)?;
        }
        Ok(Some(at))
    }
}
