//! The keys of transparency logs, all made of `LOG_KEY`.

use super::crypto::{ML_DSA_44, failure};
use super::js::{self, SUBTLE};
use crate::ca::config::log::LogKey;
use crate::tlog::note::KeyKind;
use crate::values::{CryptoFailure, b64};
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

/// The DER before the seed of an ML-DSA-44 key ([RFC 9881 §6](https://www.rfc-editor.org/rfc/rfc9881#section-6)).
const ML_DSA_44_PKCS8: [u8; 22] = [
    0x30, 0x34, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x11, 0x04,
    0x22, 0x80, 0x20,
];

/// Length of a seed, in bits.
const SEED_BITS: u32 = 256;

/// Capacity of the cache of own keys.
const CACHED_KEYS: usize = 32;

/// A private key that cannot be exported, with its public octets.
struct Pair {
    parameters: JsValue,
    key: JsValue,
    public: Vec<u8>,
}

impl Pair {
    /// Imports a key of an algorithm, whose public octets are this member of its JWK.
    ///
    /// Returns also the JWK.
    async fn import(pkcs8: &[u8], name: &str, public: &str) -> Result<(Self, JsValue), CryptoFailure> {
        let parameters = named(name)?;
        let import = async |extractable| {
            let usages = usages("sign");
            let asked = SUBTLE.with(|subtle| subtle.import_key("pkcs8", pkcs8, &parameters, extractable, &usages));
            js::answer(asked).await.map_err(|e| failure(&e))
        };
        let exported = import(true).await?;
        let asked = SUBTLE.with(|subtle| subtle.export_key("jwk", &exported));
        let jwk = js::answer(asked).await.map_err(|e| failure(&e))?;
        let (key, public) = (import(false).await?, octets(&jwk, public)?);
        Ok((Self { parameters, key, public }, jwk))
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        let asked = SUBTLE.with(|subtle| subtle.sign(&self.parameters, &self.key, message));
        js::buffer(asked).await.map_err(|e| failure(&e))
    }
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
        let (shared, jwk) = Pair::import(pkcs8, "Ed25519", "x").await?;
        let (seed, parameters, usages) = (Zeroizing::new(octets(&jwk, "d")?), named("HKDF")?, usages("deriveBits"));
        let asked = SUBTLE.with(|subtle| subtle.import_key("raw", &seed, &parameters, false, &usages));
        let secret = js::answer(asked).await.map_err(|e| failure(&e))?;
        Ok(Self { shared, secret, own: RefCell::default() })
    }

    /// The public octets of `LOG_KEY` itself.
    pub fn shared_public(&self) -> [u8; 32] {
        self.shared.public.first_chunk().copied().unwrap_or_default()
    }

    /// Returns the public octets of a key. `None` for ML-DSA-44 without its compatibility flag.
    ///
    /// # Errors
    /// WebCrypto fails.
    pub async fn public(&self, key: &LogKey) -> Result<Option<Vec<u8>>, CryptoFailure> {
        if key.kind() == KeyKind::MlDsa44Cosignature && !js::has_modern_algorithms() {
            return Ok(None);
        }
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
            None => self.shared.sign(message).await,
            Some(own) => own.sign(message).await,
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

    async fn derived(&self, kind: KeyKind, info: &str) -> Result<Pair, CryptoFailure> {
        let members = [
            ("name", JsValue::from_str("HKDF")),
            ("hash", JsValue::from_str("SHA-256")),
            ("salt", js::bytes(&[])),
            ("info", js::bytes(info.as_bytes())),
        ];
        let parameters = js::object(&members).map_err(|e| failure(&e))?;
        let asked = SUBTLE.with(|subtle| subtle.derive_bits(&parameters, &self.secret, SEED_BITS));
        let seed = Zeroizing::new(js::buffer(asked).await.map_err(|e| failure(&e))?);
        let (header, name, public): (&[u8], _, _) = match kind {
            KeyKind::Ed25519 | KeyKind::Ed25519Cosignature => (&ED25519_PKCS8, "Ed25519", "x"),
            KeyKind::MlDsa44Cosignature => (&ML_DSA_44_PKCS8, ML_DSA_44, "pub"),
        };
        let pkcs8 = Zeroizing::new([header, &seed].concat());
        Pair::import(&pkcs8, name, public).await.map(|(pair, _)| pair)
    }
}

/// The octets of a member of a JWK.
fn octets(jwk: &JsValue, name: &str) -> Result<Vec<u8>, CryptoFailure> {
    let octets = js::member(jwk, name).as_string().and_then(|text| b64::decode(&text));
    octets.ok_or_else(|| CryptoFailure(format!("the key has no part {name}")))
}

fn named(name: &str) -> Result<JsValue, CryptoFailure> {
    js::object(&[("name", JsValue::from_str(name))]).map_err(|e| failure(&e))
}

fn usages(usage: &str) -> Array {
    [JsValue::from_str(usage)].iter().collect()
}
