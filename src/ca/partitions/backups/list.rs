//! What operators see and fetch of the backups.

use super::bucket::{Manifest, manifest, object, unreachable};
use super::kind::Backups;
use super::steps::{new_store, next_due, record_of};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::operations::backup::{BackupRun, BackupsRecord, FailedBackup, WholeBackup};
use crate::store::Kv;
use crate::values::{Time, b64};
use serde::{Deserialize, Serialize};

/// Backups in a page of the list.
pub const LISTED: usize = 25;

/// Shows the state of the backups, and sets the alarm for the next one. `None` without a schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowBackups;

/// Lists the whole backups in the bucket, the newest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListBackups {
    /// The name before which they are; `None` for the newest.
    pub before: Option<String>,
}

/// Reads an object of a whole backup, in base64url. `None` if there is no such object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadBackup {
    /// The name of the backup.
    pub name: String,
    /// The number of the object; `None` for the manifest, as JSON.
    pub object: Option<u64>,
}

/// The state of the backups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsState {
    /// When the schedule was first seen.
    pub since: Time,
    /// The newest whole backup.
    pub last: Option<WholeBackup>,
    /// The one that was given up since.
    pub failed: Option<FailedBackup>,
    /// When the one under way was begun.
    pub running: Option<Time>,
    /// When the next one is due, or the next step.
    pub due: Time,
}

/// Whole backups in the bucket, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupPage {
    /// Their manifests.
    pub backups: Vec<Manifest>,
    /// Whether there are older ones.
    pub more: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Backups<P, K> {
    /// Shows the state of the backups, and sets the alarm.
    ///
    /// # Errors
    /// When the storage fails; without randomness.
    pub(in crate::ca) fn state(&self) -> Result<Option<BackupsState>, Problem> {
        let Some(settings) = &self.ports.settings().backups else { return Ok(None) };
        let (now, store) = (self.ports.now(), new_store(&self.ports)?);
        self.transact(|txn| {
            let record = record_of(txn, store, now)?;
            let run = txn.get::<BackupRun>("")?;
            let due = run.as_ref().map_or_else(|| next_due(&record, settings.schedule, now), |run| run.due);
            txn.wake_at(due.max(now));
            let running = run.map(|run| run.begun);
            let BackupsRecord { since, last, failed, .. } = record;
            Ok(Some(BackupsState { since, last, failed, running, due }))
        })
    }

    /// Lists whole backups.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub(in crate::ca) async fn listed(&self, ask: &ListBackups) -> Result<BackupPage, Problem> {
        let whole = self.whole().await?;
        let older = whole.iter().rev().filter(|name| ask.before.as_ref().is_none_or(|before| *name < before));
        let names: Vec<&String> = older.take(LISTED.saturating_add(1)).collect();
        let mut page = BackupPage { backups: Vec::new(), more: names.len() > LISTED };
        for name in names.into_iter().take(LISTED) {
            page.backups.extend(self.manifest(name).await?);
        }
        Ok(page)
    }

    /// Reads a manifest; `None` for a missing or unreadable one.
    async fn manifest(&self, name: &str) -> Result<Option<Manifest>, Problem> {
        let key = manifest(self.ports.settings(), name);
        let found = self.ports.object(&key).await.map_err(unreachable)?;
        Ok(found.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok()).filter(|one| one.name == name))
    }

    /// Reads an object of a whole backup.
    ///
    /// # Errors
    /// When the bucket does not answer.
    pub(in crate::ca) async fn read(&self, ask: &ReadBackup) -> Result<Option<String>, Problem> {
        let Some(number) = ask.object else {
            let text =
                |manifest| serde_json::to_string(&manifest).map_err(|error| Problem::internal(error.to_string()));
            return self.manifest(&ask.name).await?.map(text).transpose();
        };
        let key = object(self.ports.settings(), &ask.name, number);
        Ok(self.ports.object(&key).await.map_err(unreachable)?.map(|bytes| b64::encode(&bytes)))
    }
}
