//! Atomic writes of files, one at a time or as a set.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The permitted readers of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner.
    Owner,
    /// All users with access to the folder.
    Everyone,
}

/// The text of a file; `None` when it does not exist.
///
/// # Errors
/// When it exists and cannot be read, or is not text.
pub fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The text of a PEM file. The text around its blocks may be in any encoding.
///
/// # Errors
/// When it cannot be read, or has no PEM block.
pub fn read_pem(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !text.contains("-----BEGIN ") && std::str::from_utf8(&bytes).is_err() {
        bail!(
            "{} is not PEM; convert it with `openssl x509 -inform DER` (one certificate), `openssl crl -inform DER` (a \
             CRL) or `openssl pkcs7 -inform DER -print_certs` (a chain)",
            path.display()
        );
    }
    Ok(text)
}

/// A file on the disk under a temporary name beside its destination; removed when dropped.
#[derive(Debug)]
pub struct Staged {
    part: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Writes a file beside `path`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(path: &Path, content: &str, readers: Readers) -> Result<Self> {
        let mut part = path.to_path_buf().into_os_string();
        part.push(".part");
        let staged = Self { part: part.into(), path: path.to_path_buf() };
        write_through(&staged.part, content, readers).with_context(|| staged.failed())?;
        Ok(staged)
    }

    /// Renames it to its destination, atomically even across a crash.
    ///
    /// # Errors
    /// When the system refuses; the old content remains.
    pub fn commit(self) -> Result<()> {
        fs::rename(&self.part, &self.path).and_then(|()| sync_folder(&self.path)).with_context(|| self.failed())
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // A committed file has been renamed.
        let _ = fs::remove_file(&self.part);
    }
}

/// Writes a file and syncs it.
fn write_through(path: &Path, content: &str, readers: Readers) -> std::io::Result<()> {
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    // The mode applies only to a new file: a leftover of a crash could have another one.
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Syncs the folder of `path`.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), |folder| {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(here)?.sync_all()
    })
}

/// Files in one folder that are created together.
///
/// After a crash either none exist or, after [`Set::finish`], all.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// The name of the temporary folder within it.
    pub name: &'a str,
}

impl Set<'_> {
    /// Writes the files, none of which may exist.
    ///
    /// They are written into a temporary folder; its renaming creates the set, and [`Set::finish`] may be interrupted
    /// and called again.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(self, files: &[(&str, &str, Readers)]) -> Result<()> {
        let part = self.dir.join(format!("{}.part", self.name));
        let whole = self.dir.join(self.name);
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
        self.finish()
    }

    /// Moves the files of a written set to their destinations; does nothing without one.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(self) -> Result<()> {
        let whole = self.dir.join(self.name);
        if !whole.is_dir() {
            return Ok(());
        }
        let place = || -> std::io::Result<()> {
            for entry in fs::read_dir(&whole)? {
                let entry = entry?;
                fs::rename(entry.path(), self.dir.join(entry.file_name()))?;
            }
            File::open(self.dir)?.sync_all()?;
            fs::remove_dir(&whole)
        };
        place().with_context(|| format!("cannot move the files of {} into place", whole.display()))
    }
}

/// The permission bits of a file; `None` when it does not exist.
///
/// # Errors
/// When the system refuses.
pub fn mode(path: &Path) -> Result<Option<u32>> {
    match fs::metadata(path) {
        Ok(about) => Ok(Some(about.mode() & 0o7777)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot inspect {}", path.display())),
    }
}

/// The text of a file, with invalid UTF-8 replaced. The PEM reader reports the fault.
///
/// # Errors
/// When the system refuses.
pub fn text_of(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        // Without a copy, which would not be wiped.
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes())))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
