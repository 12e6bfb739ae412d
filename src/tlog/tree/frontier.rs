//! Right edge of a tree that grows.

use super::hash::{Hash, empty_root, node_hash};
use super::subtree::{Node, Subtree};

/// Hashes of the complete subtrees of a tree. They suffice to add leaves and to know the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The largest and leftmost first, as [`Subtree::nodes`].
    hashes: Vec<Hash>,
}

impl Frontier {
    /// A tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, hashes: Vec::new() }
    }

    /// The nodes whose hashes make the frontier of a tree of `size` leaves.
    pub fn nodes(size: u64) -> Vec<Node> {
        Subtree { start: 0, end: size }.nodes()
    }

    /// The tree of `size` leaves, by the hashes of [`Self::nodes`]. `None` for another number of them.
    pub fn of(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (u32::try_from(hashes.len()) == Ok(size.count_ones())).then_some(Self { size, hashes })
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of [`Self::nodes`].
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a leaf with this hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.hashes.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut hashes = self.hashes.iter().rev();
        let last = hashes.next().copied().unwrap_or_else(empty_root);
        hashes.fold(last, |right, left| node_hash(left, &right))
    }
}
