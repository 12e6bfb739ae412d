//! The signatures by which a log is known.

use crate::ca::config::witness::TrustedLog;
use crate::tlog::{Checkpoint, Note, cosignature};
use crate::values::{CryptoFailure, Verify};

/// Why a checkpoint counts as unsigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// Its signatures; a sentence.
    Refused(&'static str),
    /// The crypto provider.
    Failed(CryptoFailure),
}

/// Verifies the signatures of a log's keys, and returns their lines. All others are ignored.
///
/// # Errors
/// When a key of the log has signed wrongly, or none has signed.
pub async fn verified<V: Verify>(
    provider: &V,
    log: &TrustedLog,
    checkpoint: &Checkpoint,
    note: &Note,
) -> Result<String, Unverified> {
    let mut lines = String::new();
    for key in &log.keys {
        for signature in note.by(key) {
            let holds = match cosignature::check(key, checkpoint, signature) {
                Some(check) => check.holds(provider).await.map_err(Unverified::Failed)? == Some(true),
                None => false,
            };
            if !holds {
                return Err(Unverified::Refused("A signature of the log's key is wrong."));
            }
            lines.push_str(&format!("{signature}\n"));
        }
    }
    if lines.is_empty() {
        let why = "The checkpoint has no signature by a key that this witness trusts for its origin.";
        return Err(Unverified::Refused(why));
    }
    Ok(lines)
}
