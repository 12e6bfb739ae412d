//! `dev --ca`: the keys of a CA that is kept, in place of the disposable ones.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use selvedge::pki::Issuer;
use selvedge::pki::ceremony;
use selvedge::values::{Time, b64};
use zeroize::Zeroizing;

use super::capnp::Binding;
use super::wrangler::Var;
use crate::keys::{CaFolder, NONCE_KEY, ROOT, issuer_file, setting};

/// A CA that is kept: its root, and what the Worker is told of it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The path of the root certificate, which those trust who trust its certificates.
    pub root: String,
    /// Variables and secrets of the Worker.
    pub bindings: BTreeMap<String, Binding>,
}

impl Kept {
    /// Reads the CA of a folder, and checks that each issuer has its key, and that the one that signs is valid.
    ///
    /// # Errors
    /// With what does not fit.
    pub fn read(dir: &Path, now: Time) -> Result<Self> {
        let folder = CaFolder::existing(dir)?;
        let slots = folder.slots()?;
        // Others may be over, or not valid yet: the Worker gets along with them.
        let active = slots.iter().filter(|slot| slot.from.is_none_or(|from| from <= now)).max_by_key(|slot| slot.from);
        let Some(active) = active.map(|slot| slot.number) else {
            bail!(
                "{} has no issuer that signs at present; make one with `selvedge init` or import it with `selvedge \
                 issuer import`",
                dir.display()
            );
        };
        let root = folder.need(ROOT)?;
        let mut bindings = BTreeMap::from([
            ("ROOT_CERTIFICATE".to_owned(), text(&root)),
            ("NONCE_KEY".to_owned(), Binding::File(folder.path(NONCE_KEY))),
        ]);
        for slot in slots {
            let (certificate, key) = (issuer_file(slot.number, "pem"), issuer_file(slot.number, "key"));
            let secret = Zeroizing::new(folder.need(&key)?);
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
        let nonce_key = Zeroizing::new(folder.need(NONCE_KEY)?);
        if b64::decode(nonce_key.trim_end()).map(Zeroizing::new).is_none_or(|key| key.len() != 32) {
            bail!("{} is not 32 bytes of unpadded base64url", folder.path(NONCE_KEY).display());
        }
        Ok(Self { root: folder.path(ROOT).display().to_string(), bindings })
    }
}

fn text(value: &str) -> Binding {
    Binding::Var(Var::Text(value.to_owned()))
}
