//! The paths of the project and its tools, with locks and stamps.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::interrupt;
use super::stamp::Stamp;
use crate::common::host::say;

/// The Rust target of Workers.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The paths of the project and its tools; each method ensures one tool or product.
///
/// Several processes may call them at once: one does the missing step while the others wait.
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
    /// Finds the repository (where this program was compiled) and the target folder (where it runs from).
    ///
    /// # Errors
    /// When the repository was moved since this program was compiled.
    pub fn locate() -> Result<Self> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        if !root.join("Cargo.toml").is_file() {
            bail!("the repository was moved from {}: run `cargo run` in its new folder", root.display());
        }
        // Cargo marks the top of a target folder with this file.
        let marked = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
        let program = std::env::current_exe().context("cannot find this program's path")?;
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

    /// Locks out other companions until the file is dropped; waits for a running one.
    pub(super) fn lock(&self, name: &str) -> Result<File> {
        fs::create_dir_all(&self.dir).with_context(|| format!("cannot create the folder {}", self.dir.display()))?;
        let path = self.dir.join(name).with_extension("lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut announced = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the tools' folder"),
                Err(TryLockError::WouldBlock) if interrupt::requested() => bail!("stopped while waiting"),
                Err(TryLockError::WouldBlock) => {
                    if !announced {
                        interrupt::watch()?;
                        say(format!("waiting for another selvedge that runs {name}"));
                        announced = true;
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// The target folder for the wasm, one for each standard library.
    ///
    /// Cargo does not notice a replaced standard library. The folder of `cargo run` and `cargo test` is another one: an
    /// outer cargo may hold its lock.
    pub(super) fn wasm_target(&self, std_suffix: &str, fast: bool) -> PathBuf {
        self.target.join(format!("wasm{}{}", std_suffix, if fast { "-fast" } else { "" }))
    }
}
