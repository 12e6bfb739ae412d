//! Subtrees that roots and proofs are made of, and their hashes.

use super::MAX_SIZE;
use super::hash::{Hash, empty_root, node_hash};

/// A complete subtree: 2^level leaves, the first of which is index · 2^level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its height; a leaf has 0.
    pub level: u8,
    /// Its place among the nodes of its level.
    pub index: u64,
}

/// The leaves from `start` to before `end`, below one node of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subtree {
    /// The first leaf.
    pub start: u64,
    /// The leaf after the last one.
    pub end: u64,
}

impl Subtree {
    /// The complete subtrees that it consists of, the largest and leftmost first.
    pub fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while let Some(level) = self.end.saturating_sub(start).checked_ilog2() {
            nodes.push(Node { level: u8::try_from(level).unwrap_or(u8::MAX), index: start >> level });
            start = start.saturating_add(1 << level);
        }
        nodes
    }

    /// Computes its hash from the hashes of complete subtrees.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn hash<E>(self, read: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
        let mut hash = None;
        for node in self.nodes().into_iter().rev() {
            let left = read(node)?;
            hash = Some(hash.map_or(left, |right| node_hash(&left, &right)));
        }
        Ok(hash.unwrap_or_else(empty_root))
    }

    /// Divides it below its topmost node.
    fn halves(self) -> (Self, Self) {
        // The largest power of two below the number of leaves.
        let left = 1 << self.end.saturating_sub(self.start).saturating_sub(1).checked_ilog2().unwrap_or(0);
        let middle = self.start.saturating_add(left);
        (Self { start: self.start, end: middle }, Self { start: middle, end: self.end })
    }

    const fn size(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Computes the root of the tree of `size` leaves.
///
/// # Errors
/// Those of `read`.
pub fn root<E>(size: u64, read: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    Subtree { start: 0, end: size }.hash(read)
}

/// The hashes of subtrees, in their order: with [`inclusion`] and [`consistency`] a proof.
///
/// # Errors
/// Those of `read`.
pub fn hashes<E>(subtrees: &[Subtree], read: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
    subtrees.iter().map(|subtree| subtree.hash(read)).collect()
}

/// The subtrees of the proof that a tree of `size` leaves has leaf `index`. The leaf's sibling is first.
///
/// `None` when that tree does not have the leaf.
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Subtree>> {
    if index >= size || size > MAX_SIZE {
        return None;
    }
    let mut around = Subtree { start: 0, end: size };
    let mut proof = Vec::new();
    while around.size() > 1 {
        let (left, right) = around.halves();
        let (next, sibling) = if index < left.end { (left, right) } else { (right, left) };
        proof.push(sibling);
        around = next;
    }
    proof.reverse();
    Some(proof)
}

/// The subtrees of the proof that a log grew from `old` leaves to `new` ones.
///
/// Empty when `old` is 0 or equal to `new`; `None` when it is more.
pub fn consistency(old: u64, new: u64) -> Option<Vec<Subtree>> {
    if old > new || new > MAX_SIZE {
        return None;
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Some(proof);
    }
    let mut around = Subtree { start: 0, end: new };
    while around.end != old {
        let (left, right) = around.halves();
        let (next, sibling) = if old <= left.end { (left, right) } else { (right, left) };
        proof.push(sibling);
        around = next;
    }
    // The verifier has the hash of the whole old tree already.
    if around.start != 0 {
        proof.push(around);
    }
    proof.reverse();
    Some(proof)
}
