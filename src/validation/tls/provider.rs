//! The cryptography of the TLS client.
//!
//! It has the mandatory algorithms of TLS 1.3
//! ([RFC 8446 §9.1](https://www.rfc-editor.org/rfc/rfc8446#section-9.1): AES-128-GCM with SHA-256, and P-256), those
//! of the 192-bit level (AES-256-GCM with SHA-384, and P-384), and the same for TLS 1.2.
//!
//! Hand-written: smaller than rustls-rustcrypto, and signatures are checked by the platform. ChaCha20-Poly1305 and
//! X25519 would need further crates, for servers that break RFC 8446 §9.1.
//!
//! Signatures are not checked here: see [`super::handshake`].

use super::aead::{Cipher, Gcm};
use super::exchange::GROUPS;
use super::random::Platform;
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use core::marker::PhantomData;
use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{
    CryptoProvider, KeyExchangeAlgorithm, KeyProvider, WebPkiSupportedAlgorithms, hash, hmac as tls_hmac,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;
use rustls::{
    CipherSuite, CipherSuiteCommon, Error, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};
use sha2::{Digest, Sha256, Sha384};
use std::sync::Arc;

/// Maximum records under one key, from [RFC 8446 §5.5](https://www.rfc-editor.org/rfc/rfc8446#section-5.5); a
/// handshake has a dozen.
const RECORDS: u64 = 1 << 24;

/// ECDSA and Ed25519.
const ECDSA_SCHEMES: &[SignatureScheme] =
    &[SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ECDSA_NISTP384_SHA384, SignatureScheme::ED25519];

/// RSA with the paddings of TLS 1.3 and TLS 1.2.
const RSA_SCHEMES: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// A suite of TLS 1.3 of the cipher `C` and the hash function `H`.
const fn tls13<C: Cipher, H: Function>(suite: CipherSuite) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: common::<H>(suite),
        hkdf_provider: &HkdfUsingHmac(&Of::<H>(PhantomData)),
        aead_alg: &Gcm::<C>(PhantomData),
        quic: None,
    }
}

/// A suite of TLS 1.2 with the cipher `C` and the hash function `H`.
///
/// The key exchange is one of [`super::exchange`].
const fn tls12<C: Cipher, H: Function>(suite: CipherSuite, sign: &'static [SignatureScheme]) -> Tls12CipherSuite {
    Tls12CipherSuite {
        common: common::<H>(suite),
        prf_provider: &PrfUsingHmac(&Of::<H>(PhantomData)),
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg: &Gcm::<C>(PhantomData),
    }
}

const fn common<H: Function>(suite: CipherSuite) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: &Of::<H>(PhantomData), confidentiality_limit: RECORDS }
}

static TLS13_128: Tls13CipherSuite = tls13::<Aes128Gcm, Sha256>(CipherSuite::TLS13_AES_128_GCM_SHA256);
static TLS13_256: Tls13CipherSuite = tls13::<Aes256Gcm, Sha384>(CipherSuite::TLS13_AES_256_GCM_SHA384);
static ECDSA_128: Tls12CipherSuite =
    tls12::<Aes128Gcm, Sha256>(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ECDSA_SCHEMES);
static ECDSA_256: Tls12CipherSuite =
    tls12::<Aes256Gcm, Sha384>(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ECDSA_SCHEMES);
static RSA_128: Tls12CipherSuite =
    tls12::<Aes128Gcm, Sha256>(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, RSA_SCHEMES);
static RSA_256: Tls12CipherSuite =
    tls12::<Aes256Gcm, Sha384>(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RSA_SCHEMES);

/// The offered signature schemes, all supported by [`super::signature`].
pub fn schemes() -> Vec<SignatureScheme> {
    [ECDSA_SCHEMES, RSA_SCHEMES].concat()
}

/// [`schemes`] and old or rare ones, for connections without signature checks.
pub fn all_schemes() -> Vec<SignatureScheme> {
    let others = [
        SignatureScheme::ECDSA_NISTP521_SHA512,
        SignatureScheme::ED448,
        SignatureScheme::RSA_PKCS1_SHA1,
        SignatureScheme::ECDSA_SHA1_Legacy,
    ];
    schemes().into_iter().chain(others).collect()
}

/// The provider for rustls.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            SupportedCipherSuite::Tls13(&TLS13_128),
            SupportedCipherSuite::Tls13(&TLS13_256),
            SupportedCipherSuite::Tls12(&ECDSA_128),
            SupportedCipherSuite::Tls12(&ECDSA_256),
            SupportedCipherSuite::Tls12(&RSA_128),
            SupportedCipherSuite::Tls12(&RSA_256),
        ],
        kx_groups: GROUPS.to_vec(),
        signature_verification_algorithms: WebPkiSupportedAlgorithms { all: &[], mapping: &[] },
        secure_random: &Platform,
        key_provider: &NoKeys,
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

/// A hash function of cipher suites, also as HMAC.
trait Function: Digest + Clone + Send + Sync + 'static {
    /// HMAC with it.
    type Mac: Mac + KeyInit + Clone + Send + Sync + 'static;
    /// Its number in TLS.
    const ALGORITHM: hash::HashAlgorithm;
}

impl Function for Sha256 {
    type Mac = Hmac<Self>;
    const ALGORITHM: hash::HashAlgorithm = hash::HashAlgorithm::SHA256;
}

impl Function for Sha384 {
    type Mac = Hmac<Self>;
    const ALGORITHM: hash::HashAlgorithm = hash::HashAlgorithm::SHA384;
}

/// Adapter of a hash function for rustls.
struct Of<H>(PhantomData<fn() -> H>);

impl<H: Function> hash::Hash for Of<H> {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Running(H::new()))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&H::digest(data))
    }

    fn output_len(&self) -> usize {
        <H as Digest>::output_size()
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        H::ALGORITHM
    }
}

struct Running<H>(H);

impl<H: Function> hash::Context for Running<H> {
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

impl<H: Function> tls_hmac::Hmac for Of<H> {
    fn with_key(&self, key: &[u8]) -> Box<dyn tls_hmac::Key> {
        // HMAC takes keys of any length, so the error cannot occur; the fallback is a MAC that never matches.
        let mac = <H::Mac as KeyInit>::new_from_slice(key);
        Box::new(MacKey(mac.unwrap_or_else(|_| <H::Mac as KeyInit>::new(&Default::default()))))
    }

    fn hash_output_len(&self) -> usize {
        <H as Digest>::output_size()
    }
}

struct MacKey<M>(M);

impl<M: Mac + Clone + Send + Sync> tls_hmac::Key for MacKey<M> {
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
        M::output_size()
    }
}
