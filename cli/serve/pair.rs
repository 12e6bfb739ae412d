//! A certificate with its key, and the one that is presented at present.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result, anyhow, bail};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use selvedge::values::Time;
use selvedge::values::x509::Parts;
use x509_cert::ext::pkix::SubjectAltName;
use zeroize::Zeroizing;

use crate::common::files;
use crate::common::shell::quoted;
use crate::operator::issuance::csr;

/// A certificate chain with the key of its first certificate.
#[derive(Clone, Debug)]
pub struct Pair {
    key: Arc<CertifiedKey>,
    /// The first certificate, DER.
    pub leaf: Vec<u8>,
    /// From when it is valid.
    pub not_before: Time,
    /// Until when it is valid.
    pub not_after: Time,
}

impl Pair {
    /// Reads a chain and a key in PEM.
    ///
    /// # Errors
    /// When one cannot be read, or they do not belong together.
    pub fn read(chain: &str, key: &str) -> Result<Self> {
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| anyhow!("the certificate is not PEM ({error})"))?;
        let leaf = certificates.first().context("the file has no certificate")?.to_vec();
        // Without the library's words, which could quote the key.
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| anyhow!("the key is not an unencrypted private key in PEM"))?;
        let key = CertifiedKey::from_der(certificates, key, &ring::default_provider())
            .map_err(|error| anyhow!("certificate and key do not belong together ({error})"))?;
        key.keys_match().map_err(|error| anyhow!("certificate and key do not belong together ({error})"))?;
        let parts = Parts::read(&leaf).context("the certificate cannot be read")?;
        let (not_before, not_after) = (parts.not_before, parts.not_after);
        Ok(Self { key: Arc::new(key), leaf, not_before, not_after })
    }

    /// Reads the files of a pair, whose key others must not read.
    ///
    /// # Errors
    /// As [`Pair::read`], with the files' names, and when the key is readable for everyone.
    pub fn of_files(chain: &Path, key: &Path) -> Result<Self> {
        let text = |path: &Path| {
            let missing = || format!("{} does not exist", path.display());
            files::read(path)?.with_context(missing)
        };
        let (chain_text, key_text) = (text(chain)?, Zeroizing::new(text(key)?));
        // A group may have it: that of the server, where another program renews it.
        if let Some(mode) = files::mode(key)?.filter(|mode| mode & 0o007 != 0) {
            bail!("{} is accessible to everyone (mode {mode:03o}): run `chmod o= {}`", key.display(), quoted(key));
        }
        Self::read(&chain_text, &key_text).with_context(|| format!("{} with {}", chain.display(), key.display()))
    }

    /// Whether the certificate has this name or address.
    pub fn is_for(&self, host: &str) -> bool {
        let names = Parts::read(&self.leaf).ok().and_then(|parts| parts.extension::<SubjectAltName>().ok().flatten());
        let wanted = csr::general_name(host).ok();
        names.is_some_and(|names| names.0.iter().any(|name| Some(name) == wanted.as_ref()))
    }

    /// When it is to be renewed: after two thirds of its time.
    pub fn due(&self) -> Time {
        let life = self.not_before.until(self.not_after);
        self.not_before.plus(life / 3 * 2)
    }
}

/// The pair that is presented to clients. It can be exchanged while connections exist.
#[derive(Debug, Default)]
pub struct Presented(RwLock<Option<Pair>>);

impl Presented {
    /// Presents another pair in new connections.
    pub fn set(&self, pair: Pair) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(pair);
    }

    /// The present pair.
    pub fn get(&self) -> Option<Pair> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get()?.key)
    }
}

/// The settings of TLS for whatever is presented.
///
/// # Errors
/// When the cryptography lacks the protocol versions, which does not happen.
pub fn tls(presented: Arc<Presented>) -> Result<Arc<ServerConfig>> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("cannot set up TLS")?;
    let mut config = config.with_no_client_auth().with_cert_resolver(presented);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// What a pair of files had when it was read, to notice changes.
pub fn contents(chain: &Path, key: &Path) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    Some((fs::read(chain).ok()?, Zeroizing::new(fs::read(key).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::host;
    use selvedge::pki::ceremony::{CertAndKey, create_root, create_server_leaf};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    fn leaf(root: &CertAndKey, days: u32) -> CertAndKey {
        let address = "192.0.2.1".parse().unwrap();
        create_server_leaf(root, &["ca.test"], &[address], host::now().unwrap(), days).unwrap()
    }

    #[test]
    fn pair_is_read_with_its_names_and_times() {
        let root = create_root("R", host::now().unwrap(), 1).unwrap();
        let made = leaf(&root, 30);
        let pair = Pair::read(&made.certificate, &made.key).unwrap();
        assert!(pair.is_for("ca.test") && pair.is_for("192.0.2.1") && !pair.is_for("other.test"));
        let life = pair.not_before.until(pair.not_after);
        assert_eq!(pair.not_before.until(pair.due()).as_secs(), (life / 3 * 2).as_secs());
        assert!(life > Duration::from_secs(29 * 86_400) && life < Duration::from_secs(31 * 86_400));
        let presented = Presented::default();
        assert!(presented.get().is_none());
        presented.set(pair);
        assert!(presented.get().unwrap().is_for("ca.test"));
    }

    #[test]
    fn damaged_foreign_or_open_files_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = create_root("R", host::now().unwrap(), 1).unwrap();
        let (one, other) = (leaf(&root, 30), leaf(&root, 30));
        let (chain, key) = (dir.path().join("c.pem"), dir.path().join("c.key"));
        let with = |certificate: &str, secret: &str, mode| {
            fs::write(&chain, certificate).unwrap();
            fs::write(&key, secret).unwrap();
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            Pair::of_files(&chain, &key).map(|_| ()).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(with(&one.certificate, &one.key, 0o640), Ok(()));
        for (certificate, secret, mode, says) in [
            (one.certificate.as_str(), one.key.as_str(), 0o604, "chmod o="),
            (&one.certificate, &other.key, 0o600, "do not belong together"),
            ("", &one.key, 0o600, "has no certificate"),
            (&one.certificate, "", 0o600, "not an unencrypted private key"),
        ] {
            let said = with(certificate, secret, mode).unwrap_err();
            assert!(said.contains(says) && said.contains("c.key"), "{said}");
        }
        fs::remove_file(&key).unwrap();
        assert!(Pair::of_files(&chain, &key).unwrap_err().to_string().contains("does not exist"));
    }
}
