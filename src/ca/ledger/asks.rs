//! The asks that a ledger understands.

use super::bulk_revocation::{RevokeNext, RevokedPart};
use super::census::{InspectLedger, LedgerState};
use super::cosigning::CheckQuorum;
use super::crl::{CrlPage, CurrentCrl, ListCrls};
use super::entry::{RecordCertificate, Recorded, RenewalInfo, RevokeCertificate};
use super::expiry_scan::{LatestExpiry, ScanExpiring, ScanPage};
use super::filter::Query;
use super::import::{Fate, ImportCertificates};
use super::inventory::SearchPage;
use super::issuer::ListShards;
use super::kind::{Ledger, LedgerAt};
use super::log_checkpoint::{CurrentCheckpoint, ProveEntry};
use super::log_reader::{ReadEntries, ReadTile, ShowLogs, ShownLog};
use super::view::{ShowEntry, ShownEntry};
use crate::ca::notices::delivery::{CountNotices, ListNotices};
use crate::ca::partitions::compromised_keys::LearnKey;
use crate::ca::partitions::operations::replacements::PutReplacement;
use crate::ca::runtime::kind::asks;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::ledger::crl::{CrlRecord, ShardStatus};
use crate::records::ledger::log::CheckpointRecord;
use crate::records::{Problem, Renewable};
use crate::store::Kv;
use crate::values::Time;
use std::collections::BTreeMap;

asks! {
    Ledger at LedgerAt, |ledger, ask|
    RecordCertificate -> Recorded = ledger.record(&ask).await;
    RenewalInfo -> Option<Renewable> = ledger.renewable(&ask.serial);
    RevokeCertificate -> () = ledger.revoke_entry(&ask).await;
    CurrentCrl -> Option<CrlRecord> = ledger.current_crl(ask.shard).await;
    ListCrls -> CrlPage = ledger.lists(ask.from).await;
    ListShards -> Vec<ShardStatus> = ledger.list_shards();
    Query -> SearchPage = ledger.search(&ask);
    RevokeNext -> RevokedPart = ledger.revoke_next(&ask).await;
    ImportCertificates -> Vec<Fate> = ledger.import(&ask).await;
    ShowEntry -> Option<ShownEntry> = ledger.show_entry(&ask.serial);
    ScanExpiring -> ScanPage = ledger.scan_expiring(&ask);
    InspectLedger -> LedgerState = ledger.inspect().await;
    ShowLogs -> Vec<ShownLog> = ledger.show_logs().await;
    CurrentCheckpoint -> Option<CheckpointRecord> = ledger.shown_checkpoint(&ask.log).await;
    CheckQuorum -> () = ledger.check_quorum();
    ReadTile -> Option<String> = ledger.read_tile(&ask);
    ReadEntries -> Option<String> = ledger.read_entries(&ask);
    ProveEntry -> Option<String> = ledger.prove(&ask.serial).await;
    LatestExpiry -> BTreeMap<String, Time> = ledger.latest(&ask.sets);
    + PutReplacement = ledger.put_replacement(&ask.0);
    + LearnKey = ledger.learn_key(&ask.key);
    + ListNotices = ledger.notices().newest(ask.limit);
    + CountNotices = ledger.notices().counts();
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Sets the alarm for all pending work. So the next request restores a lost alarm.
    fn expect_all(&self) -> Result<(), Problem> {
        if let Some(due) = self.jobs()?.into_iter().map(|(_, job)| job.due).min() {
            self.ports.wake_at(due);
        }
        self.notices().resume()?;
        self.resume_scan()?;
        self.resume_pruning()?;
        self.expect_tiles()?;
        self.expect_cosigning()?;
        self.expect_lists()
    }

    /// Returns the shards, and sets the alarm for all pending work.
    fn list_shards(&self) -> Result<Vec<ShardStatus>, Problem> {
        self.expect_all()?;
        self.standing()
    }
}
