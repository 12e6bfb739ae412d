//! The storing of full tiles, by the ledger's alarm.
//!
//! An issuance writes its leaf and no tile. Whatever wakes the ledger, a CRL or a witness, stores the tiles that became
//! full since, in bounded steps. Until then readers assemble them from the leaves.

use super::kind::Ledger;
use super::log::{OpenLog, TILING, read_leaves};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::log::{LeafRecord, LogState, LogsRecord, SubtreeRecord, TileRecord};
use crate::records::ledger::log_tail::{FullTile, LogTail, TILE};
use crate::store::{Kv, Txn};
use crate::values::{Time, b64};

/// Maximum number of tiles stored in one step.
pub const STEP: usize = 16;

/// Number of full tiles for which a newly loaded ledger sets its alarm at once.
///
/// Its first message reads all leaves that are in no tile.
const BEHIND: u64 = 4;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Sets the alarm for the tiles of a newly loaded ledger.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn expect_tiles(&self) -> Result<(), Problem> {
        if self.ports.settings().log.is_none() {
            return Ok(());
        }
        let now = self.ports.now();
        self.transact(|txn| {
            if let Some(open) = LogsRecord::of(txn)?.open() {
                let behind = has_full(txn, open, BEHIND)?;
                txn.wake_at(if behind { now } else { now.plus(TILING) });
            }
            Ok(())
        })
    }

    /// Stores full tiles that are not stored yet, in one step. Returns when to look again.
    ///
    /// A failure is noted, and the next alarm tries again: nothing else waits for tiles.
    pub(in crate::ca) fn tile_if_due(&self) -> Option<Time> {
        self.ports.settings().log.as_ref()?;
        self.tile().unwrap_or_else(|problem| {
            self.log(&problem);
            Some(self.ports.now().plus(TILING))
        })
    }

    fn tile(&self) -> Result<Option<Time>, Problem> {
        let now = self.ports.now();
        self.transact_logging(|txn, log| {
            let ids: Vec<String> = log.logs(txn)?.logs.iter().map(|log| log.id.clone()).collect();
            let mut room = STEP;
            for id in ids {
                room = room.saturating_sub(store_tiles(txn, log, &id, room)?);
            }
            let open = log.logs(txn)?.open().is_some();
            Ok(if room == 0 { Some(now) } else { open.then(|| now.plus(TILING)) })
        })
    }
}

/// Stores the next full tiles of a log, with their subtrees, and its state. Returns their number.
fn store_tiles<K: Kv>(txn: &mut Txn<'_, K>, log: &mut OpenLog, id: &str, most: usize) -> Result<usize, Problem> {
    let Some(state) = log.logs(txn)?.find(id).cloned() else { return Ok(0) };
    if most == 0 || !has_full(txn, &state, 1)? {
        return Ok(0);
    }
    let full: Vec<FullTile> = match log.known_tail(&state) {
        Some(tail) => tail.pending.iter().take(most).cloned().collect(),
        None => read_tiles(txn, &state, most)?,
    };
    let Some(last) = full.last() else { return Ok(0) };
    for tile in &full {
        let hashes: Vec<u8> = tile.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        txn.put(&TileRecord::id(id, tile.number), &TileRecord { hashes: b64::encode(&hashes) })?;
        for (level, number, hash) in &tile.subtrees {
            txn.put(&SubtreeRecord::id(id, *level, *number), &SubtreeRecord { hash: *hash })?;
        }
    }
    if let Some(tail) = log.known_tail(&state) {
        tail.forget_stored(last.end());
    }
    let logs = log.logs(txn)?;
    if let Some(state) = logs.find_mut(id) {
        (state.tiled, state.peaks) = (last.end(), last.peaks.clone());
    }
    txn.put("", logs)?;
    Ok(full.len())
}

/// Reads the next full tiles of a log from its leaves.
fn read_tiles<K: Kv>(txn: &Txn<'_, K>, state: &LogState, most: usize) -> Result<Vec<FullTile>, Problem> {
    let mut tail = LogTail::after_tiles(state);
    while tail.pending.len() < most && read_leaves(txn, &mut tail)? {}
    Ok(tail.pending)
}

/// Whether a log has so many full tiles that are not stored.
fn has_full<K: Kv>(txn: &Txn<'_, K>, state: &LogState, tiles: u64) -> Result<bool, Problem> {
    let size = state.tiled.saturating_add(tiles.saturating_mul(TILE as u64));
    Ok(txn.has::<LeafRecord>(&LeafRecord::id(&state.id, size.saturating_sub(1)))?)
}
