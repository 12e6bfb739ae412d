//! The configuration: read from vars and secrets, checked once per isolate.

use super::SharedConfig;
use super::crypto::{self, SigningKey, WebCrypto};
use crate::ca::memory::Memory;
use crate::ca::settings::Settings;
use crate::values::Time;
use std::cell::RefCell;
use std::rc::Rc;
use worker::Env;
use worker::js_sys::{Date, JSON, Reflect};
use worker::wasm_bindgen::JsValue;

/// The configuration, usable: the issuer's key is imported and known to be the one in its certificate.
pub struct Loaded {
    /// What was configured.
    pub settings: Settings,
    /// The issuer's key.
    pub issuer_key: SigningKey,
    /// What is counted in this isolate.
    pub memory: Memory,
}

thread_local! {
    static LOADED: RefCell<Option<SharedConfig>> = const { RefCell::new(None) };
}

/// The present.
pub fn now() -> Time {
    Time::from_millis(Date::now() as u64)
}

/// The isolate's configuration.
///
/// Two requests that come first both load it: one must never wait for a future of the other, which the platform
/// forbids.
///
/// # Errors
/// A sentence for the operator: what is missing or does not fit.
pub async fn load(env: &Env) -> Result<SharedConfig, String> {
    if let Some(loaded) = LOADED.with_borrow(Clone::clone) {
        return Ok(loaded);
    }
    let value = |name: &str| text_of(env, name);
    let settings = Settings::read(&value, now())?;
    let chains = settings.issuer.check_signatures(&WebCrypto).await;
    chains.map_err(|fault| format!("ISSUER_CHAIN or ALTERNATE_CHAINS cannot be used: {fault}."))?;
    let pem = value("ISSUER_KEY").ok_or_else(|| Settings::missing("ISSUER_KEY"))?;
    let issuer_key = import(&settings, &pem).await?;
    let loaded = Rc::new(Loaded { settings, issuer_key, memory: Memory::default() });
    // One of two that loaded it at the same time is kept, for its memory.
    Ok(LOADED.with_borrow_mut(|slot| slot.get_or_insert(loaded).clone()))
}

/// The text of a variable or secret; of a variable that is no text (a table of `wrangler.toml`, a number, `true`) its
/// JSON. `None` where it is not set, or empty.
fn text_of(env: &Env, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if value.is_undefined() || value.is_null() {
        return None;
    }
    let text = value.as_string().or_else(|| JSON::stringify(&value).ok()?.as_string())?;
    (!text.is_empty()).then_some(text)
}

/// Imports the issuer's key and proves, by a signature, that it is the one in the issuer's certificate.
async fn import(settings: &Settings, pem: &str) -> Result<SigningKey, String> {
    let algorithm = settings.issuer.algorithm();
    let (label, der) = der::pem::decode_vec(pem.trim().as_bytes())
        .map_err(|e| format!("ISSUER_KEY is not PEM ({e}). It has to be a PKCS#8 private key."))?;
    if label != "PRIVATE KEY" {
        return Err(format!("ISSUER_KEY is a PEM \"{label}\"; it has to be an unencrypted PKCS#8 \"PRIVATE KEY\"."));
    }
    let mismatch =
        "ISSUER_KEY is not the key of the first certificate in ISSUER_CHAIN. Set both from the same ceremony.";
    let key = SigningKey::import(&der, algorithm).await.map_err(|_| mismatch.to_owned())?;
    let probe = b"selvedge: does this key belong to this certificate?";
    let signature = key.sign(probe).await.map_err(|e| e.to_string())?;
    let spki = settings.issuer.public_key().spki_der();
    match crypto::verify(algorithm, spki, probe, &signature).await {
        Ok(true) => Ok(key),
        Ok(false) => Err(mismatch.to_owned()),
        Err(e) => Err(e.to_string()),
    }
}
