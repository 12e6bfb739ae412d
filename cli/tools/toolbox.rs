//! The paths of the project and its tools, with locks and stamps.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::home::{self, HOME, Home, Origin};
use super::interrupt;
use super::stamp::Stamp;
use crate::common::host::say;
use crate::common::invocation::target_folder;

/// The Rust target of Workers.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// The paths of the project and its tools; each method ensures one tool or product.
///
/// Several processes may call them at once: one does the missing step while the others wait.
#[derive(Clone)]
pub struct Toolbox {
    /// The repository, or the folder of the package.
    pub(super) root: PathBuf,
    /// Whether everything is built from sources here.
    pub(super) origin: Origin,
    /// Cargo's target folder.
    pub(super) target: PathBuf,
    /// The folder of the tools: inside the target folder, or the user's cache.
    pub(super) dir: PathBuf,
}

impl Toolbox {
    /// Finds the package of this program, else the repository where it was compiled.
    ///
    /// # Errors
    /// When neither exists, with what was looked at.
    pub fn locate() -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's path")?;
        let Home { root, origin } = Home::find(&program, std::env::var_os(HOME).as_deref())?;
        if origin == Origin::Package {
            let cache = home::cache(&root);
            return Ok(Self { target: cache.clone(), dir: cache, root, origin });
        }
        let target = target_folder(&program).unwrap_or_else(|| root.join("target"));
        let dir = target.join("selvedge-tools");
        Ok(Self { root, origin, target, dir })
    }

    /// Refuses `command` in a package: there are no sources.
    ///
    /// # Errors
    /// With what to use instead.
    pub fn needs_checkout(&self, command: &str) -> Result<()> {
        if self.origin == Origin::Package {
            bail!(
                "`selvedge {command}` works in a checkout of the sources, and this is a package ({}), whose module is \
                 built already: run `selvedge dev`, `selvedge serve` or `selvedge deploy`, or clone the repository and run `cargo run -- \
                 {command}` there",
                self.root.display()
            );
        }
        Ok(())
    }

    /// Whether there are sources to build from.
    pub fn is_checkout(&self) -> bool {
        self.origin == Origin::Checkout
    }

    /// The folder of the repository or the package.
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
