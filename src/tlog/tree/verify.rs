//! Verification of proofs, by the algorithms of RFC 9162.

use super::MAX_SIZE;
use super::hash::{Hash, empty_root, node_hash};

/// Computes the root from a leaf's hash and its inclusion proof
/// ([RFC 9162 §2.1.3.2](https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2)).
///
/// `None` when no tree of `size` leaves has a proof of this form for leaf `index`.
pub fn root_of_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size || size > MAX_SIZE {
        return None;
    }
    let (mut at, mut last, mut root) = (index, size.saturating_sub(1), *leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = node_hash(sibling, &root);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Checks that leaf `index` of a tree of `size` leaves has this hash.
pub fn is_included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    root_of_inclusion(leaf, index, size, proof).as_ref() == Some(root)
}

/// Checks that the old tree is a beginning of the new one. Each is a size and a root.
///
/// See [RFC 9162 §2.1.4.2](https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4.2).
pub fn is_consistent(old: (u64, &Hash), new: (u64, &Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size || new_size > MAX_SIZE || (new_size == 0 && *new_root != empty_root()) {
        return false;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    let (mut at, mut last) = (old_size.saturating_sub(1), new_size.saturating_sub(1));
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    // A complete old tree is a node of the new one, so the proof is without it.
    let (first, others) = if old_size.is_power_of_two() {
        (*old_root, proof)
    } else {
        let Some((first, others)) = proof.split_first() else { return false };
        (*first, others)
    };
    if others.is_empty() {
        return false;
    }
    let (mut old_found, mut new_found) = (first, first);
    for hash in others {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_found = node_hash(hash, &old_found);
            new_found = node_hash(hash, &new_found);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_found = node_hash(&new_found, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_found == *old_root && new_found == *new_root
}
