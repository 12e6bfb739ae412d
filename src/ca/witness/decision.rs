//! The one decision of a witness: whether a checkpoint continues the newest one.

use super::messages::Outcome;
use crate::records::witness::WitnessedRecord;
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::tree::{Hash, empty_root, is_consistent};

/// Decides about a checkpoint, given the newest one and a proof from the size `old`.
///
/// # Errors
/// The refusal: another size is the newest, or the tree does not continue it.
pub fn decide(newest: Option<&WitnessedRecord>, old: u64, proof: &[Hash], new: &Checkpoint) -> Result<(), Outcome> {
    let (size, root) = newest.map_or_else(|| (0, empty_root()), |newest| (newest.size, newest.root));
    if old != size {
        return Err(Outcome::Conflict(size));
    }
    if is_consistent((size, &root), (new.size, &new.root), proof) {
        return Ok(());
    }
    let why = if !proof.is_empty() && (old == 0 || old == new.size) {
        "The proof has to be empty from size 0, and from the checkpoint's own size."
    } else if old == new.size {
        "The witness has cosigned another root of this size: the log has forked."
    } else {
        "The proof does not show that the tree continues the newest one that the witness has cosigned."
    };
    Err(Outcome::Inconsistent(why.to_owned()))
}

#[cfg(test)]
mod tests;
