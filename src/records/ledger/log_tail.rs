//! The end of a log, to which leaves are added.

use super::log::LogState;
use crate::tlog::tree::{Frontier, Hash, node_hash};

/// Number of hashes in a full tile.
pub const TILE: usize = 256;

/// The height of a full tile, as a power of two.
const TILE_HEIGHT: u8 = 8;

/// The leaves of a log after its stored tiles, and the subtrees before them.
///
/// It follows from the rows of the log, and is kept in memory. An issuance adds to it; the alarm stores its full tiles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    /// The id of the log.
    pub log: String,
    /// Number of leaves in full tiles, stored or not.
    pub tiled: u64,
    /// The hashes of the complete subtrees of those leaves, the largest first.
    pub peaks: Vec<Hash>,
    /// The full tiles that are not stored yet.
    pub pending: Vec<FullTile>,
    /// The hashes of the leaves after them, fewer than a tile has.
    pub hashes: Vec<Hash>,
}

/// A full tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Its number.
    pub number: u64,
    /// Its hashes.
    pub hashes: Vec<Hash>,
    /// The subtrees of 256^level leaves that it completes: level, number, root.
    pub subtrees: Vec<(u8, u64, Hash)>,
    /// The hashes of the complete subtrees of all leaves so far, the largest first.
    pub peaks: Vec<Hash>,
}

impl FullTile {
    /// Number of leaves up to its last one.
    pub fn end(&self) -> u64 {
        self.number.saturating_add(1) << TILE_HEIGHT
    }
}

impl LogTail {
    /// The end of a log whose stored tiles have all leaves.
    pub fn after_tiles(state: &LogState) -> Self {
        Self { log: state.id.clone(), tiled: state.tiled, peaks: state.peaks.clone(), ..Self::default() }
    }

    /// Whether it follows the stored tiles of a log.
    pub fn follows(&self, state: &LogState) -> bool {
        self.log == state.id && self.stored() == state.tiled
    }

    /// Number of leaves in stored tiles.
    pub fn stored(&self) -> u64 {
        self.pending.first().map_or(self.tiled, |tile| tile.number << TILE_HEIGHT)
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.tiled.saturating_add(u64::try_from(self.hashes.len()).unwrap_or(u64::MAX))
    }

    /// The root; `None` if the tail is broken.
    pub fn root(&self) -> Option<Hash> {
        let mut frontier = Frontier::of(self.tiled, self.peaks.clone())?;
        self.hashes.iter().for_each(|hash| frontier.push(*hash));
        Some(frontier.root())
    }

    /// The hashes of a tile of leaves that is not stored, full or not.
    pub fn tile(&self, number: u64) -> Option<&[Hash]> {
        if number == self.tiled >> TILE_HEIGHT {
            return Some(&self.hashes);
        }
        let first = self.pending.first()?.number;
        let tile = self.pending.get(usize::try_from(number.checked_sub(first)?).ok()?)?;
        Some(&tile.hashes)
    }

    /// The roots of subtrees of 256^level leaves that are not stored, from this number on.
    pub fn subtrees(&self, level: u8, from: u64) -> impl Iterator<Item = Hash> + '_ {
        let all = self.pending.iter().flat_map(|tile| &tile.subtrees);
        all.filter(move |(of, number, _)| *of == level && *number >= from).map(|(.., hash)| *hash)
    }

    /// Forgets the tiles that are stored by now: those of so many leaves.
    pub fn forget_stored(&mut self, stored: u64) {
        self.pending.retain(|tile| tile.end() > stored);
    }

    /// Adds a leaf with this hash.
    pub fn push(&mut self, leaf: Hash) {
        self.hashes.push(leaf);
        if self.hashes.len() < TILE {
            return;
        }
        let hashes = core::mem::take(&mut self.hashes);
        let mut frontier = Frontier::new();
        hashes.iter().for_each(|hash| frontier.push(*hash));
        let number = self.tiled >> TILE_HEIGHT;
        let (mut at, mut hash, mut height) = (number, frontier.root(), TILE_HEIGHT);
        let mut subtrees = vec![(1, at, hash)];
        while at & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            (at, height) = (at >> 1, height.saturating_add(1));
            if height.is_multiple_of(TILE_HEIGHT) {
                subtrees.push((height / TILE_HEIGHT, at, hash));
            }
        }
        self.peaks.push(hash);
        self.tiled = self.tiled.saturating_add(hashes.len() as u64);
        self.pending.push(FullTile { number, hashes, subtrees, peaks: self.peaks.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tlog::tree::leaf_hash;
    use std::collections::BTreeMap;

    /// Checks sizes, roots and subtrees against the definition, over two levels of tiles.
    #[test]
    fn tail_has_the_root_of_all_leaves_and_completes_tiles_and_subtrees() {
        let mut tail = LogTail::default();
        let mut frontier = Frontier::new();
        let mut subtrees = BTreeMap::new();
        for n in 0..65_536_u64 * 2 + 300 {
            let leaf = leaf_hash(&n.to_be_bytes());
            frontier.push(leaf);
            tail.push(leaf);
            // Tiles are stored now and then, several at once.
            if n % 1_000 == 0 {
                let end = tail.pending.last().map(FullTile::end);
                for full in &tail.pending {
                    assert_eq!(full.hashes.len(), TILE);
                    let of_tile = Frontier::of(full.end(), full.peaks.clone()).unwrap();
                    assert!(full.end() <= n + 1 && of_tile.size() == full.end());
                    subtrees.extend(full.subtrees.iter().map(|(level, at, hash)| ((*level, *at), *hash)));
                }
                tail.forget_stored(end.unwrap_or(0));
                assert_eq!((tail.pending.len(), tail.stored()), (0, (n + 1) / 256 * 256));
            }
            if n % 251 == 0 {
                assert_eq!((tail.size(), tail.root()), (n + 1, Some(frontier.root())), "{n}");
            }
        }
        assert_eq!(tail.hashes.len(), 300 - 256);
        subtrees.extend(
            tail.pending.iter().flat_map(|full| &full.subtrees).map(|(level, at, hash)| ((*level, *at), *hash)),
        );
        let of_level = |wanted: u8| subtrees.keys().filter(|(level, _)| *level == wanted).count();
        assert_eq!((of_level(1), of_level(2), of_level(3)), (513, 2, 0));
        // A subtree of the second level is the root of its 256 of the first.
        let mut below = Frontier::new();
        (256..512).for_each(|at| below.push(subtrees[&(1, at)]));
        assert_eq!(below.root(), subtrees[&(2, 1)]);
    }

    #[test]
    fn tiles_that_are_not_stored_are_in_memory() {
        let mut tail = LogTail::default();
        let leaf = |n: u64| leaf_hash(&n.to_be_bytes());
        (0..1_000).for_each(|n| tail.push(leaf(n)));
        let numbers = |tail: &LogTail| -> Vec<u64> { tail.pending.iter().map(|tile| tile.number).collect() };
        assert_eq!((numbers(&tail), tail.stored()), (vec![0, 1, 2], 0));
        tail.forget_stored(256);
        assert_eq!((numbers(&tail), tail.stored(), tail.size()), (vec![1, 2], 256, 1_000));
        assert_eq!(tail.tile(0), None, "it is stored");
        let tile = |number: u64| -> Vec<Hash> { (number * 256..(number * 256 + 256).min(1_000)).map(leaf).collect() };
        for number in 1..4 {
            assert_eq!(tail.tile(number), Some(tile(number).as_slice()), "{number}");
        }
        assert_eq!(tail.tile(4), None);
        assert_eq!((tail.subtrees(1, 0).count(), tail.subtrees(1, 2).count(), tail.subtrees(2, 0).count()), (2, 1, 0));
        tail.forget_stored(768);
        assert_eq!((tail.stored(), tail.tile(2), tail.tile(3)), (768, None, Some(tile(3).as_slice())));
    }
}
