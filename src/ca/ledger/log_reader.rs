//! Reading of a log: tiles, entries, proofs.

use super::kind::Ledger;
use super::log::{OpenLog, broken};
use super::log_tiles::{octets_of, read_roots};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::log::{CheckpointRecord, LeafRecord, LogState, TileRecord};
use crate::records::ledger::log_tail::LogTail;
use crate::store::{Kv, Txn};
use crate::tlog::entry::bundle;
use crate::tlog::tree::{Hash, Node, Subtree, hashes};
use crate::tlog::{Tile, tree};
use crate::values::b64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Asks for the logs of the issuer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowLogs;

/// A log with its newest checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShownLog {
    /// The log.
    pub state: LogState,
    /// The number of leaves of its newest checkpoint.
    pub size: u64,
    /// The verifier keys of its checkpoints; none of an earlier release.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// Asks for the hashes of a tile; replies `None` if no checkpoint covers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadTile {
    /// The id of the log.
    pub log: String,
    /// The level of the tile.
    pub level: u8,
    /// Its number.
    pub index: u64,
    /// Its number of hashes.
    pub width: u16,
}

/// Asks for the entries of a tile.
///
/// Replies `None` if no checkpoint covers it, or if some were pruned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReadEntries {
    /// The id of the log.
    pub log: String,
    /// The number of the tile.
    pub index: u64,
    /// Its number of entries.
    pub width: u16,
}

/// A log within a transaction.
pub(in crate::ca) struct LogReader<'t, 'k, K: Kv> {
    txn: &'t Txn<'k, K>,
    /// Its end, which is read when it is needed.
    open: &'t mut OpenLog,
    state: LogState,
    /// The newest checkpoint.
    pub checkpoint: Option<CheckpointRecord>,
    /// The tiles that were read.
    tiles: BTreeMap<Tile, Vec<u8>>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Reads a log in a transaction; `None` for an unknown one.
    ///
    /// # Errors
    /// Those of `read`; when the storage fails.
    pub(in crate::ca) fn read_log<T>(
        &self,
        log: &str,
        read: impl FnOnce(&mut LogReader<'_, '_, K>) -> Result<Option<T>, Problem>,
    ) -> Result<Option<T>, Problem> {
        self.transact_logging(|txn, open| {
            let Some(state) = open.logs(txn)?.find(log).cloned() else { return Ok(None) };
            let checkpoint = txn.get::<CheckpointRecord>(log)?;
            read(&mut LogReader { txn, open, state, checkpoint, tiles: BTreeMap::new() })
        })
    }

    /// Returns the hashes of a tile, base64url.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn read_tile(&self, ask: &ReadTile) -> Result<Option<String>, Problem> {
        let Some(tile) = Tile::new(ask.level, ask.index, ask.width) else { return Ok(None) };
        self.read_log(&ask.log, |log| match tile.is_within(log.published()) {
            true => Ok(Some(b64::encode(&log.octets(tile)?))),
            false => Ok(None),
        })
    }

    /// Returns the entries of a tile as they are served, base64url.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn read_entries(&self, ask: &ReadEntries) -> Result<Option<String>, Problem> {
        let Some(tile) = Tile::new(0, ask.index, ask.width) else { return Ok(None) };
        self.read_log(&ask.log, |log| match tile.is_within(log.published()) {
            true => log.entries(tile),
            false => Ok(None),
        })
    }
}

impl<K: Kv> LogReader<'_, '_, K> {
    /// The number of leaves of the newest checkpoint.
    pub fn published(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size)
    }

    /// Computes the hashes of subtrees of the tree of `size` leaves.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn hashes(&mut self, subtrees: &[Subtree], size: u64) -> Result<Vec<Hash>, Problem> {
        hashes(subtrees, &mut |node| self.node(node, size))
    }

    /// Computes the proof that a leaf is in the tree of `size` leaves.
    ///
    /// `None` if it is not.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn inclusion(&mut self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, Problem> {
        tree::inclusion(index, size).map(|subtrees| self.hashes(&subtrees, size)).transpose()
    }

    fn node(&mut self, node: Node, size: u64) -> Result<Hash, Problem> {
        let tile = Tile::holding(node, size).ok_or_else(|| broken(&self.state.id))?;
        let octets = self.octets(tile)?;
        tile.hash(&octets, node).ok_or_else(|| broken(&self.state.id))
    }

    /// Reads the hashes of a tile.
    fn octets(&mut self, tile: Tile) -> Result<Vec<u8>, Problem> {
        if let Some(known) = self.tiles.get(&tile) {
            return Ok(known.clone());
        }
        let mut octets = match tile.level() {
            0 => self.leaf_octets(tile)?,
            level => self.subtree_octets(level, tile)?,
        };
        octets.truncate(tile.octets());
        if octets.len() != tile.octets() {
            return Err(broken(&self.state.id));
        }
        self.tiles.insert(tile, octets.clone());
        Ok(octets)
    }

    /// Reads the roots of subtrees: those of stored tiles are in a row.
    fn subtree_octets(&mut self, level: u8, tile: Tile) -> Result<Vec<u8>, Problem> {
        let (first, width) = (tile.first_hash(), u64::from(tile.width()));
        let complete = self.state.tiled.checked_shr(u32::from(level).saturating_mul(8)).unwrap_or(0);
        let stored = complete.saturating_sub(first).min(width);
        let mut octets = read_roots(self.txn, &self.state.id, (level, tile.index()), stored)?;
        if stored < width {
            let rest = self.tail()?.subtrees(level, first.saturating_add(stored));
            octets.extend(octets_of(rest));
        }
        Ok(octets)
    }

    /// Reads the hashes of leaves: those of a stored tile are a row.
    fn leaf_octets(&mut self, tile: Tile) -> Result<Vec<u8>, Problem> {
        let id = self.state.id.clone();
        if tile.filled().is_within(self.state.tiled) {
            let stored = self.txn.get::<TileRecord>(&TileRecord::id(&id, 0, tile.index()))?;
            return stored.and_then(|tile| tile.octets()).ok_or_else(|| broken(&id));
        }
        let hashes = self.tail()?.tile(tile.index()).ok_or_else(|| broken(&id))?;
        Ok(octets_of(hashes.iter().copied()))
    }

    /// Returns the end of the log. The first message after a start reads a row for each leaf that is in no stored tile.
    fn tail(&mut self) -> Result<&LogTail, Problem> {
        let found = self.open.find(self.txn, &self.state.id)?;
        found.map(|(_, tail)| tail).ok_or_else(|| broken(&self.state.id))
    }

    /// Reads the entries of a tile, as they are served; `None` if some were pruned.
    fn entries(&self, tile: Tile) -> Result<Option<String>, Problem> {
        let after = tile.first_hash().checked_sub(1).map(LeafRecord::index);
        let rows = self.txn.list_below::<LeafRecord>(&self.state.id, after.as_deref(), usize::from(tile.width()))?;
        let whole = rows.last().is_some_and(|(index, _)| {
            let last = tile.first_hash().saturating_add(u64::from(tile.width())).saturating_sub(1);
            rows.len() == usize::from(tile.width()) && *index == LeafRecord::index(last)
        });
        let entries: Option<Vec<Vec<u8>>> = rows.iter().map(|(_, leaf)| b64::decode(leaf.entry.as_ref()?)).collect();
        Ok(entries.filter(|_| whole).and_then(bundle).map(|octets| b64::encode(&octets)))
    }
}
