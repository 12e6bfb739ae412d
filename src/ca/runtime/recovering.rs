//! Recovering a partition to an earlier time, by the platform's bookmarks.
//!
//! A partition is held, copied, taken back, given what may never go back ([`super::carrying`]), and opened. While it is
//! marked it refuses all other messages, and its alarm does nothing. The mark of before is lost with the way back, so the
//! partition is marked again at once; meanwhile the CA is closed.

use super::ask::common_asks;
use super::carrying::{Rule, carries, rule};
use super::copying::{CopiedRow, CopiedRows, CopyRows};
use super::message::PartitionId;
use super::partition::Partition;
use super::ports::PartitionPorts;
use crate::records::operations::recovery::RecoveryRecord;
use crate::records::operations::restore::RestoreRecord;
use crate::records::{Kind, Problem};
use crate::store::{Key, Kv, Record, Table, Write, key_of};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// How long an operator waits for an alarm before another try, in seconds.
const RETRY_AFTER: u32 = 10;

/// Rows that are deleted at once.
const PAGE: usize = 1_000;

/// Holds a partition for a recovery; replies bookmarks. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldPartition {
    /// The id of the recovery.
    pub recovery: String,
    /// The time to which it is to go back.
    pub at: Time,
}

/// Bookmarks of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmarks {
    /// That of the time to which it is to go back.
    pub to: String,
    /// That of the present.
    pub undo: String,
}

/// Copies the next rows of a partition that is held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CopyHeld {
    /// The id of the recovery.
    pub recovery: String,
    /// The page.
    pub rows: CopyRows,
}

/// Takes a held partition to a bookmark. Where it succeeds, the partition ends and does not reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoTo {
    /// The id of the recovery.
    pub recovery: String,
    /// The bookmark.
    pub bookmark: String,
}

/// Marks a partition that went back, and deletes what stays as it was before. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HoldRecovered {
    /// The id of the recovery.
    pub recovery: String,
}

/// Asks for the id of the last recovery of a partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowRecovery;

/// Carries rows of before into a partition that went back. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CarryRows {
    /// The id of the recovery.
    pub recovery: String,
    /// The rows.
    pub rows: Vec<CopiedRow>,
    /// Whether these are the last ones.
    pub last: bool,
}

common_asks! {
    HoldPartition -> Bookmarks;
    CopyHeld -> CopiedRows;
    GoTo -> ();
    HoldRecovered -> ();
    CarryRows -> ();
    ShowRecovery -> Option<String>;
}

/// The state of a partition in a recovery, by its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Refuses messages, with its rows of before.
    Held,
    /// Went back, and lacks what may never go back.
    Back,
    /// Has everything.
    Carried,
}

impl Stage {
    /// Returns the mark of a partition in this state.
    pub fn mark(self, recovery: &str) -> String {
        let stage = match self {
            Self::Held => "held",
            Self::Back => "back",
            Self::Carried => "carried",
        };
        format!("recovery/{recovery}/{stage}")
    }

    /// Returns the state by a mark; `None` for the mark of something else.
    pub fn of(mark: &str, recovery: &str) -> Option<Self> {
        [Self::Held, Self::Back, Self::Carried].into_iter().find(|stage| stage.mark(recovery) == mark)
    }
}

/// Whether a mark is that of a recovery which has changed nothing yet.
fn is_only_held(mark: &str) -> bool {
    mark.starts_with("recovery/") && mark.ends_with("/held")
}

/// The refusal of a step for which the partition has another mark, or none.
fn not_held(id: &PartitionId, found: Option<&RestoreRecord>) -> Problem {
    let name = id.name();
    let state = found.map_or_else(|| "open".to_owned(), |mark| format!("marked with {:?}", mark.backup));
    Problem::malformed(format!(
        "{name} is {state}, and this step of the recovery is for another state of it. Begin anew."
    ))
}

/// The refusal while an alarm or a job of the partition runs.
fn at_work(id: &PartitionId) -> Problem {
    let detail = format!(
        "An alarm or a job of {} runs, and would write after the recovery began. It ends within minutes: try again then. \
         Nothing was changed.",
        id.name()
    );
    Problem { retry_after: Some(RETRY_AFTER), ..Problem::new(Kind::ServerInternal, detail).with_status(503) }
}

/// The refusal of a platform without bookmarks.
fn no_bookmark(why: &str) -> Problem {
    let why = why.trim_end_matches('.');
    Problem::malformed(format!(
        "The platform has no bookmark for that time ({why}). Point-in-time recovery works on Cloudflare, for the last 30 days; \
         elsewhere restore a backup. Nothing was changed."
    ))
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Holds this partition.
    ///
    /// # Errors
    /// `malformed` if it is marked for another recovery or a restore, or the platform has no bookmarks; 503 while an alarm or
    /// a job runs; when the storage fails.
    pub(in crate::ca) async fn hold_partition(&self, ask: &HoldPartition) -> Result<Bookmarks, Problem> {
        let mark = Stage::Held.mark(&ask.recovery);
        // An earlier recovery that was given up before it went back has changed nothing.
        if let Some(found) = self.mark()?.filter(|found| !is_only_held(&found.backup)) {
            return Err(not_held(&self.id, Some(&found)));
        }
        let to = self.ports.bookmark(Some(ask.at)).await.map_err(|why| no_bookmark(&why))?;
        // What runs would write after the mark. What begins later sees it.
        if self.running.is_at_work(self.ports.now()) {
            return Err(at_work(&self.id));
        }
        let witness = witness(&RecoveryRecord { id: ask.recovery.clone(), at: ask.at })?;
        self.write_marked(&RestoreRecord { backup: mark, whole: None }, vec![witness], None)?;
        let undo = self.ports.bookmark(None).await.map_err(|why| no_bookmark(&why))?;
        Ok(Bookmarks { to, undo })
    }

    /// Copies rows of this partition while it is held, or after it went back.
    ///
    /// # Errors
    /// `malformed` without the mark; when the storage fails.
    pub(in crate::ca) fn copy_held(&self, ask: CopyHeld) -> Result<CopiedRows, Problem> {
        self.stage(&ask.recovery)?;
        self.copy_rows(ask.rows)
    }

    /// Goes to a bookmark.
    ///
    /// # Errors
    /// `malformed` without the mark; the platform's reason. After success the partition ends.
    pub(in crate::ca) async fn go_to(&self, ask: &GoTo) -> Result<(), Problem> {
        self.stage(&ask.recovery)?;
        self.ports.go_to(&ask.bookmark).await.map_err(|why| no_bookmark(&why))
    }

    /// Marks this partition after it went back.
    ///
    /// # Errors
    /// `malformed` if it did not go back, or is marked otherwise; when the storage fails.
    pub(in crate::ca) fn hold_recovered(&self, ask: &HoldRecovered) -> Result<(), Problem> {
        let mark = RestoreRecord { backup: Stage::Back.mark(&ask.recovery), whole: None };
        match self.mark()? {
            // What was opened again has the witness.
            None if self.last_recovery()?.as_ref() == Some(&ask.recovery) => {
                return Err(not_held(&self.id, None));
            }
            None => self.write_marked(&mark, Vec::new(), None)?,
            Some(found) if found == mark => {}
            Some(found) => return Err(not_held(&self.id, Some(&found))),
        }
        // All of what stays is carried, so what was deleted since must not be there again.
        for table in Table::ALL {
            let mut after = None;
            loop {
                let rows = self.with_storage(|kv| kv.scan(table, after.as_deref(), PAGE, usize::MAX))?;
                let Some(last) = rows.last() else { break };
                after = Some(last.key.name.clone());
                let stay = rows.iter().filter(|row| matches!(rule(&self.id, &row.key.name), Rule::Stay));
                let deleted: Vec<(Key, Write)> = stay.map(|row| (row.key.clone(), Write::Delete)).collect();
                if !deleted.is_empty() {
                    self.with_storage(|kv| kv.apply(deleted, None))?;
                }
            }
        }
        Ok(())
    }

    /// Carries rows of before.
    ///
    /// # Errors
    /// `malformed` without the mark; when the storage fails.
    pub(in crate::ca) fn carry_rows(&self, ask: CarryRows) -> Result<(), Problem> {
        let stage = self.stage(&ask.recovery)?;
        if stage == Stage::Held {
            return Err(not_held(&self.id, self.mark()?.as_ref()));
        }
        let purge = ask.rows.iter().filter_map(|row| row.expires).min().map(|at| at.plus(self.purge_slack()));
        let mark = key_of::<RestoreRecord>("");
        let writes = self.with_storage(|kv| {
            let mut writes = Vec::new();
            for row in ask.rows {
                let (key, Some(value)) = (Key { table: row.table, name: row.key }, row.value) else { continue };
                let then = kv.row(&key)?;
                let then = then.as_ref().map(|row| row.value.as_str());
                if key.name != mark && carries(rule(&self.id, &key.name), then, value.get()) {
                    writes.push((key, Write::Put { value: value.get().to_owned(), expires: row.expires }));
                }
            }
            Ok(writes)
        })?;
        let stage = if ask.last { Stage::Carried } else { stage };
        self.write_marked(&RestoreRecord { backup: stage.mark(&ask.recovery), whole: None }, writes, purge)
    }

    /// Returns the id of the last recovery of this partition.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn last_recovery(&self) -> Result<Option<String>, Problem> {
        self.transact(|txn| Ok(txn.get::<RecoveryRecord>("")?.map(|record| record.id)))
    }

    /// Returns the state of this partition in a recovery.
    ///
    /// # Errors
    /// `malformed` for one without a mark of this recovery.
    fn stage(&self, recovery: &str) -> Result<Stage, Problem> {
        let found = self.mark()?;
        let stage = found.as_ref().and_then(|mark| Stage::of(&mark.backup, recovery));
        stage.ok_or_else(|| not_held(&self.id, found.as_ref()))
    }
}

/// The row of the last recovery.
fn witness(record: &RecoveryRecord) -> Result<(Key, Write), Problem> {
    let value = serde_json::to_string(record).map_err(|error| Problem::internal(error.to_string()))?;
    let key = Key { table: RecoveryRecord::TABLE, name: key_of::<RecoveryRecord>("") };
    Ok((key, Write::Put { value, expires: None }))
}
