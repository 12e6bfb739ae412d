//! The key of the transparency log of `dev`, created once in the state folder.

use anyhow::{Context, Result};

use crate::common::secret::new_ed25519_key;
use crate::runtime::state::{Readers, State};

/// Its file.
pub const LOG_KEY: &str = "log.key";

/// Creates the key if it is missing.
///
/// # Errors
/// When the system refuses.
pub fn make(state: &State) -> Result<()> {
    if state.read(LOG_KEY)?.is_none() {
        let key = new_ed25519_key()?.to_pkcs8_pem().context("cannot make the key of the log")?;
        state.write(LOG_KEY, &key, Readers::Owner)?;
    }
    Ok(())
}
