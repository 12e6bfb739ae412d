//! The cryptography of the TLS client: what every TLS 1.3 server has to have
//! ([RFC 8446 §9.1](https://www.rfc-editor.org/rfc/rfc8446#section-9.1): AES-128-GCM with SHA-256, and P-256), and the
//! same for TLS 1.2. More suites would make the module larger and let in no server that is met.
//!
//! Signatures are not checked here: see [`super::handshake`].

use super::aead::Aes128Gcm;
use super::exchange::P256;
use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyExchangeAlgorithm, KeyProvider, SecureRandom, WebPkiSupportedAlgorithms, hash,
    hmac as tls_hmac,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{
    CipherSuite, CipherSuiteCommon, Error, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The most records under one key, from [RFC 8446 §5.5](https://www.rfc-editor.org/rfc/rfc8446#section-5.5); a
/// handshake has a dozen.
const RECORDS: u64 = 1 << 24;

/// ECDSA and Ed25519, for servers with such a key.
const ECDSA_SCHEMES: &[SignatureScheme] =
    &[SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ECDSA_NISTP384_SHA384, SignatureScheme::ED25519];

/// RSA, with the padding of TLS 1.3 and that of TLS 1.2.
const RSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

const fn common(suite: CipherSuite) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: &Sha256Hash, confidentiality_limit: RECORDS }
}

const fn tls12(suite: CipherSuite, sign: &'static [SignatureScheme]) -> Tls12CipherSuite {
    Tls12CipherSuite {
        common: common(suite),
        prf_provider: &PrfUsingHmac(&HmacSha256),
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg: &Aes128Gcm,
    }
}

static TLS13: Tls13CipherSuite = Tls13CipherSuite {
    common: common(CipherSuite::TLS13_AES_128_GCM_SHA256),
    hkdf_provider: &HkdfUsingHmac(&HmacSha256),
    aead_alg: &Aes128Gcm,
    quic: None,
};
static TLS12_ECDSA: Tls12CipherSuite = tls12(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ECDSA_SCHEMES);
static TLS12_RSA: Tls12CipherSuite = tls12(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, RSA_SCHEMES);

/// The signature schemes that are offered: [`super::signature`] knows each.
pub fn schemes() -> Vec<SignatureScheme> {
    [ECDSA_SCHEMES, RSA_SCHEMES].concat()
}

/// Those and others that servers with old or odd keys have, for where no signature is looked at.
pub fn all_schemes() -> Vec<SignatureScheme> {
    let others = [
        SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureScheme::ED448,
        SignatureScheme::RSA_PKCS1_SHA1,
        SignatureScheme::ECDSA_SHA1_Legacy,
    ];
    schemes().into_iter().chain(others).collect()
}

/// What rustls needs to know of cryptography.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            SupportedCipherSuite::Tls13(&TLS13),
            SupportedCipherSuite::Tls12(&TLS12_ECDSA),
            SupportedCipherSuite::Tls12(&TLS12_RSA),
        ],
        kx_groups: vec![&P256],
        signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
        secure_random: &Platform,
        key_provider: &NoKeys,
    }
}

/// The platform's CSPRNG.
#[derive(Debug)]
pub struct Platform;

impl SecureRandom for Platform {
    #[allow(clippy::disallowed_methods, reason = "rustls wants its randomness as a static, which no port can be")]
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(buf).map_err(|_| GetRandomFailed)
    }
}

/// The client has no certificate of its own.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        Err(Error::General("no private keys here".to_owned()))
    }
}

struct Sha256Hash;

impl hash::Hash for Sha256Hash {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Running(Sha256::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&Sha256::digest(data))
    }

    fn output_len(&self) -> usize {
        32
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        hash::HashAlgorithm::SHA256
    }
}

struct Running(Sha256);

impl hash::Context for Running {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

struct HmacSha256;

impl tls_hmac::Hmac for HmacSha256 {
    fn with_key(&self, key: &[u8]) -> Box<dyn tls_hmac::Key> {
        // HMAC takes keys of any length, so the error does not happen; a MAC that matches nothing stands for it.
        Box::new(MacKey(Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))))
    }

    fn hash_output_len(&self) -> usize {
        32
    }
}

struct MacKey(Hmac<Sha256>);

impl tls_hmac::Key for MacKey {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> tls_hmac::Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        for part in middle {
            mac.update(part);
        }
        mac.update(last);
        tls_hmac::Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        32
    }
}
