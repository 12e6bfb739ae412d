//! Stamps: small files that record a completed step and its inputs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The record of a completed step.
pub struct Stamp {
    path: PathBuf,
    value: String,
}

impl Stamp {
    /// A stamp in the file `path`; `value` is everything the result depends on (versions, hashes).
    pub fn new(path: impl Into<PathBuf>, value: impl Into<String>) -> Self {
        Self { path: path.into(), value: value.into() }
    }

    /// Whether the step was completed with this value and `product` still exists.
    pub fn holds(&self, product: &Path) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.value) && product.exists()
    }

    /// Records the step. Written last and by renaming, so that an incomplete step leaves no stamp.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self) -> Result<()> {
        let problem = || format!("cannot write {}", self.path.display());
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).with_context(problem)?;
        }
        let beside = self.path.with_extension("new");
        fs::write(&beside, &self.value).with_context(problem)?;
        fs::rename(&beside, &self.path).with_context(problem)
    }

    /// Removes the record, before the step is repeated.
    pub fn clear(&self) {
        // It may be missing already.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_only_for_the_same_value_and_while_the_product_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let product = folder.path().join("tool");
        let stamp = Stamp::new(folder.path().join("stamps/tool"), "1.2.3");
        assert!(!stamp.holds(&product), "nothing was done yet");

        stamp.write().unwrap();
        assert!(!stamp.holds(&product), "the product is missing");

        fs::write(&product, "").unwrap();
        assert!(stamp.holds(&product));
        assert!(!Stamp::new(folder.path().join("stamps/tool"), "1.2.4").holds(&product), "another version is wanted");

        stamp.clear();
        assert!(!stamp.holds(&product), "the note was taken back");
    }
}
