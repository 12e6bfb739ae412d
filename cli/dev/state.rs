//! The state folder: held by one `dev` at a time, its files written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The file that tells tests and scripts where the running `dev` is.
pub const RUNNING: &str = "dev.json";
const LOCK: &str = "lock";
const OBJECTS: &str = "do";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner.
    Owner,
    /// Everyone who gets into the folder.
    Everyone,
}

/// The state folder, ours as long as this value lives.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    _lock: File,
}

impl State {
    /// Makes the folder when there is none, and keeps every other `dev` out of it.
    ///
    /// # Errors
    /// When it cannot be made or written, or when another `dev` uses it.
    pub fn open(dir: &Path) -> Result<Self> {
        let unusable = || format!("cannot write to the state folder {} (choose another with --state)", dir.display());
        let dir = std::path::absolute(dir).with_context(unusable)?;
        fs::create_dir_all(&dir).with_context(unusable)?;
        let path = dir.join(LOCK);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
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
        match fs::read_to_string(self.path(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.path(name).display())),
        }
    }

    /// Writes a file so that at every moment, also after a crash, it has its old content or its new one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, name: &str, content: &str, readers: Readers) -> Result<()> {
        let path = self.path(name);
        let mut part = path.clone().into_os_string();
        part.push(".part");
        write_through(Path::new(&part), content, readers)
            .and_then(|()| fs::rename(&part, &path))
            .and_then(|()| sync_folder(&path))
            .with_context(|| format!("cannot write {}", path.display()))
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

/// Writes a file and waits until it is on the disk.
fn write_through(path: &Path, content: &str, readers: Readers) -> std::io::Result<()> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    // The mode counts only when the file is made: a leftover of a crash must not lend it another.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Waits until the names in the folder of `path` are on the disk.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A set of files that comes into being whole: all of them, or after a crash at any moment none or, at the
/// next start, all.
impl State {
    /// Writes the files, none of which may exist, under the name `set`.
    ///
    /// They are written into a folder aside; its renaming is the moment from which the set exists, and
    /// [`State::finish_set`] may be interrupted and called again.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_set(&self, set: &str, files: &[(&str, &str, Readers)]) -> Result<()> {
        let part = self.path(&format!("{set}.part"));
        let whole = self.path(set);
        let build = || -> std::io::Result<()> {
            if part.exists() {
                fs::remove_dir_all(&part)?;
            }
            DirBuilder::new().mode(0o700).create(&part)?;
            for (name, content, readers) in files {
                write_through(&part.join(name), content, *readers)?;
            }
            File::open(&part)?.sync_all()?;
            fs::rename(&part, &whole)?;
            sync_folder(&whole)
        };
        build().with_context(|| format!("cannot write the new files in {}", self.dir.display()))?;
        self.finish_set(set)
    }

    /// Moves the files of a set that was written to their places; does nothing when there is none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish_set(&self, set: &str) -> Result<()> {
        let whole = self.path(set);
        if !whole.is_dir() {
            return Ok(());
        }
        let place = || -> std::io::Result<()> {
            for entry in fs::read_dir(&whole)? {
                let entry = entry?;
                fs::rename(entry.path(), self.dir.join(entry.file_name()))?;
            }
            File::open(&self.dir)?.sync_all()?;
            fs::remove_dir(&whole)
        };
        place().with_context(|| format!("cannot move the files of {} to their places", whole.display()))
    }
}
