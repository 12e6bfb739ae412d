//! The state folder: of one command, locked by one process, with atomic writes.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::common::files;
pub use crate::common::files::Readers;
use crate::common::files::{Set, Staged};

/// The file with the addresses of the running `dev`, for tests and scripts.
pub const RUNNING: &str = DEV.running;
/// The file that marks the folder of a CA in production.
pub const AUTHORITY: &str = "authority.json";
const LOCK: &str = "lock";
/// The folder of the Durable Objects' databases, in the state folder.
pub const OBJECTS: &str = "do";
/// How long a lock may be held by a workerd that is just ending.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A command that keeps a state folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub command: &'static str,
    /// The file with the addresses of the running process.
    pub running: &'static str,
}

/// The owner of disposable folders.
pub const DEV: Owner = Owner { command: "dev", running: "dev.json" };
/// The owner of the folder of a CA in production.
pub const SERVE: Owner = Owner { command: "serve", running: "serve.json" };

/// The state folder, locked until dropped.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    lock: File,
}

impl State {
    /// Creates the folder of a `dev` if missing, with mode 0700, and locks it.
    ///
    /// # Errors
    /// When it cannot be created or written, belongs to another user, is accessible to others, is locked, or is that of a
    /// `serve`.
    pub fn open(dir: &Path) -> Result<Self> {
        if dir.join(AUTHORITY).exists() {
            bail!(
                "the state folder {} is that of a CA in production (it has {AUTHORITY}): choose another with --state",
                dir.display()
            );
        }
        Self::open_as(dir, DEV)
    }

    /// As [`State::open`], for any command.
    ///
    /// # Errors
    /// As [`State::open`], except for the folder's owner.
    pub fn open_as(dir: &Path, owner: Owner) -> Result<Self> {
        let unusable = || format!("cannot write to the state folder {} (choose another with --state)", dir.display());
        let dir = std::path::absolute(dir).with_context(unusable)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).with_context(unusable)?;
        close(&dir)?;
        let path = dir.join(LOCK);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = file.with_context(unusable)?;
        if !try_lock(&file).with_context(unusable)? {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            bail!(
                "another `{}` (process {}), or the workerd that it left, uses the state folder {}: stop it, or choose another \
                 with --state",
                owner.command,
                holder.trim(),
                dir.display()
            );
        }
        file.set_len(0).and_then(|()| file.rewind()).with_context(unusable)?;
        writeln!(file, "{}", std::process::id()).with_context(unusable)?;
        let state = Self { dir, lock: file };
        // The file of a killed run would mislead scripts that wait for this one.
        state.remove(owner.running)?;
        state.make_folder(OBJECTS).with_context(unusable)?;
        Ok(state)
    }

    /// The lock, for processes that use the folder too.
    ///
    /// # Errors
    /// When this process has too many open files.
    pub fn lock(&self) -> Result<OwnedFd> {
        Ok(self.lock.try_clone().context("cannot hand over the lock of the state folder")?.into())
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

    /// Creates a folder with mode 0700 in the state folder, unless it exists.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn make_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(path),
            made => made.map(|()| path.clone()).with_context(|| format!("cannot create the folder {}", path.display())),
        }
    }

    /// The text of a file; `None` when it does not exist.
    ///
    /// # Errors
    /// When it exists and cannot be read, or is not text.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        files::read(&self.path(name))
    }

    /// Writes a file atomically, even across a crash.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, name: &str, content: &str, readers: Readers) -> Result<()> {
        Staged::write(&self.path(name), content, readers)?.commit()
    }

    /// A set of files of this folder that are created together.
    pub fn set<'a>(&'a self, name: &'a str) -> Set<'a> {
        Set { dir: &self.dir, name }
    }

    /// Removes a file, if it exists.
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

/// Locks a file; `false` when another process keeps its lock.
fn try_lock(file: &File) -> std::io::Result<bool> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            // After a kill, workerd ends a moment later than the companion.
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_PATIENCE => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Restricts the folder, which is for keys, to its owner.
fn close(dir: &Path) -> Result<()> {
    let looked = || format!("cannot inspect the state folder {}", dir.display());
    let about = fs::metadata(dir).with_context(looked)?;
    let user = rustix::process::geteuid().as_raw();
    if about.uid() != user {
        bail!(
            "the state folder {} belongs to another user (uid {}; yours is {user}): choose another with --state",
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
            "the state folder {0} is accessible to other users (mode {mode:03o}) and has foreign files: choose another with \
             --state, or run `chmod 700 {0}`",
            dir.display()
        );
    }
    // Created by an earlier version.
    fs::set_permissions(dir, Permissions::from_mode(0o700))
        .with_context(|| format!("cannot restrict the state folder {} to its owner", dir.display()))
}
