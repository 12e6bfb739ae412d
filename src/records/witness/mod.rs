//! What a witness stores about each log.

use crate::store::{Record, Table};
use crate::tlog::Hash;
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// The newest checkpoint of a log that this witness has cosigned, stored as `witnessed`.
///
/// It only ever goes forward: without it the witness could cosign a fork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WitnessedRecord {
    /// Origin of the log.
    pub origin: String,
    /// Size of its tree.
    pub size: u64,
    /// Root of its tree.
    pub root: Hash,
    /// The text of the checkpoint, which is signed.
    pub text: String,
    /// The log's signature lines that were verified.
    pub signatures: String,
    /// The witness's signature line.
    pub cosignature: String,
    /// The time in the cosignature.
    pub at: Time,
}

impl Record for WitnessedRecord {
    const PREFIX: &'static str = "witnessed";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl WitnessedRecord {
    /// Returns the checkpoint with the signatures of the log and of the witness.
    pub fn note(&self) -> String {
        format!("{}\n{}{}", self.text, self.signatures, self.cosignature)
    }
}
