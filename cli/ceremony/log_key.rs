//! The key of the transparency logs of a new CA.

use anyhow::{Context, Result};
use zeroize::Zeroizing;

use super::folder::{LOG_KEY, NewFile};
use crate::common::secret::new_ed25519_key;

/// Whether certificates of a new CA are logged.
#[derive(Clone, Debug, clap::Args)]
pub struct Logging {
    /// Make no log.key: without one, certificates are not logged (docs/TRANSPARENCY.md).
    #[arg(long)]
    no_log: bool,
}

impl Logging {
    /// Makes the key, unless there is to be none.
    ///
    /// # Errors
    /// When this machine has no random bytes.
    pub fn key_file(&self) -> Result<Option<NewFile>> {
        if self.no_log {
            return Ok(None);
        }
        let pem = new_ed25519_key()?.to_pkcs8_pem().context("cannot make the key of the log")?;
        Ok(Some(NewFile::secret(LOG_KEY, Zeroizing::new(pem.to_string()))))
    }
}
