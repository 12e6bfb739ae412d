//! The folder of a CA, read as it lies there; whether it is as it should be, [`check`](super::check) says.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::ca::config::issuers::PLACES;

use super::secret::Secret;
use crate::keys::{ADMIN_TOKENS, NONCE_KEY, ROOT, ROOT_CRL, ROOT_KEY, issuer_file};

/// The files of a CA.
#[derive(Debug)]
pub struct CaFiles {
    /// The folder.
    pub dir: PathBuf,
    /// The root certificate.
    pub root: Option<String>,
    /// The root's CRL.
    pub root_crl: Option<String>,
    /// The root's key, which is not read: where it is, and who may read it.
    pub root_key: Option<(PathBuf, u32)>,
    /// The issuers, those only of which there is a file.
    pub issuers: Vec<IssuerFiles>,
    /// What protects replay nonces.
    pub nonce: Option<SecretFile>,
    /// The admin tokens; folders that were made before there were operations have none.
    pub tokens: Option<SecretFile>,
}

/// The files of an issuer.
#[derive(Debug)]
pub struct IssuerFiles {
    /// Its place.
    pub place: u8,
    /// Its chain, PEM.
    pub chain: Option<String>,
    /// Its key.
    pub key: Option<SecretFile>,
    /// Whether there is a request, to which the certificate is the answer.
    pub requested: bool,
}

/// A file with a secret in it.
#[derive(Debug)]
pub struct SecretFile {
    /// Where it is.
    pub path: PathBuf,
    /// The permission bits.
    pub mode: u32,
    /// What is in it.
    pub text: Secret,
}

impl CaFiles {
    /// Reads the folder.
    ///
    /// # Errors
    /// When it is not there, or the system refuses.
    pub fn read(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            bail!(
                "there is no folder {}: make a CA with `selvedge init`, or name the folder where it is with --ca DIR",
                dir.display()
            );
        }
        let issuers = (1..=PLACES).map(|place| IssuerFiles::read(dir, place));
        let issuers = issuers.filter_map(Result::transpose).collect::<Result<_>>()?;
        let root_key = dir.join(ROOT_KEY);
        let mode = mode(&root_key)?;
        Ok(Self {
            root: text_of(&dir.join(ROOT))?,
            root_crl: text_of(&dir.join(ROOT_CRL))?,
            root_key: mode.map(|mode| (root_key, mode)),
            nonce: SecretFile::read(dir.join(NONCE_KEY))?,
            tokens: SecretFile::read(dir.join(ADMIN_TOKENS))?,
            issuers,
            dir: dir.to_path_buf(),
        })
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The issuer in this place.
    pub fn issuer(&self, place: u8) -> Option<&IssuerFiles> {
        self.issuers.iter().find(|issuer| issuer.place == place)
    }
}

impl IssuerFiles {
    fn read(dir: &Path, place: u8) -> Result<Option<Self>> {
        let path = |kind: &str| dir.join(issuer_file(place, kind));
        let chain = text_of(&path("pem"))?;
        let key = SecretFile::read(path("key"))?;
        let any = chain.is_some() || key.is_some();
        Ok(any.then(|| Self { place, chain, key, requested: path("csr").exists() }))
    }
}

impl SecretFile {
    /// Reads a file; `None` where there is none.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn read(path: PathBuf) -> Result<Option<Self>> {
        let Some(mode) = mode(&path)? else { return Ok(None) };
        let text = Secret::new(text_of(&path)?.unwrap_or_default());
        Ok(Some(Self { path, mode, text }))
    }
}

/// Whether others than its owner may do anything with a file of this mode.
pub fn is_open(mode: u32) -> bool {
    mode & 0o077 != 0
}

fn mode(path: &Path) -> Result<Option<u32>> {
    match fs::metadata(path) {
        Ok(about) => Ok(Some(about.mode() & 0o7777)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {}", path.display())),
    }
}

/// The text of a file. Bytes that are no text are replaced: whoever reads the PEM in it will say what is wrong.
fn text_of(path: &Path) -> Result<Option<String>> {
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
