//! Tiles: rows of up to 256 consecutive hashes of one height.

mod resource;
#[cfg(test)]
mod tests;

use super::tree::{Hash, MAX_SIZE, Node, Subtree};
pub use resource::Resource;

/// Number of hashes in a full tile.
pub const WIDTH: u16 = 256;

/// Number of levels of tiles of the largest tree.
pub const LEVELS: u8 = 8;

/// Height of a tile's subtree, in bits of an index.
const HEIGHT: u8 = 8;

/// A tile, or its entries. Hash i of level L is the root of the i-th subtree of 256^L leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

impl Tile {
    /// The tile at this place with this number of hashes. `None` where no tree has one.
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let tile = Self { level, index, width };
        let exists = (1..=WIDTH).contains(&width) && tile.end_hash()? <= hashes_of(level, MAX_SIZE);
        exists.then_some(tile)
    }

    /// The tile at this place in a tree of `size` leaves. `None` when that does not have it.
    pub fn of(level: u8, index: u64, size: u64) -> Option<Self> {
        let first = index.checked_mul(u64::from(WIDTH))?;
        let width = hashes_of(level, size).saturating_sub(first).min(u64::from(WIDTH));
        Self::new(level, index, u16::try_from(width).ok()?)
    }

    /// The tile of a tree of `size` leaves that [`Self::hash`] computes the node from.
    pub fn holding(node: Node, size: u64) -> Option<Self> {
        let (level, first, count) = hashes_below(node)?;
        let tile = Self::of(level, first / u64::from(WIDTH), size)?;
        (first.checked_add(count)? <= tile.end_hash()?).then_some(tile)
    }

    /// Its level; hashes of leaves have 0.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// Its place among the tiles of its level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Its number of hashes.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it is full, so that it never changes.
    pub const fn is_full(self) -> bool {
        self.width == WIDTH
    }

    /// The full tile at its place.
    pub const fn filled(self) -> Self {
        Self { width: WIDTH, ..self }
    }

    /// Number of octets of its hashes.
    pub fn octets(self) -> usize {
        usize::from(self.width).saturating_mul(Hash::LEN)
    }

    /// The index of its first hash among those of its level. In level 0 that is an entry's index.
    pub const fn first_hash(self) -> u64 {
        self.index.saturating_mul(WIDTH as u64)
    }

    /// Whether a tree of `size` leaves has all of its hashes.
    pub fn is_within(self, size: u64) -> bool {
        self.end_hash().is_some_and(|end| end <= hashes_of(self.level, size))
    }

    /// The nodes whose hashes it consists of.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let level = self.level.saturating_mul(HEIGHT);
        (0..u64::from(self.width)).map(move |n| Node { level, index: self.first_hash().saturating_add(n) })
    }

    /// Computes the hash of a node from the tile's octets.
    ///
    /// `None` when the tile does not hold it, or has another length.
    pub fn hash(self, octets: &[u8], node: Node) -> Option<Hash> {
        let (level, first, count) = hashes_below(node)?;
        let from = first.checked_sub(self.first_hash())?;
        let to = from.checked_add(count)?;
        if level != self.level || to > u64::from(self.width) || octets.len() != self.octets() {
            return None;
        }
        let below = Subtree { start: from, end: to };
        let hash_at = |leaf: Node| {
            let start = usize::try_from(leaf.index).ok()?.checked_mul(Hash::LEN)?;
            Hash::from_slice(octets.get(start..start.checked_add(Hash::LEN)?)?)
        };
        complete(below, &hash_at)
    }

    /// The index after that of its last hash.
    fn end_hash(self) -> Option<u64> {
        self.index.checked_mul(u64::from(WIDTH))?.checked_add(u64::from(self.width))
    }
}

/// All tiles of a tree of `size` leaves, level by level.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0..LEVELS).flat_map(move |level| tiles_of_level(level, size))
}

/// The tiles of a level; those of level 0 are also those of the entries.
pub fn tiles_of_level(level: u8, size: u64) -> impl Iterator<Item = Tile> {
    let count = hashes_of(level, size).div_ceil(u64::from(WIDTH));
    (0..count).filter_map(move |index| Tile::of(level, index, size))
}

/// Number of hashes of a level in a tree of `size` leaves.
fn hashes_of(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level).saturating_mul(u32::from(HEIGHT))).unwrap_or(0)
}

/// The hashes that a node is computed from: level, first one, number.
fn hashes_below(node: Node) -> Option<(u8, u64, u64)> {
    let (level, rest) = (node.level / HEIGHT, node.level % HEIGHT);
    let count = 1_u64 << rest;
    Some((level, node.index.checked_mul(count)?, count))
}

/// The hash of a complete subtree, of which `leaf` knows the lowest nodes.
fn complete(subtree: Subtree, leaf: &impl Fn(Node) -> Option<Hash>) -> Option<Hash> {
    let mut row: Vec<Hash> =
        (subtree.start..subtree.end).map(|index| leaf(Node { level: 0, index })).collect::<Option<_>>()?;
    while row.len() > 1 {
        let pairs = row.chunks_exact(2).map(|pair| match pair {
            [left, right] => Some(super::tree::node_hash(left, right)),
            _ => None,
        });
        row = pairs.collect::<Option<_>>()?;
    }
    row.first().copied()
}
