//! The text of a backup: lines of JSON.
//!
//! The first line has the head, the last one counts and the SHA-256 of all lines before it. The others have pages of rows of
//! a partition, say that a partition starts over, or that it is whole.

use super::copying::CopiedRow;
use crate::values::hex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};

/// A line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Line {
    /// The head, as the CA wrote it.
    Head(Box<RawValue>),
    /// Rows of a partition; a later row replaces an earlier one with the same key.
    Rows(Rows),
    /// The rows of a partition so far are void.
    Again(String),
    /// The rows of a partition are complete.
    Whole(String),
    /// The end.
    End(End),
}

/// Rows of a partition.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// The name of the partition.
    pub partition: String,
    /// Its rows.
    pub rows: Vec<CopiedRow>,
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Number of partitions.
    pub partitions: usize,
    /// Number of lines before this one.
    pub lines: u64,
    /// SHA-256 over them.
    pub sha256: String,
}

/// The lines so far: their number, and the state of their SHA-256.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    digest: Sha256,
    lines: u64,
}

impl Tally {
    /// The number of lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The SHA-256 of the lines, in hex.
    pub fn sha256(&self) -> String {
        hex::encode(&self.digest.clone().finalize())
    }

    /// Counts the text of a line, with its end.
    pub fn add(&mut self, text: &[u8]) {
        self.digest.update(text);
        self.lines = self.lines.saturating_add(1);
    }

    /// Counts a line. Returns its text, with its end.
    ///
    /// # Errors
    /// For JSON over several lines, which a backup cannot hold.
    pub fn write(&mut self, line: &Line) -> Result<String, String> {
        let mut text = serde_json::to_string(line).map_err(|error| error.to_string())?;
        if text.contains('\n') {
            return Err("a row has JSON over several lines, which a backup cannot hold".to_owned());
        }
        text.push('\n');
        self.add(text.as_bytes());
        Ok(text)
    }

    /// The last line after these.
    pub fn end(&self, partitions: usize) -> End {
        End { partitions, lines: self.lines, sha256: self.sha256() }
    }

    /// The state of the SHA-256, in hex.
    pub fn state(&self) -> String {
        state_of(&self.digest)
    }

    /// The lines of a state; `None` for another text.
    pub fn of(state: &str, lines: u64) -> Option<Self> {
        Some(Self { digest: digest_of(state)?, lines })
    }
}

/// The state of a SHA-256, in hex.
pub fn state_of(digest: &Sha256) -> String {
    hex::encode(&digest.serialize())
}

/// The SHA-256 of a state; `None` for another text.
pub fn digest_of(state: &str) -> Option<Sha256> {
    let state = hex::decode(state)?;
    Sha256::deserialize(state.as_slice().try_into().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tally_goes_on_from_its_state() {
        let mut whole = Tally::default();
        for n in 0..20 {
            let mut other = Tally::of(&whole.state(), whole.lines()).unwrap();
            let line = Line::Again("x".repeat(n * 7));
            assert_eq!(other.write(&line), whole.write(&line));
            assert_eq!((other.sha256(), other.lines()), (whole.sha256(), whole.lines()));
        }
        for wrong in ["", "00", "x"] {
            assert!(Tally::of(wrong, 0).is_none());
        }
    }
}
