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
    let (mut lines, mut unchecked) = (String::new(), false);
    for key in &log.keys {
        for signature in note.by(key) {
            let holds = match cosignature::check(key, checkpoint, signature) {
                Some(check) => check.holds(provider).await.map_err(Unverified::Failed)?,
                None => Some(false),
            };
            match holds {
                Some(true) => lines.push_str(&format!("{signature}\n")),
                Some(false) => return Err(Unverified::Refused("A signature of the log's key is wrong.")),
                // The provider does not have the algorithm: neither wrong nor counted.
                None => unchecked = true,
            }
        }
    }
    if lines.is_empty() {
        return Err(Unverified::Refused(if unchecked {
            "This witness cannot check ML-DSA-44, the only signature by a key that it trusts: its operator adds \
             webcrypto_modern_algorithms to compatibility_flags, or the log's Ed25519 key to WITNESS_LOGS."
        } else {
            "The checkpoint has no signature by a key that this witness trusts for its origin."
        }));
    }
    Ok(lines)
}
