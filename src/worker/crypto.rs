//! Signatures by WebCrypto: fast, with private keys outside of the module's memory.

use super::js::{self, SUBTLE};
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::NewKey;
use crate::pki::test_hierarchy::ALGORITHM;
use crate::values::{CryptoFailure, SigAlg, Verify};
use std::cell::RefCell;
use std::collections::HashMap;
use wasm_bindgen::JsValue;
use worker::wasm_bindgen;

/// Capacity of the cache of imported public keys.
///
/// An isolate may host many partitions, each with one account key.
const CACHED_KEYS: usize = 256;

/// WebCrypto's name of ML-DSA-44.
pub const ML_DSA_44: &str = "ML-DSA-44";

thread_local! {
    static PARAMETERS: RefCell<HashMap<SigAlg, JsValue>> = RefCell::new(HashMap::new());
    static KEYS: RefCell<HashMap<(SigAlg, Vec<u8>), JsValue>> = RefCell::new(HashMap::new());
}

pub(super) fn failure(error: &JsValue) -> CryptoFailure {
    CryptoFailure(js::text(error))
}

/// WebCrypto's parameters for importing and using a key of an algorithm, cached.
fn parameters(alg: SigAlg) -> Result<JsValue, CryptoFailure> {
    if let Some(known) = PARAMETERS.with_borrow(|all| all.get(&alg).cloned()) {
        return Ok(known);
    }
    let made = make_parameters(alg)?;
    PARAMETERS.with_borrow_mut(|all| all.insert(alg, made.clone()));
    Ok(made)
}

fn make_parameters(alg: SigAlg) -> Result<JsValue, CryptoFailure> {
    let (name, curve, hash) = match alg {
        SigAlg::Es256 => ("ECDSA", Some("P-256"), Some("SHA-256")),
        SigAlg::EcP256Sha384 => ("ECDSA", Some("P-256"), Some("SHA-384")),
        SigAlg::EcP256Sha512 => ("ECDSA", Some("P-256"), Some("SHA-512")),
        SigAlg::Es384 => ("ECDSA", Some("P-384"), Some("SHA-384")),
        SigAlg::EcP384Sha256 => ("ECDSA", Some("P-384"), Some("SHA-256")),
        SigAlg::EcP384Sha512 => ("ECDSA", Some("P-384"), Some("SHA-512")),
        SigAlg::Rs256 => ("RSASSA-PKCS1-v1_5", None, Some("SHA-256")),
        SigAlg::Rs384 => ("RSASSA-PKCS1-v1_5", None, Some("SHA-384")),
        SigAlg::Rs512 => ("RSASSA-PKCS1-v1_5", None, Some("SHA-512")),
        SigAlg::Ps256 => ("RSA-PSS", None, Some("SHA-256")),
        SigAlg::Ps384 => ("RSA-PSS", None, Some("SHA-384")),
        SigAlg::Ps512 => ("RSA-PSS", None, Some("SHA-512")),
        SigAlg::Ed25519 => ("Ed25519", None, None),
    };
    let mut members = vec![("name", JsValue::from_str(name))];
    members.extend(curve.map(|curve| ("namedCurve", JsValue::from_str(curve))));
    members.extend(hash.map(|hash| ("hash", JsValue::from_str(hash))));
    // As long as the hash (RFC 8446 §4.2.3).
    let salt = match alg {
        SigAlg::Ps256 => Some(32),
        SigAlg::Ps384 => Some(48),
        SigAlg::Ps512 => Some(64),
        _ => None,
    };
    members.extend(salt.map(|bytes| ("saltLength", JsValue::from_f64(f64::from(bytes)))));
    js::object(&members).map_err(|e| failure(&e))
}

async fn import(format: &str, der: &[u8], alg: SigAlg, usage: &str) -> Result<JsValue, JsValue> {
    let parameters = parameters(alg).map_err(|e| JsValue::from_str(&e.0))?;
    let usages: worker::js_sys::Array = [JsValue::from_str(usage)].iter().collect();
    js::answer(SUBTLE.with(|subtle| subtle.import_key(format, der, &parameters, false, &usages))).await
}

/// Makes a key pair of test CAs, which their partition stores.
///
/// # Errors
/// WebCrypto fails.
pub async fn new_key() -> Result<NewKey, CryptoFailure> {
    let parameters = parameters(ALGORITHM)?;
    let usages: worker::js_sys::Array = ["sign", "verify"].into_iter().map(JsValue::from_str).collect();
    let made = js::answer(SUBTLE.with(|subtle| subtle.generate_key(&parameters, true, &usages))).await;
    let made = made.map_err(|e| failure(&e))?;
    let export = async |format: &str, key: &str| {
        let asked = SUBTLE.with(|subtle| subtle.export_key(format, &js::member(&made, key)));
        js::buffer(asked).await.map_err(|e| failure(&e))
    };
    Ok(NewKey { pkcs8: export("pkcs8", "privateKey").await?, spki: export("spki", "publicKey").await? })
}

/// Verification by WebCrypto without the other ports.
pub struct WebCrypto;

impl Verify for WebCrypto {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], sig: &[u8]) -> Result<bool, CryptoFailure> {
        verify(alg, spki, message, sig).await
    }

    async fn verify_ml_dsa_44(&self, key: &[u8], message: &[u8], sig: &[u8]) -> Result<Option<bool>, CryptoFailure> {
        apart(verify_ml_dsa_44(key, message, sig)).await
    }
}

/// Checks a signature; see [`crate::values::Verify`].
///
/// # Errors
/// WebCrypto fails.
pub async fn verify(alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
    let cached = KEYS.with_borrow(|keys| keys.get(&(alg, spki.to_vec())).cloned());
    let key = match cached {
        Some(key) => key,
        None => {
            // A key that WebCrypto refuses verifies no signature.
            let Ok(key) = import("spki", spki, alg, "verify").await else { return Ok(false) };
            remember(alg, spki, &key);
            key
        }
    };
    let parameters = parameters(alg)?;
    let asked = SUBTLE.with(|subtle| subtle.verify(&parameters, &key, signature, message));
    let holds = js::answer(asked).await.map_err(|e| failure(&e))?;
    Ok(holds.is_truthy())
}

/// Checks a signature; see [`crate::values::Verify::verify_ml_dsa_44`].
///
/// # Errors
/// WebCrypto fails.
pub async fn verify_ml_dsa_44(key: &[u8], message: &[u8], signature: &[u8]) -> Result<Option<bool>, CryptoFailure> {
    if !js::has_modern_algorithms() {
        return Ok(None);
    }
    let parameters = js::object(&[("name", JsValue::from_str(ML_DSA_44))]).map_err(|e| failure(&e))?;
    let usages: worker::js_sys::Array = [JsValue::from_str("verify")].iter().collect();
    let asked = SUBTLE.with(|subtle| subtle.import_key("raw-public", key, &parameters, false, &usages));
    // A key that WebCrypto refuses verifies no signature.
    let Ok(key) = js::answer(asked).await else { return Ok(Some(false)) };
    let asked = SUBTLE.with(|subtle| subtle.verify(&parameters, &key, signature, message));
    let holds = js::answer(asked).await.map_err(|e| failure(&e))?;
    Ok(Some(holds.is_truthy()))
}

fn remember(alg: SigAlg, spki: &[u8], key: &JsValue) {
    KEYS.with_borrow_mut(|keys| {
        if keys.len() >= CACHED_KEYS {
            keys.clear();
        }
        keys.insert((alg, spki.to_vec()), key.clone());
    });
}

/// A private key that cannot be exported.
#[derive(Clone, Debug)]
pub struct SigningKey {
    key: JsValue,
    alg: SigAlg,
}

impl SigningKey {
    /// Imports a PKCS#8 key as not extractable.
    ///
    /// # Errors
    /// WebCrypto refuses the key.
    pub async fn import(pkcs8: &[u8], alg: SigAlg) -> Result<Self, CryptoFailure> {
        let key = import("pkcs8", pkcs8, alg, "sign").await.map_err(|e| failure(&e))?;
        Ok(Self { key, alg })
    }

    /// Checks a key binding: `secret_key` of Workers, `cryptoKey` of workerd.
    ///
    /// Such a key never enters the memory of this module.
    ///
    /// # Errors
    /// The defect, as a clause about the key.
    pub fn bound(key: JsValue, alg: SigAlg) -> Result<Self, String> {
        let wanted = parameters(alg).map_err(|e| e.0)?;
        let found = js::member(&key, "algorithm");
        for name in ["name", "namedCurve"] {
            let (wanted, found) = (js::member(&wanted, name), js::member(&found, name));
            if !wanted.is_undefined() && wanted != found {
                return Err(format!("it is bound for {found:?}, and its certificate has a key for {wanted:?}"));
            }
        }
        let hash = |of: &JsValue| {
            let hash = js::member(of, "hash");
            // A key's `hash` is an object with a name, a parameter's is the name.
            hash.as_string().or_else(|| js::member(&hash, "name").as_string())
        };
        // An elliptic curve key signs with any hash.
        if hash(&found).is_some() && hash(&found) != hash(&wanted) {
            return Err(format!("it is bound for the hash {:?}; issuers sign with {:?}", hash(&found), hash(&wanted)));
        }
        if js::member(&key, "type").as_string().as_deref() != Some("private") {
            return Err("it is bound as a public key; a private key signs".to_owned());
        }
        if js::member(&key, "extractable").is_truthy() {
            return Err("it is bound as an extractable key; bind it so that it can never be read".to_owned());
        }
        let usages = worker::js_sys::Array::from(&js::member(&key, "usages"));
        if !usages.includes(&JsValue::from_str("sign"), 0) {
            return Err("it is not bound for the usage \"sign\"".to_owned());
        }
        Ok(Self { key, alg })
    }

    /// Signs; see [`crate::values::crypto::Sign`].
    ///
    /// # Errors
    /// WebCrypto fails.
    pub async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
        let parameters = parameters(self.alg)?;
        let asked = SUBTLE.with(|subtle| subtle.sign(&parameters, &self.key, message));
        js::buffer(asked).await.map_err(|e| failure(&e))
    }
}
