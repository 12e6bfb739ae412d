//! Private keys encrypted under a passphrase: PKCS#8
//! ([RFC 5958 §3](https://www.rfc-editor.org/rfc/rfc5958#section-3)), as OpenSSL reads and writes it.

use super::CryptoFailure;
use super::native_crypto::NativeKey;
use super::pem::{self, BlockFault, KeyBlockFault};
use core::fmt;
use der::pem::LineEnding;
use der::{Decode, Encode};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2::Parameters;
use zeroize::Zeroizing;

/// Rounds of PBKDF2-HMAC-SHA256: what OWASP recommends for passwords.
pub const ROUNDS: u32 = 600_000;

/// The label of an encrypted key ([RFC 7468 §11](https://www.rfc-editor.org/rfc/rfc7468#section-11)).
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";

/// Fault of a private key's file; the message is a clause about "the key".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileFault {
    /// Not a PEM, or one of another kind; its label.
    #[error("{}", wrong_kind(.0.as_deref()))]
    Kind(Option<String>),
    /// More than one private key.
    #[error("has more than one private key in its file; give a file with one key")]
    Several,
    /// A PEM that cannot be read.
    #[error("cannot be read: {0}; `openssl pkcs8 -topk8 -v2 aes-256-cbc` writes one")]
    Block(BlockFault),
    /// Encrypted by an unsupported scheme.
    #[error("is encrypted by an unsupported scheme; `openssl pkcs8 -topk8 -v2 aes-256-cbc` encrypts it again")]
    Scheme,
    /// Wrong passphrase, or a damaged file.
    #[error("cannot be decrypted: the passphrase is wrong, or the file is damaged")]
    Passphrase,
    /// Unsupported kind of key.
    #[error("cannot be read: {0}")]
    Key(CryptoFailure),
}

fn wrong_kind(label: Option<&str>) -> String {
    let Some(label) = label else { return "is not a PEM file".to_owned() };
    format!("is a PEM of type {label:?}, not PKCS#8; `openssl pkcs8 -topk8 -v2 aes-256-cbc` converts it")
}

impl From<KeyBlockFault> for KeyFileFault {
    fn from(fault: KeyBlockFault) -> Self {
        match fault {
            KeyBlockFault::None(label) => Self::Kind(label),
            KeyBlockFault::Several => Self::Several,
            KeyBlockFault::Block(fault) => Self::Block(fault),
        }
    }
}

/// Checks whether a PKCS#8 key in PEM is encrypted.
///
/// # Errors
/// [`KeyFileFault::Kind`], [`KeyFileFault::Several`] and [`KeyFileFault::Block`] for anything else.
pub fn is_encrypted(text: &str) -> Result<bool, KeyFileFault> {
    match pem::private_key(text)?.label() {
        ENCRYPTED => Ok(true),
        PLAIN => Ok(false),
        label => Err(KeyFileFault::Kind(Some(label.to_owned()))),
    }
}

/// Encrypts a key as PKCS#8 in PEM: PBES2 with PBKDF2-HMAC-SHA256, [`ROUNDS`] and AES-256-CBC
/// ([RFC 8018 §6.2](https://www.rfc-editor.org/rfc/rfc8018#section-6.2)). Salt and IV have to be
/// fresh random bytes.
///
/// # Errors
/// Failures of the encoding, which do not happen.
pub fn encrypt(key: &NativeKey, passphrase: &str, salt: [u8; 16], iv: [u8; 16]) -> Result<String, CryptoFailure> {
    let failure = |error: &dyn fmt::Display| CryptoFailure(error.to_string());
    let plain = Zeroizing::new(key.to_pkcs8_pem()?);
    let (_, plain) = der::pem::decode_vec(plain.as_bytes()).map_err(|e| failure(&e))?;
    let plain = Zeroizing::new(plain);
    let scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv).map_err(|e| failure(&e))?;
    let encrypted = scheme.encrypt(passphrase, plain.as_slice()).map_err(|e| failure(&e))?;
    let encrypted_data = der::asn1::OctetStringRef::new(&encrypted).map_err(|e| failure(&e))?;
    let info = EncryptedPrivateKeyInfoRef { encryption_algorithm: scheme.into(), encrypted_data };
    let der = info.to_der().map_err(|e| failure(&e))?;
    der::pem::encode_string(ENCRYPTED, LineEnding::LF, &der).map_err(|e| failure(&e))
}

/// Decrypts the key of an encrypted PKCS#8 file (PEM).
///
/// # Errors
/// [`KeyFileFault`].
pub fn decrypt(text: &str, passphrase: &str) -> Result<NativeKey, KeyFileFault> {
    if !is_encrypted(text)? {
        return Err(KeyFileFault::Kind(Some(PLAIN.to_owned())));
    }
    let der = pem::private_key(text)?.der().map_err(KeyFileFault::Block)?;
    let info = EncryptedPrivateKeyInfoRef::from_der(&der).map_err(|_| KeyFileFault::Scheme)?;
    let plain = info.encryption_algorithm.decrypt(passphrase, info.encrypted_data.as_bytes()).map_err(|e| match e {
        pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } | pkcs8::pkcs5::Error::AlgorithmParametersInvalid { .. } => {
            KeyFileFault::Scheme
        }
        _ => KeyFileFault::Passphrase,
    })?;
    let plain = Zeroizing::new(plain);
    // One wrong passphrase in 256 leaves a padding that looks right.
    if der::asn1::AnyRef::from_der(&plain).is_err() {
        return Err(KeyFileFault::Passphrase);
    }
    let plain = der::pem::encode_string(PLAIN, LineEnding::LF, &plain).map_err(|_| KeyFileFault::Passphrase)?;
    NativeKey::from_pkcs8_pem(&Zeroizing::new(plain)).map_err(KeyFileFault::Key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::SigAlg;

    const PASSPHRASE: &str = "correct horse battery staple";

    fn fill(bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }

    #[test]
    fn a_key_comes_back_with_its_passphrase_and_no_other() {
        let key = NativeKey::generate(SigAlg::Es384, &mut fill).unwrap();
        let pem = encrypt(&key, PASSPHRASE, [1; 16], [2; 16]).unwrap();
        assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert_eq!(is_encrypted(&pem), Ok(true));
        assert_eq!(decrypt(&pem, PASSPHRASE).unwrap().spki_der().unwrap(), key.spki_der().unwrap());
        assert_eq!(decrypt(&pem, "another passphrase").unwrap_err(), KeyFileFault::Passphrase);
    }

    #[test]
    fn what_is_no_encrypted_key_is_refused_with_what_it_is() {
        let plain = NativeKey::generate(SigAlg::Es256, &mut fill).unwrap().to_pkcs8_pem().unwrap();
        assert_eq!(is_encrypted(&plain), Ok(false));
        assert_eq!(decrypt(&plain, PASSPHRASE).unwrap_err(), KeyFileFault::Kind(Some("PRIVATE KEY".to_owned())));
        assert_eq!(is_encrypted("hello"), Err(KeyFileFault::Kind(None)));
        let sec1 = plain.replace("PRIVATE KEY", "EC PRIVATE KEY");
        assert_eq!(is_encrypted(&sec1), Err(KeyFileFault::Kind(Some("EC PRIVATE KEY".to_owned()))));
        let noise = plain.replace("PRIVATE KEY", ENCRYPTED);
        assert_eq!(decrypt(&noise, PASSPHRASE).unwrap_err(), KeyFileFault::Scheme);
    }
}
