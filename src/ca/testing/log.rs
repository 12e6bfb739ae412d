//! The transparency log of a world.

use super::world::World;
use crate::ca::config::log::{EntryReaders, Log, LogKey};
use crate::ca::ledger::log::{OpenLog, TILING};
use crate::ca::ledger::log_tiles::STEP;
use crate::records::ledger::log_tail::TILE;
use crate::store::Txn;
use crate::tlog::entry::{Entry, Kind};
use crate::tlog::note::KeyKind;
use crate::values::crypto::hkdf_sha256;
use crate::values::native_crypto::{MlDsa44Key, NativeKey};
use crate::values::{CryptoFailure, SigAlg};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The seed of the key of the logs of all worlds.
const SEED: [u8; 32] = [0x4c; 32];

/// The seed of the key of a log.
fn seed(of: &LogKey) -> [u8; 32] {
    of.info().map_or(SEED, |info| *hkdf_sha256(&SEED, b"", info.as_bytes()).expect("a seed"))
}

thread_local! {
    /// The ML-DSA-44 keys that were made, by their seeds.
    static MADE: RefCell<BTreeMap<[u8; 32], Rc<MlDsa44Key>>> = const { RefCell::new(BTreeMap::new()) };
}

fn ml_dsa_44(of: &LogKey) -> Rc<MlDsa44Key> {
    let seed = seed(of);
    let made = || Rc::new(MlDsa44Key::from_seed(&seed));
    MADE.with_borrow_mut(|all| all.entry(seed).or_insert_with(made).clone())
}

fn ed25519(of: &LogKey) -> Result<NativeKey, CryptoFailure> {
    NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.copy_from_slice(&seed(of)))
}

fn ed25519_public(of: &LogKey) -> Result<[u8; 32], CryptoFailure> {
    let spki = ed25519(of)?.spki_der()?;
    Ok(spki.last_chunk().copied().unwrap_or_default())
}

/// The public octets of a log's key; `None` where the platform lacks its algorithm.
pub(super) fn public(world: &World, of: &LogKey) -> Result<Option<Vec<u8>>, CryptoFailure> {
    match of.kind() {
        KeyKind::MlDsa44Cosignature if world.state.platform.lacks_ml_dsa.get() => Ok(None),
        KeyKind::MlDsa44Cosignature => Ok(Some(ml_dsa_44(of).public())),
        KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => Ok(Some(ed25519_public(of)?.to_vec())),
    }
}

/// Signs with the key of a log.
pub(super) fn sign(of: &LogKey, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
    match of.kind() {
        KeyKind::MlDsa44Cosignature => ml_dsa_44(of).sign(message),
        KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => ed25519(of)?.sign(SigAlg::Ed25519, message),
    }
}

impl World {
    /// The same CA with a transparency log for each issuer.
    pub fn with_log(&self) -> Self {
        let key = ed25519_public(&LogKey::Shared).expect("a public key");
        self.reconfigured(|settings| settings.log = Some(Log { key, entries: EntryReaders::Operators }))
    }

    /// Sets whether the platform signs with ML-DSA-44, as WebCrypto does with a compatibility flag.
    pub fn set_ml_dsa(&self, has: bool) {
        self.state.platform.lacks_ml_dsa.set(!has);
    }

    /// Adds certificates to the issuer's open log, many in a transaction. Alarms store their full tiles.
    pub fn fill_log(&self, bodies: impl IntoIterator<Item = Vec<u8>>) {
        let (ledger, mut bodies) = (format!("ledger/{}", self.issuer().id()), bodies.into_iter().peekable());
        while bodies.peek().is_some() {
            let batch: Vec<Vec<u8>> = bodies.by_ref().take(STEP * TILE).collect();
            let add = |txn: &mut Txn<'_, _>| {
                let mut log = OpenLog::default();
                batch.iter().try_for_each(|body| log.put(txn, Entry { kind: Kind::Certificate, body }).map(drop))
            };
            self.cell(&ledger).transact(add).expect("the leaves are stored");
            // The memory knows nothing of them.
            self.restart();
            self.run_due_alarms();
        }
        self.pass(TILING);
        self.run_due_alarms();
    }
}
