//! The end of a log, to which leaves are added.

use crate::tlog::tree::{Frontier, Hash, node_hash};

/// Number of hashes in a full tile.
pub const TILE: usize = 256;

/// The height of a full tile, as a power of two.
const TILE_HEIGHT: u8 = 8;

/// The leaves after the last full tile of a log, and the subtrees before them.
///
/// It follows from the rows of the log, and is kept in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    /// The id of the log.
    pub log: String,
    /// Number of leaves in full tiles.
    pub tiled: u64,
    /// The hashes of the complete subtrees of those leaves, the largest first.
    pub peaks: Vec<Hash>,
    /// The hashes of the leaves after them, fewer than a tile has.
    pub hashes: Vec<Hash>,
}

/// A tile that a leaf made full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Its number.
    pub number: u64,
    /// Its hashes.
    pub hashes: Vec<Hash>,
    /// The subtrees of 256^level leaves that it completes: level, number, root.
    pub subtrees: Vec<(u8, u64, Hash)>,
}

impl LogTail {
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

    /// Adds a leaf with this hash. Returns the tile that it makes full.
    pub fn push(&mut self, leaf: Hash) -> Option<FullTile> {
        self.hashes.push(leaf);
        if self.hashes.len() < TILE {
            return None;
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
        Some(FullTile { number, hashes, subtrees })
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
            let full = tail.push(leaf);
            assert_eq!(full.is_some(), (n + 1) % 256 == 0, "{n}");
            if let Some(full) = full {
                assert_eq!((full.number, full.hashes.len()), (n / 256, TILE));
                subtrees.extend(full.subtrees.into_iter().map(|(level, at, hash)| ((level, at), hash)));
            }
            if n % 251 == 0 {
                assert_eq!((tail.size(), tail.root()), (n + 1, Some(frontier.root())), "{n}");
            }
        }
        assert_eq!(tail.hashes.len(), 300 - 256);
        let of_level = |wanted: u8| subtrees.keys().filter(|(level, _)| *level == wanted).count();
        assert_eq!((of_level(1), of_level(2), of_level(3)), (513, 2, 0));
        // A subtree of the second level is the root of its 256 of the first.
        let mut below = Frontier::new();
        (256..512).for_each(|at| below.push(subtrees[&(1, at)]));
        assert_eq!(below.root(), subtrees[&(2, 1)]);
    }
}
