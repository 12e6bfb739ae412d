//! Where the project and its tools lie.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::interrupt;
use super::stamp::Stamp;
use crate::common::host::say;

/// The target that Workers run.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Where the project and its tools lie; its methods make sure of one tool or product each.
///
/// They may be called at any time and by several processes at once: what is missing is done by one of them
/// while the others wait.
#[derive(Clone)]
pub struct Toolbox {
    /// The repository.
    pub(super) root: PathBuf,
    /// Cargo's target folder.
    pub(super) target: PathBuf,
    /// The folder of the tools, inside the target folder.
    pub(super) dir: PathBuf,
}

impl Toolbox {
    /// Finds the repository (where this program was compiled) and the target folder (where it runs from, so
    /// that `CARGO_TARGET_DIR` is honoured).
    ///
    /// # Errors
    /// When the repository is not where it was when this program was compiled.
    pub fn locate() -> Result<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        if !root.join("Cargo.toml").is_file() {
            bail!("the repository is no longer at {}: run `cargo run` in the folder where it is now", root.display());
        }
        // Cargo marks the top of a target folder with this file.
        let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
        let program = std::env::current_exe().context("cannot tell where this program runs from")?;
        let target = program.ancestors().skip(1).take(5).find(marked).map_or(root.join("target"), Path::to_path_buf);
        let dir = target.join("selvedge-tools");
        Ok(Self { root, target, dir })
    }

    /// The repository's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(name).with_extension("log")
    }

    pub(super) fn stamp(&self, name: &str, value: impl Into<String>) -> Stamp {
        Stamp::new(self.dir.join("stamps").join(name), value)
    }

    /// Keeps other companions out until the returned file is dropped; waits for one that is at it.
    pub(super) fn lock(&self, name: &str) -> Result<File> {
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot make the folder {}", self.dir.display()))?;
        let path = self.dir.join(name).with_extension("lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the tools' folder"),
                Err(TryLockError::WouldBlock) if interrupt::requested() => bail!("stopped while waiting"),
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        interrupt::watch()?;
                        say(format!("another selvedge is at its {name}; waiting for it"));
                        told = true;
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// The target folder for the wasm: not the one of `cargo run` and `cargo test`, whose lock an outer cargo
    /// may hold; and one for each standard library, since cargo does not notice that one was replaced.
    pub(super) fn wasm_target(&self, std_suffix: &str, fast: bool) -> PathBuf {
        self.target.join(format!("wasm{}{}", std_suffix, if fast { "-fast" } else { "" }))
    }
}
