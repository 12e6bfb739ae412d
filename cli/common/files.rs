//! Files that are written whole or not at all, alone or as a set.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Its owner.
    Owner,
    /// Everyone who gets into the folder.
    Everyone,
}

/// The text of a file; `None` when there is no such file.
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

/// The text of a PEM file. What is around its blocks may be in any encoding.
///
/// # Errors
/// When it cannot be read, or there is nothing of PEM in it.
pub fn read_pem(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !text.contains("-----BEGIN ") && std::str::from_utf8(&bytes).is_err() {
        bail!(
            "{} is no PEM; `openssl x509 -inform DER` (one certificate), `openssl crl -inform DER` (a CRL) or `openssl \
             pkcs7 -inform DER -print_certs` (a chain) makes PEM of other forms",
            path.display()
        );
    }
    Ok(text)
}

/// A file that is on the disk under another name, beside the place where it belongs. Dropped, it is gone.
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

    /// Puts it in its place, where at every moment, also after a crash, the old content is or the new one.
    ///
    /// # Errors
    /// When the system refuses; the old content is there then.
    pub fn commit(self) -> Result<()> {
        fs::rename(&self.part, &self.path).and_then(|()| sync_folder(&self.path)).with_context(|| self.failed())
    }

    fn failed(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After the commit there is none.
        let _ = fs::remove_file(&self.part);
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
    path.parent().map_or(Ok(()), |folder| {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(here)?.sync_all()
    })
}

/// Files that come into being whole, with names of their own in one folder: all of them, or after a crash at any
/// moment none or, once [`Set::finish`] was called, all.
#[derive(Clone, Copy, Debug)]
pub struct Set<'a> {
    /// The folder.
    pub dir: &'a Path,
    /// The name of the folder within it that they are written into first.
    pub name: &'a str,
}

impl Set<'_> {
    /// Writes the files, none of which may exist.
    ///
    /// They are written into a folder aside; its renaming is the moment from which the set exists, and
    /// [`Set::finish`] may be interrupted and called again.
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

    /// Moves the files of a set that was written to their places; does nothing when there is none.
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
        place().with_context(|| format!("cannot move the files of {} to their places", whole.display()))
    }
}

/// The permission bits of a file; `None` when there is no such file.
///
/// # Errors
/// When the system refuses.
pub fn mode(path: &Path) -> Result<Option<u32>> {
    match fs::metadata(path) {
        Ok(about) => Ok(Some(about.mode() & 0o7777)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// The text of a file. Bytes that are no text are replaced: whoever reads the PEM in it will say what is wrong.
///
/// # Errors
/// When the system refuses.
pub fn text_of(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        // Without a copy, which nobody would wipe.
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes())))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
