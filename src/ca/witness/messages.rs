//! The messages to the partition of a log.

use crate::ca::runtime::message::{Message, write_json};
use crate::records::Problem;
use crate::tlog::Hash;
use serde::{Deserialize, Serialize};

/// Submits a checkpoint to the partition of its log, once its signature is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddCheckpoint {
    /// The size that the log takes for the witness's newest.
    pub old: u64,
    /// The consistency proof from that size.
    pub proof: Vec<Hash>,
    /// The text of the checkpoint.
    pub text: String,
    /// The log's verified signature lines.
    pub signatures: String,
}

/// Name of the question for the newest cosigned checkpoint; the reply is an optional record.
pub const SHOW: &str = "ShowCheckpoint";

/// The reply to [`AddCheckpoint`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is stored; the witness's signature line.
    Cosigned(String),
    /// The witness's newest checkpoint has this other size.
    Conflict(u64),
    /// It does not continue the newest checkpoint; the reason.
    Inconsistent(String),
}

impl AddCheckpoint {
    /// Its name in a message.
    pub const NAME: &'static str = "AddCheckpoint";

    /// Returns the message that carries it.
    ///
    /// # Errors
    /// `serverInternal` for a value that JSON cannot represent.
    pub fn message(&self) -> Result<Message, Problem> {
        Ok(Message { ask: Self::NAME.to_owned(), body: write_json(self)? })
    }
}

/// Returns the message that asks for the newest cosigned checkpoint.
///
/// # Errors
/// As [`AddCheckpoint::message`].
pub fn show() -> Result<Message, Problem> {
    Ok(Message { ask: SHOW.to_owned(), body: write_json(&())? })
}
