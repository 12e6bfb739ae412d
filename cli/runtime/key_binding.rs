//! `dev --key-binding`: issuers' keys bound as non-extractable keys.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use selvedge::pki::key;
use selvedge::values::native_crypto::NativeKey;
use zeroize::Zeroizing;

use super::capnp::Binding;
use crate::ceremony::webcrypto;

/// Binds every issuer's key file (`ISSUER_KEY`, `ISSUER_KEY_2`, …) as a key.
///
/// # Errors
/// When a file is unreadable, or not an issuer's key.
pub fn bind_keys(bindings: &mut BTreeMap<String, Binding>) -> Result<()> {
    for (name, binding) in bindings.iter_mut().filter(|(name, _)| name.starts_with("ISSUER_KEY")) {
        let Binding::File(file) = binding else { continue };
        let pem =
            Zeroizing::new(fs::read_to_string(&*file).with_context(|| format!("cannot read {}", file.display()))?);
        let key = NativeKey::from_pkcs8_pem(&pem).with_context(|| file.display().to_string())?;
        let algorithm = webcrypto(key::check_spki(&key.spki_der()?)?.kind())
            .with_context(|| format!("{name} has a key type that issuers do not support"))?;
        *binding = Binding::Key(file.clone(), algorithm.to_string());
    }
    Ok(())
}
