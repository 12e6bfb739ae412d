//! The asks that the partition of backups understands.

use super::kind::{Backups, BackupsAt};
use super::list::{BackupPage, BackupsState, ListBackups, ReadBackup, ShowBackups};
use crate::ca::runtime::kind::asks;

asks! {
    Backups at BackupsAt, |backups, ask|
    ShowBackups -> Option<BackupsState> = backups.state();
    ListBackups -> BackupPage = backups.listed(&ask).await;
    ReadBackup -> Option<String> = backups.read(&ask).await;
}
