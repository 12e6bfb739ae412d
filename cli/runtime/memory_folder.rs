//! The folder of a run, in memory where the system has such a place.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use selvedge::values::hex;

use crate::common::host;

/// A place whose files are in memory.
const MEMORY: &str = "/dev/shm";
/// The beginning of a folder's name.
const PREFIX: &str = "selvedge-run-";
/// The file that a run has locked, with its process id.
const LOCK: &str = "lock";
/// The folder of the Worker's databases.
const OBJECTS: &str = "do";

/// A folder of the owner, removed when dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes a folder, and removes those of runs that were killed.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create() -> Result<Self> {
        let memory = Path::new(MEMORY);
        let made = if memory.is_dir() { Self::create_in(memory) } else { Self::create_in(&std::env::temp_dir()) };
        // A container may have too little memory there, or none to write to.
        made.or_else(|_| Self::create_in(&std::env::temp_dir()))
    }

    fn create_in(place: &Path) -> Result<Self> {
        sweep(place);
        let path = place.join(format!("{PREFIX}{}", hex::encode(&host::random::<8>()?)));
        let cannot = || format!("cannot create {}", path.display());
        DirBuilder::new().mode(0o700).create(&path).with_context(cannot)?;
        let mut lock = File::create(path.join(LOCK)).with_context(cannot)?;
        lock.lock().with_context(cannot)?;
        writeln!(lock, "{}", std::process::id()).with_context(cannot)?;
        fs::create_dir(path.join(OBJECTS)).with_context(cannot)?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder of the Worker's databases.
    pub fn objects(&self) -> PathBuf {
        self.path.join(OBJECTS)
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.file(name));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the folders here that no process has locked.
fn sweep(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in ours.map(|entry| entry.path()) {
        // One that is being made has no lock yet.
        let Ok(lock) = File::open(folder.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_of_a_killed_run_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let killed = place.path().join(format!("{PREFIX}killed"));
        fs::create_dir(&killed).unwrap();
        File::create(killed.join(LOCK)).unwrap();
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        let running = Folder::create_in(place.path()).unwrap();
        let second = Folder::create_in(place.path()).unwrap();
        assert!(!killed.exists() && other.exists() && running.objects().is_dir() && second.objects().is_dir());
        let path = running.path.clone();
        drop(running);
        assert!(!path.exists() && second.objects().is_dir());
    }
}
