//! The key to a backup: a passphrase, or recipients with their identities.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::ceremony::Passphrase;
use crate::common::age::{Identity, Key, Lock, Recipient, WORK};
use crate::common::secret::SecretFile;

/// Options for the key to a new backup.
#[derive(Debug, clap::Args)]
pub struct LockOptions {
    /// A file with the passphrase, which is otherwise asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "recipient")]
    pub passphrase_file: Option<PathBuf>,
    /// Encrypt to this recipient of age instead, as age1…; `age-keygen` makes one with its identity. Repeatable.
    #[arg(long, value_name = "RECIPIENT")]
    pub recipient: Vec<Recipient>,
    /// The identity of a recipient, in a file: to go on with an interrupted backup.
    #[arg(long, value_name = "FILE", requires = "recipient")]
    pub identity: Option<PathBuf>,
}

/// Options for the key to an existing backup.
#[derive(Debug, clap::Args)]
pub struct KeyOptions {
    /// A file with the passphrase, which is otherwise asked for.
    #[arg(long, value_name = "FILE", conflicts_with = "identity")]
    passphrase_file: Option<PathBuf>,
    /// A file with the identity of a recipient, as AGE-SECRET-KEY-1….
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

/// A key to a backup.
pub enum OwnKey {
    Passphrase(Passphrase),
    Identities(Vec<Identity>),
}

impl OwnKey {
    /// The key as the encryption takes it.
    pub fn key(&self) -> Key<'_> {
        match self {
            Self::Passphrase(passphrase) => Key::Passphrase(passphrase.expose()),
            Self::Identities(all) => Key::Identities(all),
        }
    }
}

impl KeyOptions {
    /// Reads the key, or asks for it.
    ///
    /// # Errors
    /// When a file cannot be read, or there is neither file nor terminal.
    pub fn open(&self, backup: &Path) -> Result<OwnKey> {
        match &self.identity {
            Some(file) => identities(file),
            None => Passphrase::of(backup, self.passphrase_file.as_deref()).map(OwnKey::Passphrase),
        }
    }
}

fn identities(file: &Path) -> Result<OwnKey> {
    let text = SecretFile::read(file.to_path_buf())?;
    let text = text.with_context(|| format!("{} does not exist; pass the file of the identity", file.display()))?;
    let all = Identity::all(text.text.reveal()).with_context(|| format!("{} cannot be used", file.display()))?;
    Ok(OwnKey::Identities(all))
}

/// The key to a new backup.
pub enum OwnLock {
    Passphrase(Passphrase),
    Recipients(Vec<Recipient>, Option<Vec<Identity>>),
}

impl LockOptions {
    /// Reads the key, or asks for it.
    ///
    /// # Errors
    /// When a file cannot be read, the passphrase is too short, or there is neither file nor terminal.
    pub fn read(&self) -> Result<OwnLock> {
        if self.recipient.is_empty() {
            return Passphrase::new("the backup", self.passphrase_file.as_deref()).map(OwnLock::Passphrase);
        }
        let own = match self.identity.as_deref().map(identities).transpose()? {
            Some(OwnKey::Identities(all)) => Some(all),
            _ => None,
        };
        Ok(OwnLock::Recipients(self.recipient.clone(), own))
    }
}

impl OwnLock {
    /// The key as the encryption takes it.
    pub fn lock(&self) -> Lock<'_> {
        match self {
            Self::Passphrase(passphrase) => Lock::Passphrase(passphrase.expose(), WORK),
            Self::Recipients(all, _) => Lock::Recipients(all),
        }
    }

    /// The key with which the file can be read again; `None` if it is another's.
    pub fn key(&self) -> Option<Key<'_>> {
        match self {
            Self::Passphrase(passphrase) => Some(Key::Passphrase(passphrase.expose())),
            Self::Recipients(_, own) => own.as_deref().map(Key::Identities),
        }
    }
}
