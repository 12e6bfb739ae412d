//! `dev --ca`: a persistent CA instead of the disposable one.
//!
//! It signs with stand-in issuers, or on request with its real keys. Reasons: every program of this machine can set DNS
//! records here, and the deployed CA's ledger has none of these certificates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::ca::config::issuers::MAX_ISSUERS;
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::{self, CertAndKey};
use selvedge::values::{Time, b64, hex};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::pki;
use crate::ceremony::{CaFolder, LOG_KEY, NONCE_KEY, PREVIOUS_NONCE_KEY, ROOT, ROOT_CRL, issuer_file, setting};
use crate::common::worker_config::Var;
use crate::runtime::capnp::Binding;
use crate::runtime::state::{Readers, State};

/// The keys that sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// The CA's real keys.
    Real,
    /// Throw-away ones below the root of the state folder.
    StandIn,
}

/// A persistent CA: its root and the Worker's bindings.
#[derive(Clone, Debug)]
pub struct KeptCa {
    /// The folder.
    pub dir: PathBuf,
    /// The path of the root certificate.
    pub root: String,
    /// The keys that sign.
    pub keys: Keys,
    /// The chain of the active issuer.
    pub active: String,
    /// Variables and secrets of the Worker.
    pub bindings: BTreeMap<String, Binding>,
}

fn check_nonce_key(folder: &CaFolder, name: &str) -> Result<()> {
    let key = Zeroizing::new(folder.require(name)?);
    if b64::decode_secret(key.trim_end()).map(Zeroizing::new).is_none_or(|key| key.len() != 32) {
        bail!("{} is not 32 bytes of unpadded base64url", folder.path(name).display());
    }
    Ok(())
}

impl KeptCa {
    /// Reads the CA of a folder. Checks that keys and chains match and the active issuer is valid.
    ///
    /// # Errors
    /// The mismatch.
    pub fn read(dir: &Path, now: Time) -> Result<Self> {
        let folder = CaFolder::existing(dir)?;
        let slots = folder.slots()?;
        // Others may be expired or not valid yet: the Worker accepts that.
        let active = slots.iter().filter(|slot| slot.from.is_none_or(|from| from <= now)).max_by_key(|slot| slot.from);
        let Some((active, chain)) = active.map(|slot| (slot.number, slot.chain.clone())) else {
            bail!(
                "{} has no active issuer; create one with `selvedge init` or import it with `selvedge issuer import`",
                dir.display()
            );
        };
        let root = folder.require(ROOT)?;
        let mut bindings = BTreeMap::from([
            ("ROOT_CERTIFICATE".to_owned(), text(&root)),
            ("NONCE_KEY".to_owned(), Binding::File(folder.path(NONCE_KEY))),
        ]);
        if let Some(list) = folder.read(ROOT_CRL)? {
            bindings.insert("ROOT_CRL".to_owned(), text(&list));
        }
        for slot in slots {
            let (certificate, key) = (issuer_file(slot.number, "pem"), issuer_file(slot.number, "key"));
            let secret = Zeroizing::new(folder.require(&key)?);
            ceremony::check_pair(&slot.chain, &secret).with_context(|| {
                format!("{} and {}", folder.path(&certificate).display(), folder.path(&key).display())
            })?;
            let named = || folder.path(&certificate).display().to_string();
            let issuer = Issuer::from_pem_chain(&slot.chain).with_context(named)?;
            if slot.number == active {
                issuer.check_time(now).with_context(named)?;
            }
            bindings.insert(setting("ISSUER_CHAIN", slot.number), text(&slot.chain));
            bindings.insert(setting("ISSUER_KEY", slot.number), Binding::File(folder.path(&key)));
            if let Some(from) = slot.from {
                bindings.insert(setting("ISSUER_ACTIVE_FROM", slot.number), text(&from.rfc3339()));
            }
        }
        check_nonce_key(&folder, NONCE_KEY)?;
        if folder.has(PREVIOUS_NONCE_KEY) {
            check_nonce_key(&folder, PREVIOUS_NONCE_KEY)?;
            bindings.insert("NONCE_KEY_PREVIOUS".to_owned(), Binding::File(folder.path(PREVIOUS_NONCE_KEY)));
        }
        if folder.has(LOG_KEY) {
            bindings.insert("LOG_KEY".to_owned(), Binding::File(folder.path(LOG_KEY)));
        }
        let root = folder.path(ROOT).display().to_string();
        Ok(Self { dir: dir.to_path_buf(), root, keys: Keys::Real, active: chain, bindings })
    }

    /// Replaces each issuer by a stand-in below `root`.
    ///
    /// A stand-in has the same name, kind of key, dates and constraints.
    /// It is created once and kept in the state folder.
    ///
    /// # Errors
    /// When they cannot be created or written.
    pub fn stand_in(self, state: &State, root: &CertAndKey) -> Result<Self> {
        state.set(SET).finish()?;
        let mut bindings = self.bindings.clone();
        let mut active = None;
        for slot in 1..=MAX_ISSUERS {
            let (chain, key) = (setting("ISSUER_CHAIN", slot), setting("ISSUER_KEY", slot));
            let Some(Binding::Var(Var::Text(real))) = self.bindings.get(&chain) else { continue };
            let name = stand_in_name(real, root);
            let (certificate, key_file) = (format!("{name}.pem"), format!("{name}.key"));
            let made = match state.read(&certificate)? {
                Some(made) => made,
                None => {
                    let made = ceremony::stand_in(root, real).with_context(|| {
                        format!("cannot create a stand-in for the issuer of {}", self.dir.display())
                    })?;
                    let files = [
                        (certificate.as_str(), made.certificate.as_str(), Readers::Everyone),
                        (key_file.as_str(), made.key.as_str(), Readers::Owner),
                    ];
                    state.set(SET).write(&files)?;
                    made.certificate
                }
            };
            if *real == self.active {
                active = Some(made.clone());
            }
            bindings.insert(chain, text(&made));
            bindings.insert(key, Binding::File(state.path(&key_file)));
        }
        bindings.insert("ROOT_CERTIFICATE".to_owned(), Binding::File(state.path(pki::ROOT)));
        // Another root signed it.
        bindings.remove("ROOT_CRL");
        bindings.insert("NONCE_KEY".to_owned(), Binding::File(state.path(pki::NONCE_KEY)));
        bindings.remove("NONCE_KEY_PREVIOUS");
        // Its log is that of the real issuers.
        bindings.remove("LOG_KEY");
        Ok(Self { keys: Keys::StandIn, active: active.unwrap_or_default(), bindings, ..self })
    }

    /// The notice at each start.
    pub fn notice(&self) -> String {
        let (dir, root) = (self.dir.display(), &self.root);
        match self.keys {
            Keys::StandIn => format!(
                "A trial of the CA in {dir}: issuers of the same names, kinds of keys and constraints sign, with throw-away \
                 keys\nbelow this state folder's root. They are not trusted by {root}."
            ),
            Keys::Real => format!(
                "WARNING: the keys of {dir} sign. Every program on this machine can get certificates here, for any \
                 name\nof those keys: clients that trust {root} trust them, but the CA has no record of them and \
                 cannot revoke \
                 them."
            ),
        }
    }
}

/// The file name of the stand-in for this chain below this root.
fn stand_in_name(real: &str, root: &CertAndKey) -> String {
    let digest = Sha256::new().chain_update(&root.certificate).chain_update(real).finalize();
    format!("stand-in-{}", hex::encode(digest.get(..8).unwrap_or_default()))
}

/// The name of the set in which a stand-in's files are written.
const SET: &str = "new-stand-in";

fn text(value: &str) -> Binding {
    Binding::Var(Var::Text(value.to_owned()))
}
