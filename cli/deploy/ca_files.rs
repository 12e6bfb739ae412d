//! The files of a CA's folder, unchecked; [`check`](super::check) judges them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use selvedge::ca::config::issuers::MAX_ISSUERS;

use crate::ceremony::{ADMIN_TOKENS, LOG_KEY, NONCE_KEY, PREVIOUS_NONCE_KEY, ROOT, ROOT_CRL, ROOT_KEY, issuer_file};
use crate::common::files::{mode, text_of};
use crate::common::secret::{SecretFile, in_folder};

/// The files of a CA.
#[derive(Debug)]
pub struct CaFiles {
    /// The folder.
    pub dir: PathBuf,
    /// The root certificate.
    pub root: Option<String>,
    /// The root's CRL.
    pub root_crl: Option<String>,
    /// The path and mode of the root's key, which is not read.
    pub root_key: Option<(PathBuf, u32)>,
    /// The issuers that have a file.
    pub issuers: Vec<IssuerFiles>,
    /// The key of replay nonces.
    pub nonce: Option<SecretFile>,
    /// The previous key of replay nonces, while both count.
    pub previous_nonce: Option<SecretFile>,
    /// The key of the transparency logs, if there are any.
    pub log: Option<SecretFile>,
    /// The admin tokens; absent in older folders.
    pub tokens: Option<SecretFile>,
}

/// The files of an issuer.
#[derive(Debug)]
pub struct IssuerFiles {
    /// Its number.
    pub place: u8,
    /// Its chain, PEM.
    pub chain: Option<String>,
    /// Its key.
    pub key: Option<SecretFile>,
    /// Whether a request exists for the certificate.
    pub requested: bool,
}

impl CaFiles {
    /// Reads the folder.
    ///
    /// # Errors
    /// When it does not exist, or the system refuses.
    pub fn read(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            bail!(
                "the folder {} does not exist: create a CA with `selvedge init`, or pass its folder with --ca DIR",
                dir.display()
            );
        }
        let issuers = (1..=MAX_ISSUERS).map(|place| IssuerFiles::read(dir, place));
        let issuers = issuers.filter_map(Result::transpose).collect::<Result<_>>()?;
        let file = |name: &str| in_folder(dir, name);
        let root_key = file(ROOT_KEY);
        let mode = mode(&root_key)?;
        Ok(Self {
            root: text_of(&file(ROOT))?,
            root_crl: text_of(&file(ROOT_CRL))?,
            root_key: mode.map(|mode| (root_key, mode)),
            nonce: SecretFile::read(file(NONCE_KEY))?,
            previous_nonce: SecretFile::read(file(PREVIOUS_NONCE_KEY))?,
            log: SecretFile::read(file(LOG_KEY))?,
            tokens: SecretFile::read(file(ADMIN_TOKENS))?,
            issuers,
            dir: dir.to_path_buf(),
        })
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        in_folder(&self.dir, name)
    }

    /// The issuer with this number.
    pub fn issuer(&self, place: u8) -> Option<&IssuerFiles> {
        self.issuers.iter().find(|issuer| issuer.place == place)
    }
}

impl IssuerFiles {
    fn read(dir: &Path, place: u8) -> Result<Option<Self>> {
        let path = |kind: &str| in_folder(dir, &issuer_file(place, kind));
        let chain = text_of(&path("pem"))?;
        let key = SecretFile::read(path("key"))?;
        let any = chain.is_some() || key.is_some();
        Ok(any.then(|| Self { place, chain, key, requested: path("csr").exists() }))
    }
}
