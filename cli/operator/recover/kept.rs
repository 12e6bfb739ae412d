//! The file of a recovery under way.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use selvedge::ca::runtime::copying::CopiedRow;
use selvedge::values::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::common::files::{self, Readers, Staged};

/// How far a recovery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The partition is held.
    Held,
    /// Its rows are copied.
    Copied,
    /// It went back.
    Back,
}

/// A recovery under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kept {
    /// How far it is.
    pub stage: Stage,
    recovery: Value,
    token: String,
    /// The rows of before.
    pub rows: Vec<CopiedRow>,
}

/// The name of the file for a partition.
pub fn file(partition: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    PathBuf::from(format!("recovery-{}.json", partition.chars().map(plain).collect::<String>()))
}

/// Removes the file.
///
/// # Errors
/// When the system refuses.
pub fn remove(file: &Path) -> Result<()> {
    fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))
}

impl Kept {
    /// A recovery that the authority has begun.
    ///
    /// # Errors
    /// When its answer is incomplete.
    pub fn begun(answer: &Value) -> Result<Self> {
        let recovery = answer.get("recovery").cloned().context("the answer has no recovery")?;
        let token = answer.get("token").and_then(Value::as_str).context("the answer has no token")?.to_owned();
        Ok(Self { stage: Stage::Held, recovery, token, rows: Vec::new() })
    }

    /// Reads the file, if it exists.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(file: &Path) -> Result<Option<Self>> {
        let text = files::read(file)?;
        let read = |text: String| serde_json::from_str(&text);
        text.map(read).transpose().with_context(|| format!("{} is not the file of a recovery", file.display()))
    }

    /// Writes the file. Only its owner reads it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, file: &Path) -> Result<()> {
        Staged::write(file, &serde_json::to_string(self)?, Readers::Owner)?.commit()
    }

    /// The time to which it goes.
    pub fn at(&self) -> Option<String> {
        self.recovery.get("at").and_then(Value::as_u64).map(|at| Time::from_millis(at).rfc3339())
    }

    /// The bookmark of the state of before.
    pub fn undo_bookmark(&self) -> &str {
        self.recovery.get("undo").and_then(Value::as_str).unwrap_or_default()
    }

    /// The request for a step.
    pub fn step(&self, step: &str, more: &[(&str, Value)]) -> Value {
        let mut body = json!({ "step": step, "recovery": self.recovery, "token": self.token });
        for (name, value) in more {
            if let Some(members) = body.as_object_mut() {
                members.insert((*name).to_owned(), value.clone());
            }
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_named_by_the_partition_and_read_back() {
        assert_eq!(file("ledger/a1").display().to_string(), "recovery-ledger-a1.json");
        assert_eq!(file("../x").display().to_string(), "recovery-..-x.json");
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("f");
        assert!(Kept::read(&at).unwrap().is_none());
        let answer = json!({ "recovery": { "at": 1_800_000_000_000_u64, "undo": "b" }, "token": "t" });
        Kept::begun(&answer).unwrap().write(&at).unwrap();
        let kept = Kept::read(&at).unwrap().unwrap();
        assert_eq!((kept.stage, kept.undo_bookmark()), (Stage::Held, "b"));
        assert_eq!(kept.at().as_deref(), Some("2027-01-15T08:00:00Z"));
        let step = kept.step("end", &[("carried", json!(7))]);
        assert_eq!((&step["step"], &step["token"], &step["carried"]), (&json!("end"), &json!("t"), &json!(7)));
        fs::write(&at, "{").unwrap();
        assert!(Kept::read(&at).unwrap_err().to_string().contains("not the file of a recovery"));
    }
}
