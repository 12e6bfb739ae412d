//! The folder of a witness.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::ca::config::witness::{KEY, WitnessSettings};
use selvedge::values::native_crypto::NativeKey;

use crate::common::files::mode;
use crate::common::secret::{Secret, SecretFile, is_open};
use crate::common::worker_config::WorkerConfig;

/// The Worker's settings.
pub const SETTINGS: &str = "wrangler.toml";
/// The private key.
pub const KEY_FILE: &str = "witness.key";

/// A witness as its folder has it, after all checks.
pub struct Folder {
    /// The Worker's settings.
    pub config: WorkerConfig,
    /// The settings of the witness.
    pub settings: WitnessSettings,
    /// The file of the key.
    pub key_file: PathBuf,
    /// The key.
    pub key: Secret,
}

impl Folder {
    /// Reads a folder that `witness new` made.
    ///
    /// # Errors
    /// A missing or unusable file; a key that does not belong to the settings.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join(SETTINGS);
        if mode(&path)?.is_none() {
            bail!("{} does not exist: make the folder of a witness with `selvedge witness new`", path.display());
        }
        let config = WorkerConfig::read(&path)?;
        let settings = WitnessSettings::read(&|name| config.var(name).map(str::to_owned));
        let settings = settings.map_err(|refusal| anyhow::anyhow!("{}: {refusal}", path.display()))?;
        let key_file = dir.join(KEY_FILE);
        let Some(SecretFile { mode, text: key, .. }) = SecretFile::read(key_file.clone())? else {
            bail!("{} does not exist: it has the key of the witness", key_file.display());
        };
        if is_open(mode) {
            bail!("{0} is accessible to others: run `chmod 600 {0}`", key_file.display());
        }
        let spki = NativeKey::from_pkcs8_pem(key.reveal()).and_then(|key| key.spki_der());
        let spki = spki.ok().with_context(|| format!("{} is not a private key", key_file.display()))?;
        if !spki.ends_with(settings.vkey.key()) {
            bail!("{} is not the key of WITNESS_VKEY in {}, for {KEY}", key_file.display(), path.display());
        }
        Ok(Self { config, settings, key_file, key })
    }
}
