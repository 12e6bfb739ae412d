//! The storing of full tiles, by the ledger's alarm.
//!
//! An issuance writes its leaf and no tile. Whatever wakes the ledger, a CRL or a witness, stores the tiles that became
//! full since, in bounded steps. Until then readers assemble them from the leaves.
//!
//! Each step also adds the roots of its tiles to the tile of the level above, a row. So a partial tile of a higher level
//! is one row to a reader. Each root is a row of its own, too: readers of an earlier release know only those.

use super::kind::Ledger;
use super::log::{OpenLog, TILING, broken, read_leaves};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::log::{LeafRecord, LogState, LogsRecord, SubtreeRecord, TileRecord};
use crate::records::ledger::log_tail::{FullTile, LogTail, TILE};
use crate::store::{Kv, Txn};
use crate::tlog::Hash;
use crate::values::Time;
use std::collections::BTreeMap;

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
    put_roots(txn, id, &full)?;
    for tile in &full {
        let octets = octets_of(tile.hashes.iter().copied());
        txn.put(&TileRecord::id(id, 0, tile.number), &TileRecord::of(&octets))?;
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

/// Adds the roots of full tiles to the tiles of the levels above.
fn put_roots<K: Kv>(txn: &mut Txn<'_, K>, log: &str, full: &[FullTile]) -> Result<(), Problem> {
    let width = TILE as u64;
    let mut above: BTreeMap<(u8, u64), Vec<(u64, Hash)>> = BTreeMap::new();
    for (level, number, root) in full.iter().flat_map(|tile| &tile.subtrees) {
        above.entry((*level, number / width)).or_default().push((*number, *root));
    }
    for ((level, tile), roots) in above {
        let before = roots.first().map_or(0, |(number, _)| number % width);
        let mut octets = read_roots(txn, log, (level, tile), before)?;
        octets.extend(octets_of(roots.into_iter().map(|(_, root)| root)));
        txn.put(&TileRecord::id(log, level, tile), &TileRecord::of(&octets))?;
    }
    Ok(())
}

/// Reads the first hashes of a stored tile of a higher level.
///
/// # Errors
/// When the storage fails; if fewer are stored.
pub(in crate::ca) fn read_roots<K: Kv>(
    txn: &Txn<'_, K>,
    log: &str,
    (level, tile): (u8, u64),
    count: u64,
) -> Result<Vec<u8>, Problem> {
    let count = usize::try_from(count).unwrap_or(TILE).min(TILE);
    if count == 0 {
        return Ok(Vec::new());
    }
    let stored = txn.get::<TileRecord>(&TileRecord::id(log, level, tile))?;
    let mut octets = stored.map_or(Some(Vec::new()), |tile| tile.octets()).ok_or_else(|| broken(log))?;
    octets.truncate(count.saturating_mul(Hash::LEN));
    let there = octets.len() / Hash::LEN;
    if there < count {
        // An earlier release has stored each root alone.
        let next = tile.saturating_mul(TILE as u64).saturating_add(there as u64);
        let after = next.checked_sub(1).map(SubtreeRecord::number);
        let group = SubtreeRecord::group(log, level);
        let alone = txn.list_below::<SubtreeRecord>(&group, after.as_deref(), count.saturating_sub(there))?;
        octets.extend(octets_of(alone.into_iter().map(|(_, row)| row.hash)));
    }
    if octets.len() != count.saturating_mul(Hash::LEN) {
        return Err(broken(log));
    }
    Ok(octets)
}

/// The octets of hashes.
pub(in crate::ca) fn octets_of(hashes: impl Iterator<Item = Hash>) -> Vec<u8> {
    hashes.flat_map(|hash| *hash.as_bytes()).collect()
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
