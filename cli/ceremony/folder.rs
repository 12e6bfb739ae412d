//! The folder of a CA's keys and certificates.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::ca::config::issuers::MAX_ISSUERS;
pub use selvedge::ca::config::issuers::name_of as setting;
use selvedge::pki::pem;
use selvedge::values::Time;
use zeroize::Zeroizing;

use crate::common::config_edit::ConfigEdit;
use crate::common::files;
use crate::common::files::{Readers, Set};

/// The first issuer, whose files and settings have no number.
pub const FIRST: u8 = 1;

/// The root certificate.
pub const ROOT: &str = "root.pem";
/// The root's private key, encrypted.
pub const ROOT_KEY: &str = "root.key";
/// The key of replay nonces.
pub const NONCE_KEY: &str = "nonce.key";
/// The key of replay nonces before it, while both count.
pub const PREVIOUS_NONCE_KEY: &str = "nonce-previous.key";
/// The key of the transparency logs, if the CA has any.
pub const LOG_KEY: &str = "log.key";
/// The name of the set in which files are written.
const SET: &str = "new-keys";

/// The file of an issuer: `issuer.pem`, `issuer-2.pem`.
pub fn issuer_file(slot: u8, extension: &str) -> String {
    if slot == FIRST { format!("issuer.{extension}") } else { format!("issuer-{slot}.{extension}") }
}

/// The public settings that belong to one CA.
pub fn public_settings() -> Vec<String> {
    let of = |slot| ["ISSUER_CHAIN", "ISSUER_ACTIVE_FROM", "ALTERNATE_CHAINS"].map(|name| setting(name, slot));
    (FIRST..=MAX_ISSUERS).flat_map(of).chain(["ROOT_CERTIFICATE", "ROOT_CRL"].map(str::to_owned)).collect()
}

/// An issuer with key and certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSlot {
    /// Its number, 1 to [`MAX_ISSUERS`].
    pub number: u8,
    /// When it takes over; `None` for the first issuer.
    pub from: Option<Time>,
    /// The chain as PEM.
    pub chain: String,
}

impl IssuerSlot {
    /// Its own certificate in DER.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        let ders = pem::read_certificates(&self.chain).with_context(|| issuer_file(self.number, "pem"))?;
        ders.into_iter().next().context("an issuer's file has no certificate")
    }
}

/// A request without a certificate yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The number that the issuer will have.
    pub number: u8,
    /// The request as PEM.
    pub request: String,
}

/// A file to be written.
#[derive(Debug)]
pub struct NewFile {
    name: String,
    content: Zeroizing<String>,
    readers: Readers,
    replaces: bool,
}

impl NewFile {
    /// A file with a secret.
    pub fn secret(name: impl Into<String>, content: impl Into<Zeroizing<String>>) -> Self {
        Self { name: name.into(), content: content.into(), readers: Readers::Owner, replaces: false }
    }

    /// A public file.
    pub fn public(name: impl Into<String>, content: impl Into<String>) -> Self {
        Self { name: name.into(), content: Zeroizing::new(content.into()), readers: Readers::Everyone, replaces: false }
    }

    /// The same file, which may replace an existing one.
    pub fn replacing(self) -> Self {
        Self { replaces: true, ..self }
    }
}

/// The folder of a CA.
#[derive(Clone, Debug)]
pub struct CaFolder {
    dir: PathBuf,
}

impl CaFolder {
    /// Opens a folder, which may not exist yet.
    ///
    /// # Errors
    /// When the files of an interrupted command cannot be completed, or other users can access the folder.
    pub fn open(dir: &Path) -> Result<Self> {
        let folder = Self { dir: dir.to_path_buf() };
        match fs::metadata(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(folder),
            Err(error) => return Err(error).with_context(|| format!("cannot inspect the folder {}", dir.display())),
            Ok(found) if !found.is_dir() => bail!("{} is not a folder; choose another with --ca DIR", dir.display()),
            Ok(found) => {
                let mode = found.permissions().mode() & 0o777;
                if mode & 0o077 != 0 && !folder.is_empty()? {
                    bail!(
                        "the folder {} is for keys, but accessible to other users (mode {mode:03o}); run `chmod 700 \
                         {}`, or choose another with --ca DIR",
                        dir.display(),
                        dir.display()
                    );
                }
            }
        }
        folder.set().finish()?;
        Ok(folder)
    }

    /// Opens the folder of an existing CA.
    ///
    /// # Errors
    /// As [`CaFolder::open`], and when it does not exist.
    pub fn existing(dir: &Path) -> Result<Self> {
        if !dir.exists() {
            bail!(
                "the folder {} does not exist: create a CA with `selvedge init`, or pass its folder with --ca DIR",
                dir.display()
            );
        }
        Self::open(dir)
    }

    fn is_empty(&self) -> Result<bool> {
        let mut entries = fs::read_dir(&self.dir).with_context(|| format!("cannot read {}", self.dir.display()))?;
        Ok(entries.next().is_none())
    }

    fn set(&self) -> Set<'_> {
        Set { dir: &self.dir, name: SET }
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The text of a file in it; `None` when it does not exist.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        files::read(&self.path(name))
    }

    /// As [`CaFolder::read`], of a required file.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn require(&self, name: &str) -> Result<String> {
        self.read(name)?.with_context(|| format!("{} is missing; restore it from a copy", self.path(name).display()))
    }

    /// Whether a file exists.
    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// The issuers with key and certificate, in order.
    ///
    /// # Errors
    /// When a file is missing or cannot be read.
    pub fn slots(&self) -> Result<Vec<IssuerSlot>> {
        let mut slots = Vec::new();
        for number in FIRST..=MAX_ISSUERS {
            let Some(chain) = self.read(&issuer_file(number, "pem"))? else { continue };
            let key = issuer_file(number, "key");
            if !self.has(&key) {
                bail!("{} is missing, but its certificate exists; restore it from a copy", self.path(&key).display());
            }
            let from = if number == FIRST { None } else { Some(self.read_from(number)?) };
            slots.push(IssuerSlot { number, from, chain });
        }
        Ok(slots)
    }

    fn read_from(&self, number: u8) -> Result<Time> {
        let name = issuer_file(number, "from");
        let text = self.require(&name)?;
        let path = self.path(&name);
        Time::parse_rfc3339(text.trim())
            .with_context(|| format!("{} does not contain a time like 2027-01-31T00:00:00Z", path.display()))
    }

    /// The request that waits for its certificate.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn pending(&self) -> Result<Option<Pending>> {
        for number in FIRST..=MAX_ISSUERS {
            if !self.has(&issuer_file(number, "pem"))
                && self.has(&issuer_file(number, "key"))
                && let Some(request) = self.read(&issuer_file(number, "csr"))?
            {
                return Ok(Some(Pending { number, request }));
            }
        }
        Ok(None)
    }

    /// The next free number; that of the first issuer only in a folder without issuers.
    ///
    /// # Errors
    /// When all are taken.
    pub fn free_slot(&self) -> Result<u8> {
        let taken = |number: &u8| ["pem", "key"].iter().any(|kind| self.has(&issuer_file(*number, kind)));
        let first = if (FIRST..=MAX_ISSUERS).any(|number| taken(&number)) { FIRST + 1 } else { FIRST };
        (first..=MAX_ISSUERS).find(|number| !taken(number)).with_context(|| {
            format!("all {MAX_ISSUERS} issuer slots are in use; remove the files and settings of an expired issuer")
        })
    }

    /// Refuses when one of these files exists.
    ///
    /// # Errors
    /// The first that exists.
    pub fn refuse_existing(&self, names: &[&str]) -> Result<()> {
        match names.iter().find(|name| self.has(name)) {
            None => Ok(()),
            Some(name) => bail!(
                "{} already exists and is not overwritten; choose another folder with --ca DIR, or move it away",
                self.path(name).display()
            ),
        }
    }

    /// Writes new files and then the settings: all or nothing.
    ///
    /// # Errors
    /// When a file exists that is not to be replaced, or the system refuses.
    pub fn write(&self, new: &[NewFile], settings: Option<&ConfigEdit>) -> Result<()> {
        self.refuse_existing(
            &new.iter().filter(|file| !file.replaces).map(|file| file.name.as_str()).collect::<Vec<_>>(),
        )?;
        let staged = settings.map(ConfigEdit::stage).transpose()?;
        let made = self.make()?;
        let new_files: Vec<_> =
            new.iter().map(|file| (file.name.as_str(), file.content.as_str(), file.readers)).collect();
        let written = self.set().write(&new_files);
        // For the settings only the renaming is left.
        let done = written.and_then(|()| staged.map_or(Ok(()), files::Staged::commit));
        if done.is_err() {
            self.undo(new, made);
        }
        done
    }

    /// Creates the folder with mode 0700; whether it was new.
    fn make(&self) -> Result<bool> {
        let context = || format!("cannot create the folder {}", self.dir.display());
        if self.dir.is_dir() {
            // Empty, or already closed.
            fs::set_permissions(&self.dir, Permissions::from_mode(0o700)).with_context(context)?;
            return Ok(false);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).with_context(context)?;
        Ok(true)
    }

    /// Removes the new files. Replaced ones stay: they are valid without the settings too.
    fn undo(&self, new: &[NewFile], made: bool) {
        for file in new.iter().filter(|file| !file.replaces) {
            let _ = fs::remove_file(self.path(&file.name));
        }
        for leftover in [SET.to_owned(), format!("{SET}.part")] {
            let _ = fs::remove_dir_all(self.path(&leftover));
        }
        if made {
            let _ = fs::remove_dir(&self.dir);
        }
    }
}
