//! `dev --ca`: issuers like those of a CA that is kept, or with an explicit word its own, in place of the disposable one.
//!
//! Whoever runs programs on this machine can set DNS records here, and what is signed stands in no ledger of the CA that is
//! deployed: so its keys are not used unless that was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use selvedge::ca::authority::PLACES;
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::{self, CertAndKey};
use selvedge::values::{Time, b64};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::capnp::Binding;
use super::pki;
use super::state::{Readers, State};
use crate::ceremony::{CaFolder, NONCE_KEY, ROOT, ROOT_CRL, issuer_file, setting};
use crate::common::worker_config::Var;

/// Whose keys sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Those of the CA.
    Real,
    /// Throw-away ones below the root of the state folder.
    StandIn,
}

/// A CA that is kept: its root, and what the Worker is told of it.
#[derive(Clone, Debug)]
pub struct KeptCa {
    /// The folder.
    pub dir: PathBuf,
    /// The path of the root certificate, which those trust who trust its certificates.
    pub root: String,
    /// Whose keys sign.
    pub keys: Keys,
    /// The chain of the issuer that signs at present.
    pub active: String,
    /// Variables and secrets of the Worker.
    pub bindings: BTreeMap<String, Binding>,
}

impl KeptCa {
    /// Reads the CA of a folder, and checks that each issuer has its key, and that the one that signs is valid.
    ///
    /// # Errors
    /// With what does not fit.
    pub fn read(dir: &Path, now: Time) -> Result<Self> {
        let folder = CaFolder::existing(dir)?;
        let slots = folder.slots()?;
        // Others may be over, or not valid yet: the Worker gets along with them.
        let active = slots.iter().filter(|slot| slot.from.is_none_or(|from| from <= now)).max_by_key(|slot| slot.from);
        let Some((active, chain)) = active.map(|slot| (slot.number, slot.chain.clone())) else {
            bail!(
                "{} has no issuer that signs at present; make one with `selvedge init` or import it with `selvedge \
                 issuer import`",
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
                bindings.insert(setting("ISSUER_FROM", slot.number), text(&from.rfc3339()));
            }
        }
        let nonce_key = Zeroizing::new(folder.require(NONCE_KEY)?);
        if b64::decode(nonce_key.trim_end()).map(Zeroizing::new).is_none_or(|key| key.len() != 32) {
            bail!("{} is not 32 bytes of unpadded base64url", folder.path(NONCE_KEY).display());
        }
        let root = folder.path(ROOT).display().to_string();
        Ok(Self { dir: dir.to_path_buf(), root, keys: Keys::Real, active: chain, bindings })
    }

    /// The same with issuers in the place of each, of the same names, kinds of keys, dates and constraints, below `root`. They
    /// are made once and kept in the state folder, with the other secrets.
    ///
    /// # Errors
    /// When they cannot be made, or written.
    pub fn stand_in(self, state: &State, root: &CertAndKey) -> Result<Self> {
        state.set(SET).finish()?;
        let mut bindings = self.bindings.clone();
        let mut active = None;
        for slot in 1..=PLACES {
            let (chain, key) = (setting("ISSUER_CHAIN", slot), setting("ISSUER_KEY", slot));
            let Some(Binding::Var(Var::Text(real))) = self.bindings.get(&chain) else { continue };
            let name = stand_in_name(real, root);
            let (certificate, key_file) = (format!("{name}.pem"), format!("{name}.key"));
            let made = match state.read(&certificate)? {
                Some(made) => made,
                None => {
                    let made = ceremony::stand_in(root, real)
                        .with_context(|| format!("cannot make an issuer like the one of {}", self.dir.display()))?;
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
        // It is signed by another root.
        bindings.remove("ROOT_CRL");
        bindings.insert("NONCE_KEY".to_owned(), Binding::File(state.path(pki::NONCE_KEY)));
        Ok(Self { keys: Keys::StandIn, active: active.unwrap_or_default(), bindings, ..self })
    }

    /// What has to be known of it at each start.
    pub fn notice(&self) -> String {
        let (dir, root) = (self.dir.display(), &self.root);
        match self.keys {
            Keys::StandIn => format!(
                "A trial of the CA in {dir}: issuers of the same names, kinds of keys and constraints sign, with throw-away \
                 keys\nbelow this state folder's root. Who trusts {root} trusts nothing of it."
            ),
            Keys::Real => format!(
                "WARNING: the keys of {dir} sign. Every program of this machine can have certificates here, for whatever \
                 name\nthose keys are good for: all who trust {root} trust them, no record of the CA has them, and it cannot \
                 revoke them."
            ),
        }
    }
}

/// The name of the files of what stands in for this chain below this root.
fn stand_in_name(real: &str, root: &CertAndKey) -> String {
    let digest = Sha256::new().chain_update(&root.certificate).chain_update(real).finalize();
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("stand-in-{hex}")
}

/// The name under which the files of one that stands in are written together.
const SET: &str = "new-stand-in";

fn text(value: &str) -> Binding {
    Binding::Var(Var::Text(value.to_owned()))
}
