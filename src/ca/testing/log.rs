//! The transparency log of a world.

use super::world::World;
use crate::ca::config::log::{EntryReaders, Log};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeKey;
use std::sync::LazyLock;

/// The key of the logs of all worlds.
pub(super) fn key() -> &'static NativeKey {
    static KEY: LazyLock<NativeKey> =
        LazyLock::new(|| NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.fill(0x4c)).expect("a key"));
    &KEY
}

impl World {
    /// The same CA with a transparency log for each issuer.
    pub fn with_log(&self) -> Self {
        let spki = key().spki_der().expect("a public key");
        let key = *spki.last_chunk().expect("the octets of the key");
        self.reconfigured(|settings| settings.log = Some(Log { key, entries: EntryReaders::Operators }))
    }
}
