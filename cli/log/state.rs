//! What was seen of logs before, in a file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use selvedge::tlog::Hash;
use selvedge::values::Time;
use serde::{Deserialize, Serialize};

use crate::common::files::{self, Readers, Staged};

/// What was seen of one log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Number of leaves of the newest checkpoint.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The signed checkpoint: the proof of what was shown.
    pub checkpoint: String,
    /// The keys that signed it.
    pub keys: Vec<String>,
    /// When a checkpoint with a quorum was seen last; at first, when any was.
    pub quorum: Time,
}

/// The file: logs by their URLs or folders.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    logs: BTreeMap<String, Seen>,
}

impl State {
    /// Reads a file; without one, nothing was seen.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: Option<&Path>) -> Result<Self> {
        let Some(text) = path.map(files::read).transpose()?.flatten() else { return Ok(Self::default()) };
        let name = path.map(|path| path.display().to_string()).unwrap_or_default();
        serde_json::from_str(&text).with_context(|| format!("{name} is not a state of `log verify`; move it away"))
    }

    /// What was seen of the log at a place.
    pub fn of(&self, place: &str) -> Option<&Seen> {
        self.logs.get(place)
    }

    /// Keeps what was seen, in the file if there is one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self, path: Option<&Path>, place: &str, seen: Seen) -> Result<()> {
        if self.logs.insert(place.to_owned(), seen.clone()).as_ref() == Some(&seen) {
            return Ok(());
        }
        let Some(path) = path else { return Ok(()) };
        Staged::write(path, &format!("{}\n", serde_json::to_string_pretty(self)?), Readers::Everyone)?.commit()
    }
}
