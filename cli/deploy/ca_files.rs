//! The folder of a CA, read as it lies there; whether it is as it should be, [`check`](super::check) says.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use selvedge::ca::authority::PLACES;

use crate::ceremony::{ADMIN_TOKENS, NONCE_KEY, ROOT, ROOT_CRL, ROOT_KEY, issuer_file};
use crate::common::files::{mode, text_of};
use crate::common::secret::SecretFile;

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
