//! Secrets in memory, files with secrets, and private keys.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use selvedge::pki::key::{KeyKind, check_spki};
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::pem::{self, KeyBlockFault};
use zeroize::Zeroizing;

use super::files::{mode, text_of};
use super::host::random;

/// A secret text, wiped from memory when dropped; `Debug` is redacted.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Makes a private Ed25519 key.
///
/// # Errors
/// When this machine has no random bytes.
pub fn new_ed25519_key() -> Result<NativeKey> {
    let seed = Zeroizing::new(random::<32>()?);
    NativeKey::generate(SigAlg::Ed25519, &mut |bytes| bytes.copy_from_slice(&*seed)).context("cannot make a key")
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The private key of an issuer.
pub struct PrivateKey {
    der: Zeroizing<Vec<u8>>,
    spki: Vec<u8>,
    kind: KeyKind,
}

/// Fault of a text that is not an issuer's private key. The message is a clause about the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The key is encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// Another PEM label than that of PKCS#8.
    #[error("is a PEM {0:?}, not PKCS#8 (\"PRIVATE KEY\")")]
    Form(String),
    /// Malformed PEM or PKCS#8; without the reason, which could quote the key.
    #[error("is not a private key (PKCS#8 in PEM)")]
    Unreadable,
    /// A kind of key that issuers cannot have.
    #[error("{0}")]
    Kind(String),
}

impl PrivateKey {
    /// Reads an unencrypted PKCS#8 key in PEM.
    ///
    /// # Errors
    /// [`KeyFault`]
    pub fn read(text: &Secret) -> Result<Self, KeyFault> {
        let text = text.reveal();
        let block = match pem::private_key(text) {
            Ok(block) => block,
            Err(KeyBlockFault::None(Some(label))) => return Err(KeyFault::Form(label)),
            Err(_) => return Err(KeyFault::Unreadable),
        };
        // The older form of an encrypted key (RFC 1421) has a header for it.
        match block.label() {
            "ENCRYPTED PRIVATE KEY" => return Err(KeyFault::Encrypted),
            _ if block.has_headers() => return Err(KeyFault::Encrypted),
            "PRIVATE KEY" => {}
            other => return Err(KeyFault::Form(other.to_owned())),
        }
        let der = Zeroizing::new(block.der().map_err(|_| KeyFault::Unreadable)?);
        let key = NativeKey::from_pkcs8_pem(text).map_err(|_| KeyFault::Unreadable)?;
        let spki = key.spki_der().map_err(|_| KeyFault::Unreadable)?;
        let kind = check_spki(&spki).map_err(|fault| KeyFault::Kind(fault.to_string()))?.kind();
        if kind == KeyKind::Ed25519 {
            return Err(KeyFault::Kind("is Ed25519; issuers sign with P-256, P-384 or RSA".to_owned()));
        }
        Ok(Self { der, spki, kind })
    }

    /// The key as PKCS#8.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The public key, DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The kind of key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }
}

/// A file that holds a secret.
#[derive(Debug)]
pub struct SecretFile {
    /// The path.
    pub path: PathBuf,
    /// The permission bits.
    pub mode: u32,
    /// The content.
    pub text: Secret,
}

impl SecretFile {
    /// Reads a file; `None` when it does not exist.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn read(path: PathBuf) -> Result<Option<Self>> {
        let Some(mode) = mode(&path)? else { return Ok(None) };
        let mode = effective_mode(&path, mode, std::env::var_os(CREDENTIALS).as_deref());
        let text = Secret::new(text_of(&path)?.unwrap_or_default());
        Ok(Some(Self { path, mode, text }))
    }
}

/// The path of a file in a CA's folder.
///
/// Among a service's credentials it is `ca_NAME`, as `LoadCredential=ca:FOLDER` passes all files of a folder.
pub fn in_folder(dir: &Path, name: &str) -> PathBuf {
    in_credentials(dir, name, std::env::var_os(CREDENTIALS).as_deref())
}

fn in_credentials(dir: &Path, name: &str, credentials: Option<&OsStr>) -> PathBuf {
    let (path, passed) = (dir.join(name), dir.join(format!("{PASSED}{name}")));
    let given = credentials.is_some_and(|folder| !folder.is_empty() && dir == Path::new(folder));
    if given && !path.exists() && passed.exists() { passed } else { path }
}

/// The beginning of the names of credentials from a folder.
const PASSED: &str = "ca_";
/// systemd's variable with the folder of a service's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The mode of a file, of a systemd credential without its group.
///
/// There these bits are the mask of an ACL for the service's user.
fn effective_mode(path: &Path, mode: u32, credentials: Option<&OsStr>) -> u32 {
    let given = credentials.is_some_and(|folder| !folder.is_empty() && path.parent() == Some(Path::new(folder)));
    if given { mode & !0o070 } else { mode }
}

/// Whether a file of this mode is accessible to others than its owner.
pub fn is_open(mode: u32) -> bool {
    mode & 0o077 != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge::values::SigAlg;

    fn key(alg: SigAlg) -> String {
        NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap().to_pkcs8_pem().unwrap()
    }

    fn fault(text: String) -> KeyFault {
        PrivateKey::read(&Secret::new(text)).err().unwrap()
    }

    #[test]
    fn private_key_of_an_issuer_is_read_and_other_kinds_are_refused() {
        let good = key(SigAlg::Es384);
        assert_eq!(PrivateKey::read(&Secret::new(good.clone())).unwrap().kind(), KeyKind::EcP384);
        assert_eq!(fault(good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")), KeyFault::Encrypted);
        assert_eq!(fault(good.replace("PRIVATE KEY", "EC PRIVATE KEY")), KeyFault::Form("EC PRIVATE KEY".to_owned()));
        let older = good
            .replace("-----\nM", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES\n\nM")
            .replace("PRIVATE", "EC PRIVATE");
        assert_eq!(fault(older), KeyFault::Encrypted);
        let parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n";
        let with_text = format!("Private-Key: (384 bit)\r\n{parameters}{}", good.replace('\n', " \r\n"));
        assert_eq!(PrivateKey::read(&Secret::new(with_text)).unwrap().kind(), KeyKind::EcP384);
        assert_eq!(fault("43 characters".to_owned()), KeyFault::Unreadable);
        assert!(matches!(fault(key(SigAlg::Ed25519)), KeyFault::Kind(_)));
    }

    #[test]
    fn group_of_a_systemd_credential_is_the_mask_of_its_acl() {
        let mode =
            |path: &str, mode, folder: Option<&str>| effective_mode(Path::new(path), mode, folder.map(OsStr::new));
        assert_eq!(mode("/run/c/issuer.key", 0o440, Some("/run/c")), 0o400);
        assert_eq!(mode("/run/c/issuer.key", 0o444, Some("/run/c")), 0o404);
        assert_eq!(mode("/run/c/below/issuer.key", 0o440, Some("/run/c")), 0o440);
        assert_eq!(mode("/run/c/issuer.key", 0o440, None), 0o440);
        assert_eq!(mode("issuer.key", 0o440, Some("")), 0o440);
    }

    #[test]
    fn credentials_of_a_folder_are_found_by_their_names_in_it() {
        let place = tempfile::tempdir().unwrap();
        let (dir, passed) = (place.path(), place.path().join("ca_issuer.key"));
        let path = |name: &str, folder: Option<&Path>| in_credentials(dir, name, folder.map(Path::as_os_str));
        std::fs::write(&passed, "").unwrap();
        assert_eq!(path("issuer.key", Some(dir)), passed);
        assert_eq!(path("nonce.key", Some(dir)), dir.join("nonce.key"), "absent ones have the name that is looked for");
        for other in [None, Some(Path::new("")), Some(Path::new("/run/c"))] {
            assert_eq!(path("issuer.key", other), dir.join("issuer.key"));
        }
        std::fs::write(dir.join("issuer.key"), "").unwrap();
        assert_eq!(path("issuer.key", Some(dir)), dir.join("issuer.key"), "one that is passed by its name");
    }

    #[test]
    fn secret_debug_output_is_redacted() {
        assert_eq!(format!("{:?}", Some(Secret::new("hush".to_owned()))), "Some(Secret)");
    }
}
