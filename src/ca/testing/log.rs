//! The transparency log of a world.

use super::world::World;
use crate::ca::config::log::{EntryReaders, Log, LogKey};
use crate::values::native_crypto::{NativeKey, hkdf_sha256};
use crate::values::{CryptoFailure, SigAlg};

/// The seed of the key of the logs of all worlds.
const SEED: [u8; 32] = [0x4c; 32];

/// The key of a log.
fn key(of: &LogKey) -> Result<NativeKey, CryptoFailure> {
    let seed = of.info().map_or(SEED, |info| hkdf_sha256(&SEED, info.as_bytes()));
    NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.copy_from_slice(&seed))
}

/// The public octets of the key of a log.
pub(super) fn public(of: &LogKey) -> Result<Vec<u8>, CryptoFailure> {
    let spki = key(of)?.spki_der()?;
    Ok(spki.last_chunk::<32>().copied().unwrap_or_default().to_vec())
}

/// Signs with the key of a log.
pub(super) fn sign(of: &LogKey, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
    key(of)?.sign(SigAlg::Ed25519, message)
}

impl World {
    /// The same CA with a transparency log for each issuer.
    pub fn with_log(&self) -> Self {
        let public = public(&LogKey::Shared).expect("a public key");
        let key = *public.first_chunk().expect("the octets of the key");
        self.reconfigured(|settings| settings.log = Some(Log { key, entries: EntryReaders::Operators }))
    }
}
