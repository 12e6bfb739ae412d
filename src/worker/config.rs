//! The configuration, read from vars and secrets and checked once per isolate.

use super::calls;
use super::crypto::{self, SigningKey, WebCrypto};
use super::js;
use super::log_keys::LogKeys;
use crate::ca::config::issuers::{Configured, name_of};
use crate::ca::config::log::{Log, unusable_key};
use crate::ca::config::settings::Settings;
use crate::ca::config::test_machine::profiles;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::hosted::HostedCas;
use crate::ca::runtime::memory::Memory;
use crate::pki::{Issuer, IssuerSlot, profile};
use crate::values::{SigAlg, Time, pem};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use worker::Env;
use worker::js_sys::{Date, JSON, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};

/// A usable configuration: each issuer's key is imported and matches its certificate.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The issuers' keys, by [`Issuer::id`](crate::pki::Issuer::id).
    pub issuer_keys: HashMap<String, SigningKey>,
    /// The keys of the transparency logs, if there are logs.
    pub log_keys: Option<LogKeys>,
    /// The caches and counters of this isolate.
    pub memory: Memory,
    /// The test CAs that this isolate knows.
    pub hosted_cas: HostedCas,
}

/// The configuration, shared within an isolate.
pub type SharedConfig = Rc<Loaded>;

/// The optional service binding for RESOLVER_URL, for resolvers outside the Worker's own network.
const RESOLVER_SERVICE: &str = "RESOLVER_SERVICE";

thread_local! {
    static LOADED: RefCell<Option<SharedConfig>> = const { RefCell::new(None) };
}

/// The current time.
pub fn now() -> Time {
    Time::from_millis(Date::now() as u64)
}

/// Gives the isolate's configuration, loading it once.
///
/// Concurrent first requests each load it, because the platform forbids one to await a future of the other.
///
/// # Errors
/// A sentence for the operator: the missing or mismatched setting.
pub async fn load(env: &Env) -> Result<SharedConfig, String> {
    if let Some(loaded) = LOADED.with_borrow(Clone::clone) {
        return Ok(loaded);
    }
    let loaded = Rc::new(read(env).await?);
    for problem in &loaded.settings.problems {
        worker::console_error!("configuration: {problem}");
    }
    // Of two loaded concurrently the first is kept, with its memory.
    Ok(LOADED.with_borrow_mut(|slot| slot.get_or_insert(loaded).clone()))
}

/// Reads the configuration and imports the issuers' keys.
///
/// An issuer with an unusable key or chain is left out while another can sign.
async fn read(env: &Env) -> Result<Loaded, String> {
    let value = |name: &str| text_of(env, name);
    if let Some(profiles) = profiles(&value)? {
        profile::install(profiles);
    }
    let mut settings = Settings::read(&value, now())?;
    if let Some(jurisdiction) = &settings.jurisdiction {
        calls::keep_within(env, jurisdiction)?;
    }
    let configured = Configured { issuers: settings.issuers, problems: settings.problems };
    let Configured { issuers, problems } = configured.by_signature(now(), &WebCrypto).await;
    settings.issuers = issuers;
    settings.problems = problems;
    let mut issuer_keys = HashMap::new();
    let slots: Vec<IssuerSlot> = settings.issuers.slots().cloned().collect();
    for slot in slots {
        match key_of(env, &settings, &slot).await {
            Ok(Some(key)) => {
                issuer_keys.insert(slot.issuer.id().to_owned(), key);
            }
            Ok(None) => settings.problems.push(keyless(slot.number)),
            Err(reason) => {
                let configured = Configured { issuers: settings.issuers, problems: settings.problems };
                let Configured { issuers, problems } = configured.without(slot.number, reason, now())?;
                settings.issuers = issuers;
                settings.problems = problems;
            }
        }
    }
    if let (Some(list), Some(root)) = (&settings.root_list, &settings.root)
        && list.is_by(root, &WebCrypto).await != Ok(true)
    {
        settings.problems.push("ROOT_CRL is not signed by the key of ROOT_CERTIFICATE, and not published.".to_owned());
        settings.root_list = None;
    }
    let resolver = js::member(env, RESOLVER_SERVICE);
    if resolver.is_object() {
        js::reach_by(&settings.resolver, resolver.unchecked_into());
    }
    let log_keys = log_keys(env).await?;
    if let Some(keys) = &log_keys {
        settings.log = Some(Log::read(&value, keys.shared_public())?);
    }
    Ok(Loaded { settings, issuer_keys, log_keys, memory: Memory::default(), hosted_cas: HostedCas::default() })
}

/// Reads the configuration while the isolate starts, and drops it.
///
/// V8 then compiles there what reads it: two thirds of what a cold isolate would compile for its first request. It is
/// read again for that request, because no time is known before, and signatures cannot be checked. See
/// docs/PERFORMANCE.md.
pub fn rehearse() {
    js::ENV.with(|env| {
        let value = |name: &str| text_of(env, name);
        let issuer = value(&name_of("ISSUER_CHAIN", 1)).and_then(|chain| Issuer::in_use(&chain).ok());
        if let Some(issuer) = issuer {
            // What is wrong is said when the configuration is used.
            drop(Settings::read(&value, issuer.not_before()));
        }
    });
}

/// Whether `MODE` is `dev`, read before the rest of the configuration.
pub fn is_dev(env: &Env) -> bool {
    text_of(env, "MODE").as_deref() == Some("dev")
}

/// The text of a variable or secret; `None` if unset or empty.
///
/// For a variable of another type (a table of `wrangler.toml`, a number, `true`) its JSON.
pub fn text_of(env: &JsValue, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if value.is_undefined() || value.is_null() {
        return None;
    }
    let text = value.as_string().or_else(|| JSON::stringify(&value).ok()?.as_string())?;
    (!text.is_empty()).then_some(text)
}

/// Imports the key of the transparency logs.
async fn log_keys(env: &Env) -> Result<Option<LogKeys>, String> {
    match text_of(env, "LOG_KEY") {
        Some(text) => apart(import_log_key(&text)).await.map(Some),
        None => Ok(None),
    }
}

async fn import_log_key(text: &str) -> Result<LogKeys, String> {
    let block = pem::private_key(text).map_err(|fault| unusable_key(&fault.to_string()))?;
    if block.label() != "PRIVATE KEY" {
        return Err(unusable_key(&format!("it is a PEM {:?}", block.label())));
    }
    let der = block.der().map_err(|fault| unusable_key(&fault.to_string()))?;
    LogKeys::import(&der).await.map_err(|_| unusable_key("it is no Ed25519 key"))
}

/// Imports an issuer's key and checks it, by a signature, against the certificate and chains.
///
/// `None` without a key while the CA is closed: what was issued can be restored and read without it.
async fn key_of(env: &Env, settings: &Settings, slot: &IssuerSlot) -> Result<Option<SigningKey>, String> {
    let (chain, name) = (name_of("ISSUER_CHAIN", slot.number), name_of("ISSUER_KEY", slot.number));
    let chains = slot.issuer.check_chains(&WebCrypto).await;
    chains.map_err(|fault| format!("{chain} or its alternate chains cannot be used: {fault}."))?;
    if settings.closed && js::member(env, &name).is_undefined() {
        return Ok(None);
    }
    let key = find_key(env, &name, slot.issuer.algorithm()).await?;
    let probe = b"selvedge: does this key belong to this certificate?";
    let signature = key.sign(probe).await.map_err(|e| format!("{name} does not sign: {e}"))?;
    let fits = async |spki: &[u8]| crypto::verify(slot.issuer.algorithm(), spki, probe, &signature).await;
    let failed = |e: crate::values::CryptoFailure| e.to_string();
    if fits(slot.issuer.public_key().spki_der()).await.map_err(failed)? {
        return Ok(Some(key));
    }
    if let Some(root) = &settings.root
        && fits(root.spki_der()).await.map_err(failed)?
    {
        return Err(format!(
            "{name} is the key of the ROOT. It has to stay offline: delete the secret at once (`wrangler secret delete \
             {name}`), set the issuer's key instead, and see docs/OPERATIONS.md about a root key that was in the cloud."
        ));
    }
    Err(mismatch(&name, &chain))
}

/// The problem of a closed CA without the key of this issuer.
fn keyless(number: u8) -> String {
    let name = name_of("ISSUER_KEY", number);
    format!("{name} is not set. This CA is closed, so it starts without, and signs nothing by that issuer.")
}

fn mismatch(name: &str, chain: &str) -> String {
    format!("{name} is not the key of the first certificate in {chain}. Set both from the same ceremony.")
}

/// Finds a key: a key binding of the platform, or a PKCS#8 PEM text.
///
/// # Errors
/// A sentence for the operator: the missing or unusable key.
pub async fn find_key(env: &Env, name: &str, algorithm: SigAlg) -> Result<SigningKey, String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED);
    if js::is_crypto_key(&value) {
        return SigningKey::bound(value, algorithm).map_err(|why| format!("{name} cannot be used: {why}."));
    }
    let text = text_of(env, name).ok_or_else(|| Settings::missing(name))?;
    let unreadable = |what: &dyn core::fmt::Display| {
        format!("{name} cannot be read: {what}. It has to be a PKCS#8 private key, \"PRIVATE KEY\", in PEM.")
    };
    let block = pem::private_key(&text).map_err(|fault| unreadable(&fault))?;
    let label = block.label();
    if label != "PRIVATE KEY" {
        let encrypted = if label.starts_with("ENCRYPTED") {
            " An encrypted key is the root's, as a rule: never put that here."
        } else {
            ""
        };
        return Err(format!(
            "{name} is a PEM \"{label}\"; it has to be an unencrypted PKCS#8 \"PRIVATE KEY\".{encrypted}"
        ));
    }
    let other = |_| {
        format!(
            "{name} is no {algorithm:?} key, which the first certificate of its chain has. Set both from the same ceremony."
        )
    };
    let der = block.der().map_err(|fault| unreadable(&fault))?;
    SigningKey::import(&der, algorithm).await.map_err(other)
}
