//! The keys of transparency logs, all made of `LOG_KEY`.

use super::crypto::{SigningKey, failure};
use super::js::{self, SUBTLE};
use crate::ca::config::log::LogKey;
use crate::tlog::note::KeyKind;
use crate::values::{CryptoFailure, SigAlg, b64};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use worker::js_sys::Array;
use worker::wasm_bindgen;
use zeroize::Zeroizing;

/// The DER before the seed of an Ed25519 key ([RFC 8410 §7](https://www.rfc-editor.org/rfc/rfc8410#section-7)).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// Length of a seed, in bits.
const SEED_BITS: u32 = 256;

/// Capacity of the cache of own keys.
const CACHED_KEYS: usize = 32;

/// A private key with its public octets.
struct Pair {
    key: SigningKey,
    public: Vec<u8>,
}

/// The keys of transparency logs.
pub struct LogKeys {
    shared: Pair,
    /// The seed of `LOG_KEY`, as a key for HKDF that cannot be exported.
    secret: JsValue,
    own: RefCell<HashMap<String, Rc<Pair>>>,
}

impl LogKeys {
    /// Imports `LOG_KEY`.
    ///
    /// # Errors
    /// WebCrypto refuses the key.
    pub async fn import(pkcs8: &[u8]) -> Result<Self, CryptoFailure> {
        let (public, seed) = parts(pkcs8).await?;
        let key = SigningKey::import(pkcs8, SigAlg::Ed25519).await?;
        let asked =
            SUBTLE.with(|subtle| subtle.import_key("raw", &seed, &named("HKDF")?, false, &usages("deriveBits")));
        let secret = js::answer(asked).await.map_err(|e| failure(&e))?;
        Ok(Self { shared: Pair { key, public }, secret, own: RefCell::default() })
    }

    /// The public octets of `LOG_KEY` itself.
    pub fn shared_public(&self) -> [u8; 32] {
        self.shared.public.first_chunk().copied().unwrap_or_default()
    }

    /// Returns the public octets of a key.
    ///
    /// # Errors
    /// WebCrypto fails.
    pub async fn public(&self, key: &LogKey) -> Result<Option<Vec<u8>>, CryptoFailure> {
        match self.own(key).await? {
            None => Ok(Some(self.shared.public.clone())),
            Some(own) => Ok(Some(own.public.clone())),
        }
    }

    /// Signs with a key.
    ///
    /// # Errors
    /// WebCrypto fails.
    pub async fn sign(&self, key: &LogKey, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        match self.own(key).await? {
            None => self.shared.key.sign(message).await,
            Some(own) => own.key.sign(message).await,
        }
    }

    /// Returns an own key; `None` for the shared one.
    async fn own(&self, key: &LogKey) -> Result<Option<Rc<Pair>>, CryptoFailure> {
        let Some(info) = key.info() else { return Ok(None) };
        let known = self.own.borrow().get(&info).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let made = Rc::new(self.derived(key.kind(), &info).await?);
        let mut own = self.own.borrow_mut();
        if own.len() >= CACHED_KEYS {
            own.clear();
        }
        own.insert(info, made.clone());
        Ok(Some(made))
    }

    async fn derived(&self, _kind: KeyKind, info: &str) -> Result<Pair, CryptoFailure> {
        let members = [
            ("name", JsValue::from_str("HKDF")),
            ("hash", JsValue::from_str("SHA-256")),
            ("salt", js::bytes(&[])),
            ("info", js::bytes(info.as_bytes())),
        ];
        let parameters = js::object(&members).map_err(|e| failure(&e))?;
        let asked = SUBTLE.with(|subtle| subtle.derive_bits(&parameters, &self.secret, SEED_BITS));
        let seed = Zeroizing::new(js::buffer(asked).await.map_err(|e| failure(&e))?);
        let pkcs8 = Zeroizing::new([&ED25519_PKCS8[..], &seed].concat());
        let (public, _) = parts(&pkcs8).await?;
        Ok(Pair { key: SigningKey::import(&pkcs8, SigAlg::Ed25519).await?, public })
    }
}

/// The public octets and the seed of an Ed25519 key.
async fn parts(pkcs8: &[u8]) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CryptoFailure> {
    let asked = SUBTLE.with(|subtle| subtle.import_key("pkcs8", pkcs8, &named("Ed25519")?, true, &usages("sign")));
    let key = js::answer(asked).await.map_err(|e| failure(&e))?;
    let asked = SUBTLE.with(|subtle| subtle.export_key("jwk", &key));
    let jwk = js::answer(asked).await.map_err(|e| failure(&e))?;
    let part = |name: &str| {
        let octets = js::member(&jwk, name).as_string().and_then(|text| b64::decode(&text));
        octets.ok_or_else(|| CryptoFailure(format!("the key has no part {name}")))
    };
    Ok((part("x")?, Zeroizing::new(part("d")?)))
}

fn named(name: &str) -> Result<JsValue, JsValue> {
    js::object(&[("name", JsValue::from_str(name))])
}

fn usages(usage: &str) -> Array {
    [JsValue::from_str(usage)].iter().collect()
}
