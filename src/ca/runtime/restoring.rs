//! Restoring a backup into a partition: marking, importing, opening, undoing.
//!
//! A partition is marked while it is restored. It then refuses all other messages, and its alarm does nothing.

use super::ask::common_asks;
use super::copying::CopiedRow;
use super::message::PartitionId;
use super::partition::Partition;
use super::ports::PartitionPorts;
use crate::records::operations::audit::{AuditHead, AuditRecord, Event};
use crate::records::operations::restore::{RestoreRecord, WholeRestore};
use crate::records::{Kind, Problem};
use crate::store::{FIRST_SCHEMA, Key, Kv, Record, Table, Write, key_of};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// How long clients wait before they try again, in seconds.
const RETRY_AFTER: u32 = 120;

/// Maximum number of own audit entries that a restore replaces.
const MAX_REPLACED: usize = 2_000;

/// Asks how a partition stands for a restore.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowRestore;

/// How a partition stands for a restore.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RestoreState {
    /// The restore under way.
    pub under_way: Option<RestoreRecord>,
    /// Whether the partition has nothing that a restore would overwrite.
    pub vacant: bool,
}

/// Stores the state of a whole restore, in the operations partition. The first time, it has to be vacant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MarkRestore(pub RestoreRecord);

/// Imports rows of a backup. The partition has to be vacant, or marked with the same backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportRows {
    /// The id of the backup.
    pub backup: String,
    /// The rows.
    pub rows: Vec<CopiedRow>,
}

/// Opens a restored partition. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndRestore {
    /// The id of the backup.
    pub backup: String,
    /// The entry of the audit record, for the operations partition.
    pub event: Option<Event>,
}

/// Deletes what a restore imported. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UndoRestore {
    /// The id of the backup.
    pub backup: String,
    /// As in [`EndRestore`].
    pub event: Option<Event>,
}

common_asks! {
    ShowRestore -> RestoreState;
    MarkRestore -> ();
    ImportRows -> ();
    EndRestore -> ();
    UndoRestore -> ();
}

/// The refusal of a request while a backup is restored.
pub fn restoring() -> Problem {
    let detail = "This CA is being restored from a backup and answers when that is complete; try again later.";
    Problem { retry_after: Some(RETRY_AFTER), ..Problem::new(Kind::ServerInternal, detail).with_status(503) }
}

/// The refusal of a restore into a CA that is not empty.
pub fn occupied(id: &PartitionId) -> Problem {
    let name = id.name();
    Problem::malformed(format!(
        "The backup cannot be restored: {name} of this CA has records already, and a restore is for an empty CA. Nothing was changed."
    ))
}

/// The refusal of a backup while this other one is being restored.
pub fn other(found: &RestoreRecord) -> Problem {
    Problem::malformed(format!(
        "Another backup, {}, is being restored into this CA: go on with that one, or undo it first.",
        found.backup
    ))
}

/// The refusal to undo a restore whose partitions are being opened.
pub fn ending() -> Problem {
    Problem::malformed("The restore cannot be undone any more: its partitions are being opened. Let it go on.")
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Learns whether a backup is being restored into this partition, when it is loaded.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn learn_restore(&self) -> Result<(), Problem> {
        self.running.restoring.set(self.mark()?.is_some());
        Ok(())
    }

    /// Returns the mark of this partition.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn mark(&self) -> Result<Option<RestoreRecord>, Problem> {
        self.transact(|txn| Ok(txn.get::<RestoreRecord>("")?))
    }

    /// Returns how this partition stands for a restore.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn restore_state(&self) -> Result<RestoreState, Problem> {
        Ok(RestoreState { under_way: self.mark()?, vacant: self.own_rows()?.is_some() })
    }

    /// Returns the rows that a restore replaces; `None` if others are stored.
    ///
    /// A CA without accounts may have an audit record, of refused sign-ins.
    fn own_rows(&self) -> Result<Option<Vec<Key>>, Problem> {
        self.with_storage(|kv| {
            if self.id != PartitionId::Operations {
                return Ok(kv.is_empty()?.then(Vec::new));
            }
            let mut rows = Vec::new();
            for table in Table::ALL {
                rows.extend(kv.scan(table, None, MAX_REPLACED, usize::MAX)?.into_iter().map(|row| row.key));
            }
            let of_audit = |key: &Key| {
                key.name == AuditHead::PREFIX
                    || key.name.split_once('/').is_some_and(|(kind, _)| kind == AuditRecord::PREFIX)
            };
            Ok((rows.len() < MAX_REPLACED && rows.iter().all(of_audit)).then_some(rows))
        })
    }

    /// Stores the state of a whole restore.
    ///
    /// # Errors
    /// `malformed` if the partition has records, or another backup is being restored; when the storage fails.
    pub(in crate::ca) fn mark_restore(&self, record: &RestoreRecord) -> Result<(), Problem> {
        let replaced = match self.mark()? {
            Some(found) if found.backup == record.backup => Vec::new(),
            Some(found) => return Err(other(&found)),
            None => {
                let rows = self.own_rows()?.ok_or_else(|| occupied(&self.id))?;
                self.restore_schema()?;
                rows
            }
        };
        let entries = u64::try_from(replaced.len().saturating_sub(1)).unwrap_or(u64::MAX);
        let mut record = record.clone();
        if let Some(whole) = record.whole.as_mut().filter(|_| !replaced.is_empty()) {
            whole.replaced = entries;
        }
        let writes = replaced.into_iter().map(|key| (key, Write::Delete)).collect();
        self.write_marked(&record, writes, None)
    }

    /// Lets all migrations run after the restore.
    ///
    /// The backup's rows may be of an older release.
    fn restore_schema(&self) -> Result<(), Problem> {
        self.with_storage(|kv| match kv.schema()? {
            Some(FIRST_SCHEMA) => Ok(()),
            _ => kv.set_schema(FIRST_SCHEMA),
        })
    }

    /// Writes rows together with the mark.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn write_marked(
        &self,
        record: &RestoreRecord,
        mut writes: Vec<(Key, Write)>,
        purge: Option<Time>,
    ) -> Result<(), Problem> {
        let value = serde_json::to_string(record).map_err(|error| Problem::internal(error.to_string()))?;
        let key = Key { table: RestoreRecord::TABLE, name: key_of::<RestoreRecord>("") };
        writes.push((key, Write::Put { value, expires: None }));
        self.with_storage(|kv| kv.apply(writes, purge))?;
        self.running.restoring.set(true);
        Ok(())
    }

    /// Imports rows.
    ///
    /// # Errors
    /// As [`Partition::mark_restore`].
    pub(in crate::ca) fn import_rows(&self, ask: ImportRows) -> Result<(), Problem> {
        let mark = match self.mark()? {
            Some(found) if found.backup == ask.backup => found,
            Some(found) => return Err(other(&found)),
            None if self.with_storage(|kv| kv.is_empty())? => {
                self.restore_schema()?;
                RestoreRecord { backup: ask.backup, whole: None }
            }
            None => return Err(occupied(&self.id)),
        };
        let purge = ask.rows.iter().filter_map(|row| row.expires).min().map(|at| at.plus(self.purge_slack()));
        let write = |row: CopiedRow| {
            let (key, expires) = (Key { table: row.table, name: row.key }, row.expires);
            let put = |value: Box<serde_json::value::RawValue>| Write::Put { value: value.get().to_owned(), expires };
            (key, row.value.map_or(Write::Delete, put))
        };
        self.write_marked(&mark, ask.rows.into_iter().map(write).collect(), purge)
    }

    /// Opens this partition: removes its mark, and adds an entry to the audit record. Its alarm finds due work.
    ///
    /// # Errors
    /// When another backup is being restored into it; when the storage fails.
    pub(in crate::ca) fn open_restored(&self, ask: &EndRestore) -> Result<(), Problem> {
        match self.mark()? {
            None => return Ok(()),
            Some(found) if found.backup != ask.backup => return Err(other(&found)),
            Some(_) => {}
        }
        self.transact(|txn| {
            txn.delete::<RestoreRecord>("");
            if let Some(event) = &ask.event {
                AuditRecord::append(txn, event.clone())?;
            }
            txn.wake_at(self.ports.now());
            Ok(())
        })?;
        self.running.restoring.set(false);
        // The alarm takes up jobs that requests had begun.
        self.running.interrupt();
        Ok(())
    }

    /// Deletes what a restore imported into this partition.
    ///
    /// # Errors
    /// `malformed` if it was opened already; when another backup is being restored into it; when the storage fails.
    pub(in crate::ca) fn undo_restore(&self, ask: &UndoRestore) -> Result<(), Problem> {
        match self.mark()? {
            None if self.own_rows()?.is_some() => return self.note_undone(ask),
            None => return Err(occupied(&self.id)),
            Some(found) if found.backup != ask.backup => return Err(other(&found)),
            Some(RestoreRecord { whole: Some(WholeRestore { ending: true, .. }), .. }) => return Err(ending()),
            Some(_) => {}
        }
        self.ports.cancel_alarm();
        self.with_storage(|kv| kv.clear())?;
        self.running.restoring.set(false);
        self.note_undone(ask)
    }

    fn note_undone(&self, ask: &UndoRestore) -> Result<(), Problem> {
        let Some(event) = &ask.event else { return Ok(()) };
        self.transact(|txn| Ok(AuditRecord::append(txn, event.clone()).map(drop)?))
    }
}
