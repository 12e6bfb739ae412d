//! What WebCrypto calls an issuer's key, wherever one is bound as a key and not as a text.

use selvedge::pki::KeyKind;
use serde_json::{Value, json};

/// The algorithm with which a key of this kind signs certificates and CRLs (W3C Web Cryptography §20, §23); `None` for a kind
/// that issuers do not have.
pub fn webcrypto(kind: KeyKind) -> Option<Value> {
    match kind {
        KeyKind::EcP256 => Some(json!({ "name": "ECDSA", "namedCurve": "P-256" })),
        KeyKind::EcP384 => Some(json!({ "name": "ECDSA", "namedCurve": "P-384" })),
        KeyKind::Rsa { .. } => Some(json!({ "name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256" })),
        KeyKind::Ed25519 => None,
    }
}
