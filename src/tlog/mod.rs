//! Transparency logs in the forms of C2SP, from trees to proofs.
//!
//! Pure functions over bytes: nothing here reads a store or a network, signs, or verifies a signature. A proof is first
//! a list of the [`tree::Subtree`]s that it needs, each of which a caller may read as it likes; a signature is first the
//! message that is to be signed.
//!
//! | module | specification |
//! |---|---|
//! | [`tree`] | RFC 6962 §2.1, RFC 9162 §2.1.3 and §2.1.4 |
//! | [`tile`] | <https://c2sp.org/tlog-tiles> |
//! | [`note`] | <https://c2sp.org/signed-note> |
//! | [`checkpoint`] | <https://c2sp.org/tlog-checkpoint> |
//! | [`cosignature`] | <https://c2sp.org/tlog-cosignature> |
//! | [`policy`] | <https://c2sp.org/tlog-policy> |
//! | [`proof`] | <https://c2sp.org/tlog-proof> |
//! | [`witness`] | <https://c2sp.org/tlog-witness> |
//! | [`entry`] | docs/TRANSPARENCY.md |

pub mod checkpoint;
pub mod cosignature;
pub mod entry;
pub mod note;
mod number;
pub mod policy;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use note::{Note, VerifierKey};
pub use policy::Policy;
pub use proof::Proof;
pub use tile::Tile;
pub use tree::Hash;
