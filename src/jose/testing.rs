//! The client's side of a signed request, for tests: keys and request bytes.
//!
//! Independent of the reading side, so that the two check each other. Everything here panics on failure.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "only tests run this; a failure should end them where it happens"
)]

use super::{Jwk, Thumbprint};
use crate::values::native_crypto::NativeKey;
use crate::values::{SigAlg, b64};
use der::asn1::UintRef;
use der::{Decode, Sequence};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};
use spki::SubjectPublicKeyInfoRef;

/// A client's private key with its public half.
#[derive(Clone, Debug)]
pub struct ClientKey {
    key: NativeKey,
    jwk: Value,
}

impl ClientKey {
    /// Generates a key that signs under `alg` from the system's random bytes.
    ///
    /// `alg` is one of ES256, ES384, RS256 (2048 bits, slow) and EdDSA.
    pub fn generate(alg: SigAlg) -> Self {
        let mut fill = |bytes: &mut [u8]| getrandom::fill(bytes).expect("the system has random bytes");
        Self::from_native(NativeKey::generate(alg, &mut fill).expect("a key can be made"))
    }

    /// The client that holds `key`.
    pub fn from_native(key: NativeKey) -> Self {
        let jwk = jwk_of_spki(key.algorithm(), &key.spki_der().expect("the key has a DER form"));
        Self { key, jwk }
    }

    /// The private key itself, to sign a CSR with.
    pub fn native(&self) -> &NativeKey {
        &self.key
    }

    /// The public key as the JSON of a JWK.
    pub fn jwk_json(&self) -> Value {
        self.jwk.clone()
    }

    /// The public key as the server reads it.
    pub fn jwk(&self) -> Jwk {
        Jwk::parse(&self.jwk).expect("the server takes this key")
    }

    /// The thumbprint of the public key.
    pub fn thumbprint(&self) -> Thumbprint {
        self.jwk().thumbprint()
    }

    /// The body of a request: a flattened JWS with this protected header and payload.
    ///
    /// `alg` is added to the header unless it is there. `None` is the empty payload of a POST-as-GET.
    pub fn sign_jws(&self, protected: Value, payload: Option<Value>) -> Vec<u8> {
        let mut protected = protected;
        if let Some(members) = protected.as_object_mut() {
            members.entry("alg").or_insert_with(|| jws_name(self.key.algorithm()).into());
        }
        let payload = payload.map(|payload| payload.to_string()).unwrap_or_default();
        self.sign_raw(&protected.to_string(), payload.as_bytes())
    }

    /// As [`ClientKey::sign_jws`], for a protected header and a payload that need not be JSON.
    pub fn sign_raw(&self, protected: &str, payload: &[u8]) -> Vec<u8> {
        flatten(protected, payload, |input| {
            self.key.sign(self.key.algorithm(), input).expect("a key signs under its own algorithm")
        })
        .to_string()
        .into_bytes()
    }

    /// The payload of a keyChange request to `url` that replaces `old`'s key at `account`.
    pub fn key_change(&self, url: &str, account: &str, old: &ClientKey) -> Value {
        let protected = json!({ "jwk": self.jwk_json(), "url": url });
        let inner = self.sign_jws(protected, Some(json!({ "account": account, "oldKey": old.jwk_json() })));
        serde_json::from_slice(&inner).expect("a signed request is JSON")
    }

    /// The `externalAccountBinding` of a newAccount request to `url` that this key signs.
    ///
    /// `alg` is HS256, HS384 or HS512.
    pub fn external_account(&self, alg: &str, mac_key: &[u8], kid: &str, url: &str) -> Value {
        let protected = json!({ "alg": alg, "kid": kid, "url": url }).to_string();
        flatten(&protected, self.jwk.to_string().as_bytes(), |input| mac(alg, mac_key, input))
    }
}

/// A flattened JWS with a MAC as its signature. `alg` is HS256, HS384 or HS512.
pub fn mac_jws(alg: &str, secret: &[u8], protected: &str, payload: &[u8]) -> Value {
    flatten(protected, payload, |input| mac(alg, secret, input))
}

/// The flattened JSON serialization, with a signature by `sign` over the signing input.
fn flatten(protected: &str, payload: &[u8], sign: impl Fn(&[u8]) -> Vec<u8>) -> Value {
    let (protected, payload) = (b64::encode(protected.as_bytes()), b64::encode(payload));
    let signature = sign(format!("{protected}.{payload}").as_bytes());
    json!({ "protected": protected, "payload": payload, "signature": b64::encode(&signature) })
}

fn mac(alg: &str, key: &[u8], input: &[u8]) -> Vec<u8> {
    fn with<M: Mac + KeyInit>(key: &[u8], input: &[u8]) -> Vec<u8> {
        let hmac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        hmac.chain_update(input).finalize().into_bytes().to_vec()
    }
    match alg {
        "HS384" => with::<Hmac<Sha384>>(key, input),
        "HS512" => with::<Hmac<Sha512>>(key, input),
        _ => with::<Hmac<Sha256>>(key, input),
    }
}

fn jws_name(alg: SigAlg) -> &'static str {
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => "ES256",
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => "ES384",
        SigAlg::Rs256 | SigAlg::Rs384 | SigAlg::Rs512 | SigAlg::Ps256 | SigAlg::Ps384 | SigAlg::Ps512 => "RS256",
        SigAlg::Ed25519 => "EdDSA",
    }
}

/// `RSAPublicKey` of RFC 8017.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

/// The JWK of a DER SubjectPublicKeyInfo whose key signs under `alg`.
fn jwk_of_spki(alg: SigAlg, spki: &[u8]) -> Value {
    let spki = SubjectPublicKeyInfoRef::from_der(spki).expect("a SubjectPublicKeyInfo");
    let key = spki.subject_public_key.raw_bytes();
    let ec = |curve: &str, width: usize| {
        let (x, y) = key[1..].split_at(width);
        json!({ "kty": "EC", "crv": curve, "x": b64::encode(x), "y": b64::encode(y) })
    };
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => ec("P-256", 32),
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => ec("P-384", 48),
        SigAlg::Ed25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64::encode(key) }),
        SigAlg::Rs256 | SigAlg::Rs384 | SigAlg::Rs512 | SigAlg::Ps256 | SigAlg::Ps384 | SigAlg::Ps512 => {
            let key = RsaPublicKey::from_der(key).expect("an RSAPublicKey");
            let (n, e) = (b64::encode(key.modulus.as_bytes()), b64::encode(key.public_exponent.as_bytes()));
            json!({ "kty": "RSA", "n": n, "e": e })
        }
    }
}

#[cfg(test)]
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Poll, Waker};
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("native crypto never waits"),
    }
}
