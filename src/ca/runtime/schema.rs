//! Schema numbers of partitions, and the migration of their rows.
//!
//! A partition has the number of the form in which its rows are. A release reads forms up to a number, and refuses a
//! partition with a higher one, before it reads a row. Migrations bring rows from each form into the next, in steps.
//! Requests are served meanwhile: a release reads the form that it migrates from.

use super::ask::common_asks;
use super::message::PartitionId;
use super::partition::Partition;
use super::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::migration::MigrationRecord;
use crate::store::{FIRST_SCHEMA, Key, Kv, Record, StoreFailure, Write, key_of};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// How long clients of a refused partition wait before they try again, in seconds.
const RETRY_AFTER: u32 = 300;

/// Maximum number of rows that a step of a migration reads.
pub const STEP_ROWS: usize = 200;

/// The size at which a step reads no further row, in octets.
const STEP_OCTETS: usize = 1_000_000;

/// Number of steps for an alarm.
const STEPS: usize = 50;

/// The pause between two steps, in which requests are served.
const PAUSE: Duration = Duration::from_millis(50);

/// The delay until the next alarm of an unfinished migration.
const NEXT: Duration = Duration::from_secs(1);

/// Delay of the alarm of a refused partition. The newer release may run by then.
const LOOK_AGAIN: Duration = Duration::from_secs(900);

/// The schema number that this many migrations lead to.
fn number(migrations: usize) -> u32 {
    FIRST_SCHEMA.saturating_add(u32::try_from(migrations).unwrap_or(u32::MAX))
}

/// Asks for the schema number. Every partition answers, a refused one too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowSchema;

/// The schema of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaState {
    /// The number that is stored; `None` without a database.
    pub stored: Option<u32>,
    /// The highest number that the partition's release reads.
    pub reads: u32,
}

common_asks! {
    ShowSchema -> SchemaState;
}

/// The refusal of requests to a partition with this schema number.
fn newer(id: &PartitionId, stored: u32, reads: u32) -> Problem {
    let detail = "A newer release of this CA has stored what the one that runs cannot read. Its operator has to deploy \
                  the newer release again; try later.";
    let log =
        format!("its schema is {stored}, and this release reads up to {reads}: deploy the release that ran before");
    let refused = Problem::other_release(format!("{} is refused: {log}", id.name()));
    Problem { detail: detail.to_owned(), retry_after: Some(RETRY_AFTER), ..refused }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Learns the schema number when the partition is loaded, before anything else is read.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn learn_schema(&self) -> Result<(), Problem> {
        let migrations = self.ports.migrations(&self.id);
        let (runs, reads) = (self.migrates_to(), number(migrations.len()));
        self.with_storage(|kv| {
            let stored = kv.schema()?;
            self.running.newer.set(stored.filter(|stored| *stored > reads));
            match stored {
                None => kv.set_schema(runs)?,
                // Without migrations there is no such record.
                Some(stored) if stored <= runs && runs > FIRST_SCHEMA && read_cursor(kv, stored, runs)?.is_some() => {
                    self.ports.wake_at(self.ports.now());
                }
                Some(_) => {}
            }
            Ok(())
        })
    }

    /// The schema number to which this release migrates.
    fn migrates_to(&self) -> u32 {
        number(self.ports.migrations(&self.id).iter().take_while(|one| one.runs).count())
    }

    /// Returns the refusal of a partition with a newer schema, if it has one.
    pub(in crate::ca) fn refusal(&self) -> Option<Problem> {
        let stored = self.running.newer.get()?;
        Some(newer(&self.id, stored, number(self.ports.migrations(&self.id).len())))
    }

    /// Sets the next alarm of a refused partition, which does nothing else.
    pub(in crate::ca) fn look_again(&self) {
        self.ports.wake_at(self.ports.now().plus(LOOK_AGAIN));
    }

    /// Returns the schema.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn schema(&self) -> Result<SchemaState, Problem> {
        let stored = self.with_storage(|kv| kv.schema())?;
        Ok(SchemaState { stored, reads: number(self.ports.migrations(&self.id).len()) })
    }

    /// Migrates rows, in steps with a pause after each. Returns when to go on.
    ///
    /// # Errors
    /// When the storage fails. What was done stays.
    pub(in crate::ca) async fn migrate(&self) -> Result<Option<Time>, Problem> {
        if self.migrates_to() == FIRST_SCHEMA {
            return Ok(None);
        }
        for _ in 0..STEPS {
            if !self.with_storage(|kv| self.migrate_step(kv))? {
                return Ok(None);
            }
            self.ports.sleep(PAUSE).await;
        }
        Ok(Some(self.ports.now().plus(NEXT)))
    }

    /// Migrates the next rows. Returns whether there was something to do.
    ///
    /// The number changes before the first row does: an older release must not read either.
    fn migrate_step(&self, kv: &mut K) -> Result<bool, StoreFailure> {
        let Some(stored) = kv.schema()? else { return Ok(false) };
        let Some(MigrationRecord { to, after }) = read_cursor(kv, stored, self.migrates_to())? else {
            return Ok(false);
        };
        let position = usize::try_from(to.saturating_sub(FIRST_SCHEMA).saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(migration) = self.ports.migrations(&self.id).get(position) else { return Ok(false) };
        if to > stored {
            write_cursor(kv, Some(&MigrationRecord { to, after }), Vec::new(), None)?;
            return kv.set_schema(to).map(|()| true);
        }
        let rows = kv.scan(migration.table, after.as_deref(), STEP_ROWS, STEP_OCTETS)?;
        let mut writes = Vec::new();
        for row in rows.iter().filter(|row| row.key.name.starts_with(migration.prefix)) {
            writes.extend((migration.rewrite)(row)?);
        }
        self.running.watches.note(&writes);
        let expiries = writes.iter().filter_map(|(_, write)| match write {
            Write::Put { expires, .. } => *expires,
            Write::Delete => None,
        });
        let purge = expiries.min().map(|at| at.plus(self.purge_slack()));
        let cursor = rows.last().map(|last| MigrationRecord { to, after: Some(last.key.name.clone()) });
        write_cursor(kv, cursor.as_ref(), writes, purge)?;
        Ok(true)
    }
}

/// Returns the migration under way, or the next one up to `runs`, if any.
fn read_cursor<K: Kv>(kv: &K, stored: u32, runs: u32) -> Result<Option<MigrationRecord>, StoreFailure> {
    let text = kv.get(MigrationRecord::TABLE, &key_of::<MigrationRecord>(""))?;
    let broken = |error| StoreFailure::Failed(format!("the state of the migration cannot be read: {error}"));
    let found: Option<MigrationRecord> = text.map(|text| serde_json::from_str(&text).map_err(broken)).transpose()?;
    let begun = found.filter(|found| found.to == stored && stored <= runs);
    Ok(begun.or_else(|| (stored < runs).then(|| MigrationRecord { to: stored.saturating_add(1), after: None })))
}

/// Stores where the migration is, with rows that it rewrote; `None` at its end.
fn write_cursor<K: Kv>(
    kv: &mut K,
    cursor: Option<&MigrationRecord>,
    mut writes: Vec<(Key, Write)>,
    purge: Option<Time>,
) -> Result<(), StoreFailure> {
    let broken = |error| StoreFailure::Failed(format!("the state of the migration cannot be written: {error}"));
    let put = |cursor| serde_json::to_string(cursor).map(|value| Write::Put { value, expires: None }).map_err(broken);
    let write = cursor.map_or(Ok(Write::Delete), put)?;
    writes.push((Key { table: MigrationRecord::TABLE, name: key_of::<MigrationRecord>("") }, write));
    kv.apply(writes, purge)
}
