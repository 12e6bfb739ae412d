//! Merkle trees ([RFC 6962 §2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1)).

mod frontier;
mod hash;
mod subtree;
#[cfg(test)]
mod tests;
mod verify;

pub use frontier::Frontier;
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use subtree::{Node, Subtree, consistency, hashes, inclusion, root};
pub use verify::{is_consistent, is_included, root_of_inclusion};

/// Maximum number of leaves that this code takes.
///
/// Far beyond any log, and low enough that no sum of two indexes overflows.
pub const MAX_SIZE: u64 = 1 << 62;
