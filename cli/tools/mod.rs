//! The tools that the project needs, at pinned versions, under the target folder: made sure of, not assumed.
//!
//! Every step is idempotent and leaves a stamp, so that what is there already is not done again; a start at
//! which nothing is to do asks no other program. Nothing comes from anywhere but the package registries
//! (crates.io, npm, Debian) and, for the wasm32 standard library, the toolchain's own `rustup`.

mod debian;
mod fingerprint;
mod installs;
pub mod interrupt;
mod npm;
mod stamp;
mod step;
mod sysroot;
mod wasm_build;
mod wasm_std;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::common::host::say;

pub use npm::NpmTool;
pub use wasm_build::Built;
pub use wasm_std::WasmStd;

/// Where the project and its tools lie; its methods make sure of one tool or product each.
///
/// They may be called at any time and by several processes at once: what is missing is done by one of them
/// while the others wait.
#[derive(Clone)]
pub struct Toolbox {
    /// The repository.
    root: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
    /// The folder of the tools, inside the target folder.
    dir: PathBuf,
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

    fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(name).with_extension("log")
    }

    fn stamp(&self, name: &str, value: impl Into<String>) -> stamp::Stamp {
        stamp::Stamp::new(self.dir.join("stamps").join(name), value)
    }

    /// Keeps other companions out until the returned file is dropped; waits for one that is at it.
    fn lock(&self, name: &str) -> Result<File> {
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
}

/// The program `name` on the PATH.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Puts `folder` before all others on the PATH that `command` sees.
fn prepend_path(command: &mut Command, folder: &Path) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
    let joined = std::env::join_paths(folders).context("the tools' folder has a colon in its name")?;
    command.env("PATH", joined);
    Ok(())
}

/// What the program prints, trimmed.
fn output_of(command: &mut Command) -> Result<String> {
    let name = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
