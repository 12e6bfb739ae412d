//! The WebCrypto algorithm of an issuer's key that is bound as a key.

use selvedge::pki::KeyKind;
use serde_json::{Value, json};

/// The WebCrypto algorithm of an issuer's key (W3C Web Cryptography §20, §23); `None` for an unsupported kind.
pub fn webcrypto(kind: KeyKind) -> Option<Value> {
    match kind {
        KeyKind::EcP256 => Some(json!({ "name": "ECDSA", "namedCurve": "P-256" })),
        KeyKind::EcP384 => Some(json!({ "name": "ECDSA", "namedCurve": "P-384" })),
        KeyKind::Rsa { .. } => Some(json!({ "name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256" })),
        KeyKind::Ed25519 => None,
    }
}
