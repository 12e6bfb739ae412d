//! Proofs that an entry is in a log, as text of their own (<https://c2sp.org/tlog-proof>).

#[cfg(test)]
mod tests;

use super::checkpoint::{Checkpoint, CheckpointFault};
use super::note::{Note, NoteFault};
use super::number::decimal;
use super::tree::{Hash, is_included, leaf_hash};
use crate::values::{b64, quote};
use core::fmt;

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Maximum number of hashes: those of the largest tree.
const MAX_HASHES: usize = 63;

/// Maximum length of a proof, in octets.
pub const MAX_LEN: usize = 2 << 20;

/// A proof; as text the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Further data, which nothing vouches for.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry.
    pub index: u64,
    /// The hashes from the leaf's sibling upwards.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint.
    pub note: Note,
}

/// Reason why a text is not a proof; a clause without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFault {
    /// It does not begin as a proof does.
    #[error("its first line is {0}, not `c2sp.org/tlog-proof@v1`")]
    Header(String),
    /// A line is not what it has to be.
    #[error("its line {line} is {found}, not {wanted}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What it is.
        found: String,
        /// What it has to be.
        wanted: &'static str,
    },
    /// It is too long.
    #[error("it has {0} bytes; at most {MAX_LEN} are read")]
    TooLong(usize),
    /// What follows the hashes is not a note.
    #[error("its checkpoint cannot be read: {0}")]
    Note(#[from] NoteFault),
    /// What follows the hashes is not a checkpoint.
    #[error("its checkpoint cannot be read: {0}")]
    Checkpoint(#[from] CheckpointFault),
}

impl Proof {
    /// Reads a proof.
    ///
    /// # Errors
    /// A [`ProofFault`].
    pub fn parse(text: &str) -> Result<Self, ProofFault> {
        if text.len() > MAX_LEN {
            return Err(ProofFault::TooLong(text.len()));
        }
        let (first, mut rest) = text.split_once('\n').unwrap_or((text, ""));
        if first != HEADER {
            return Err(ProofFault::Header(quote::quote(first)));
        }
        let mut number = 1_usize;
        let mut next = || {
            number = number.saturating_add(1);
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            (number, line)
        };
        let fault =
            |(line, found): (usize, &str), wanted| Err(ProofFault::Line { line, found: quote::quote(found), wanted });
        let mut line = next();
        let mut extra = None;
        if let Some(text) = line.1.strip_prefix("extra ") {
            extra = b64::decode_padded(text);
            if extra.is_none() {
                return fault(line, "`extra` with base64");
            }
            line = next();
        }
        let Some(index) = line.1.strip_prefix("index ").and_then(decimal) else {
            return fault(line, "`index` with a number");
        };
        let mut hashes = Vec::new();
        loop {
            line = next();
            match Hash::parse(line.1) {
                _ if line.1.is_empty() => break,
                Some(hash) if hashes.len() < MAX_HASHES => hashes.push(hash),
                _ => return fault(line, "a hash in base64, or the empty line after at most 63 of them"),
            }
        }
        let note = Note::parse(rest)?;
        Checkpoint::parse(note.text())?;
        Ok(Self { extra, index, hashes, note })
    }

    /// The checkpoint, whose signatures are not checked yet.
    ///
    /// # Errors
    /// When the note is not one, which [`Proof::parse`] has refused already.
    pub fn checkpoint(&self) -> Result<Checkpoint, CheckpointFault> {
        Checkpoint::parse(self.note.text())
    }

    /// Whether the tree of the checkpoint has this entry at the index. The checkpoint's signatures are not part of it.
    pub fn includes(&self, entry: &[u8]) -> bool {
        self.checkpoint().is_ok_and(|checkpoint| {
            is_included(&leaf_hash(entry), self.index, checkpoint.size, &self.hashes, &checkpoint.root)
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", b64::encode_padded(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.note)
    }
}
