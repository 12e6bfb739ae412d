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
use crate::keys::{CaFolder, FIRST, NONCE_KEY, ROOT, issuer_file, setting};

/// A CA that is kept: its root, and what the Worker is told of it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The path of the root certificate, which those trust who trust its certificates.
    pub root: String,
    /// Variables and secrets of the Worker.
    pub bindings: BTreeMap<String, Binding>,
}

impl Kept {
    /// Reads the CA of a folder, and checks that each issuer has its key and is not over.
    ///
    /// # Errors
    /// With what does not fit.
    pub fn read(dir: &Path, now: Time) -> Result<Self> {
        let folder = CaFolder::existing(dir)?;
        let slots = folder.slots()?;
        if slots.first().is_none_or(|slot| slot.number != FIRST) {
            let wanted = folder.path(&issuer_file(FIRST, "pem"));
            bail!(
                "there is no {}: the CA's first issuer is missing; make one with `selvedge init` or import it with \
                 `selvedge issuer import`",
                wanted.display()
            );
        }
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
            let issuer = Issuer::from_pem_chain(&slot.chain);
            let checked = issuer.and_then(|issuer| issuer.check_time(now));
            checked.with_context(|| folder.path(&certificate).display().to_string())?;
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
