//! The state folder: held by one `dev` at a time, its files written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::common::files;
pub use crate::common::files::Readers;
use crate::common::files::{Set, Staged};

/// The file that tells tests and scripts where the running `dev` is.
pub const RUNNING: &str = "dev.json";
const LOCK: &str = "lock";
const OBJECTS: &str = "do";

/// The state folder, ours as long as this value lives.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    _lock: File,
}

impl State {
    /// Makes the folder when there is none, its owner's alone, and keeps every other `dev` out of it.
    ///
    /// # Errors
    /// When it cannot be made or written, is of another user, or has other things in it that others can get at; and when
    /// another `dev` uses it.
    pub fn open(dir: &Path) -> Result<Self> {
        let unusable = || format!("cannot write to the state folder {} (choose another with --state)", dir.display());
        let dir = std::path::absolute(dir).with_context(unusable)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).with_context(unusable)?;
        close(&dir)?;
        let path = dir.join(LOCK);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = file.with_context(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                bail!(
                    "another `dev` (process {}) uses the state folder {}: stop it, or choose another with --state",
                    holder.trim(),
                    dir.display()
                );
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(unusable),
        }
        file.set_len(0).and_then(|()| file.rewind()).with_context(unusable)?;
        writeln!(file, "{}", std::process::id()).with_context(unusable)?;
        let state = Self { dir, _lock: file };
        // What an earlier run that was killed left behind would mislead whoever waits for this one.
        state.remove(RUNNING)?;
        state.make_folder(OBJECTS).with_context(unusable)?;
        Ok(state)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The folder of the Durable Objects' databases.
    pub fn objects(&self) -> PathBuf {
        self.path(OBJECTS)
    }

    /// Makes a folder in the folder, for its owner only; one that exists stays.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(path),
            made => made.map(|()| path.clone()).with_context(|| format!("cannot make the folder {}", path.display())),
        }
    }

    /// The text of a file; `None` when there is no such file.
    ///
    /// # Errors
    /// When it exists and cannot be read, or is not text.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        files::read(&self.path(name))
    }

    /// Writes a file so that at every moment, also after a crash, it has its old content or its new one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, name: &str, content: &str, readers: Readers) -> Result<()> {
        Staged::write(&self.path(name), content, readers)?.commit()
    }

    /// Files of this folder that come into being together, under this name.
    pub fn set<'a>(&'a self, name: &'a str) -> Set<'a> {
        Set { dir: &self.dir, name }
    }

    /// Removes a file; one that is not there is fine.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path(name).display()))
            }
            _ => Ok(()),
        }
    }
}

/// Has the folder be its owner's alone: keys are in it, or will be.
fn close(dir: &Path) -> Result<()> {
    let looked = || format!("cannot look at the state folder {}", dir.display());
    let about = fs::metadata(dir).with_context(looked)?;
    let user = rustix::process::geteuid().as_raw();
    if about.uid() != user {
        bail!(
            "the state folder {} is of another user (number {}; you are {user}): choose another with --state",
            dir.display(),
            about.uid()
        );
    }
    let mode = about.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let empty = fs::read_dir(dir).with_context(looked)?.next().is_none();
    if !empty && !dir.join(LOCK).exists() && !dir.join(RUNNING).exists() {
        bail!(
            "the state folder {0} is open to others (mode {mode:03o}) and has other things in it: choose another with \
             --state, or close it with `chmod 700 {0}`",
            dir.display()
        );
    }
    // One of an earlier version.
    fs::set_permissions(dir, Permissions::from_mode(0o700))
        .with_context(|| format!("cannot close the state folder {} to others", dir.display()))
}
