//! The disposable CA in the state folder: root, intermediate, and the server's own certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use selvedge::pki::ceremony::{self, CertAndKey};
use selvedge::pki::{Issuer, pem};
use selvedge::values::x509::Parts;
use selvedge::values::{Time, b64, hex};

use crate::common::host;
use crate::runtime::base::Base;
use crate::runtime::capnp::Keypair;
use crate::runtime::kept_roots;
use crate::runtime::listen::{Host, Listen};
use crate::runtime::state::{Readers, State};

/// The root certificate, which clients have to trust.
pub const ROOT: &str = "root.pem";
/// The issuer's certificate, in the chain of clients.
pub const ISSUER: &str = "intermediate.pem";
/// The issuer's private key.
pub const ISSUER_KEY: &str = "intermediate.key";
/// The key of replay nonces.
pub const NONCE_KEY: &str = "nonce.key";
const ROOT_KEY: &str = "root.key";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server.key";
/// The name of the set in which these files are written.
const SET: &str = "new-ca";

/// The root's lifetime in years, longer than that of a disposable state folder.
const ROOT_YEARS: u32 = 10;
/// The lifetime of a root that stays, in years, which later intermediates must not outlive.
const KEPT_ROOT_YEARS: u32 = 30;
/// The intermediate's lifetime in years.
const ISSUER_YEARS: u32 = 5;
/// The lifetime of the server's intermediate in years, the shortest possible.
const SERVER_CA_YEARS: u32 = 1;
/// The lifetime of the server's certificate in days; a `dev` that runs longer renews it.
const SERVER_DAYS: u32 = 90;
/// When a running `dev` renews it.
pub const SERVER_RENEWAL: Duration = Duration::from_secs(60 * 86_400);
/// Random bytes in the CA's names, which distinguish several CAs in a trust store.
const TAG_BYTES: usize = 4;

/// The CA of the state folder, checked, and the certificate to serve with.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The root, with its key.
    pub root: CertAndKey,
    /// The issuer's certificate.
    issuer: String,
    /// When this was read.
    now: Time,
    /// The certificate of the server itself.
    pub keypair: Keypair,
}

/// The names of the server: the host of its URL, and its listening address.
#[derive(Clone, Copy, Debug)]
pub struct ServerNames<'a> {
    /// Its URL.
    pub base: &'a Base,
    /// Its listening address.
    pub listen: &'a Listen,
    /// Further names and addresses.
    pub further: &'a [Host],
}

/// The files that make up the CA.
struct Files {
    root: CertAndKey,
    issuer: CertAndKey,
    nonce_key: String,
}

impl Authority {
    /// Opens or creates the CA in the state folder, with a new server certificate.
    ///
    /// A new CA is below the root of `root_dir`, if that is given.
    ///
    /// # Errors
    /// When the files are incomplete, damaged or below another root (nothing is replaced), or cannot be written.
    pub fn of(state: &State, names: ServerNames<'_>, root_dir: Option<&Path>, now: Time) -> Result<Self> {
        state.set(SET).finish()?;
        let root = root_dir.map(|dir| kept_root(dir, now)).transpose()?;
        let files = match (Files::read(state)?, root) {
            (Some(files), Some(root)) if files.root.certificate != root.certificate => bail!(
                "the CA in {} is not below the root of --root-dir: choose another folder with --state, or use --ephemeral",
                state.dir().display()
            ),
            (Some(files), _) => files,
            (None, root) => Files::create(state, root, now)?,
        };
        files.check(now).map_err(|found| unusable(state, &found))?;
        let keypair = Keypair { key: state.path(SERVER_KEY), chain: state.path(SERVER) };
        let authority = Self { root: files.root, issuer: files.issuer.certificate, now, keypair };
        authority.certify_server(state, names, now)?;
        Ok(authority)
    }

    /// Issues an expired certificate of the issuer, for the fault of an expired intermediate.
    ///
    /// # Errors
    /// Failures of cryptography or encoding.
    pub fn expired_issuer(&self) -> Result<String> {
        ceremony::expired_twin(&self.root, &self.issuer, self.now).context("cannot issue an expired intermediate")
    }

    /// Issues a new certificate for the server.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn certify_server(&self, state: &State, names: ServerNames<'_>, now: Time) -> Result<()> {
        let server = server_certificate(&self.root, names, now).context("cannot issue the server's certificate")?;
        state.write(SERVER_KEY, &server.key, Readers::Owner)?;
        state.write(SERVER, &server.certificate, Readers::Everyone)
    }
}

/// The error about an unusable CA, with what to do.
fn unusable(state: &State, found: &Error) -> Error {
    anyhow!(
        "the CA in {folder} cannot be used: {found:#}. Restore its files from a copy, or delete {folder} to start \
         with a new CA",
        folder = state.dir().display()
    )
}

impl Files {
    /// Reads the files; `None` when none exists.
    fn read(state: &State) -> Result<Option<Self>> {
        let names = [ROOT, ROOT_KEY, ISSUER, ISSUER_KEY, NONCE_KEY];
        let read = |name| state.read(name).map_err(|found| unusable(state, &found));
        let [root, root_key, issuer, issuer_key, nonce_key] =
            [read(ROOT)?, read(ROOT_KEY)?, read(ISSUER)?, read(ISSUER_KEY)?, read(NONCE_KEY)?];
        let there = [&root, &root_key, &issuer, &issuer_key, &nonce_key].map(Option::is_some);
        if there.iter().all(|there| !there) {
            return Ok(None);
        }
        let missing = names.into_iter().zip(there).filter(|(_, there)| !there).map(|(name, _)| name);
        let missing = missing.collect::<Vec<_>>().join(", ");
        match (root, root_key, issuer, issuer_key, nonce_key) {
            (Some(root), Some(root_key), Some(issuer), Some(issuer_key), Some(nonce_key)) => Ok(Some(Self {
                root: CertAndKey { certificate: root, key: root_key },
                issuer: CertAndKey { certificate: issuer, key: issuer_key },
                nonce_key,
            })),
            _ => Err(unusable(state, &anyhow!("{missing} is missing"))),
        }
    }

    /// Creates a new CA atomically, below a new root or this one.
    fn create(state: &State, root: Option<CertAndKey>, now: Time) -> Result<Self> {
        let tag = hex::encode(&host::random::<TAG_BYTES>()?);
        let root = root.map_or_else(|| new_root(&tag, ROOT_YEARS, now), Ok)?;
        let name = format!("Selvedge dev intermediate {tag} (NOT TRUSTED)");
        let issuer = ceremony::create_intermediate(&root, &name, now, ISSUER_YEARS);
        let issuer = issuer.context("cannot create the intermediate")?;
        let nonce_key = b64::encode(&host::random::<32>()?);
        state.set(SET).write(&[
            (ROOT, &root.certificate, Readers::Everyone),
            (ROOT_KEY, &root.key, Readers::Owner),
            (ISSUER, &issuer.certificate, Readers::Everyone),
            (ISSUER_KEY, &issuer.key, Readers::Owner),
            (NONCE_KEY, &nonce_key, Readers::Owner),
        ])?;
        Ok(Self { root, issuer, nonce_key })
    }

    /// Checks the contents of the files and that they belong together.
    fn check(&self, now: Time) -> Result<()> {
        let pair = |name, key, it: &CertAndKey| {
            ceremony::check_pair(&it.certificate, &it.key).with_context(|| format!("{name} and {key}"))
        };
        pair(ROOT, ROOT_KEY, &self.root)?;
        pair(ISSUER, ISSUER_KEY, &self.issuer)?;
        let issuer = Issuer::from_pem_chain(&self.issuer.certificate).context(ISSUER)?;
        issuer.check_time(now).context(ISSUER)?;
        if !is_signed_by(issuer.certificate_der(), &self.root.certificate)? {
            bail!("{ISSUER} is not signed by {ROOT}");
        }
        if b64::decode_secret(self.nonce_key.trim_end()).is_none_or(|key| key.len() != 32) {
            bail!("{NONCE_KEY} is not 32 bytes of unpadded base64url");
        }
        Ok(())
    }
}

fn new_root(tag: &str, years: u32, now: Time) -> Result<CertAndKey> {
    let made = ceremony::create_root(&format!("Selvedge dev root {tag} (NOT TRUSTED)"), now, years);
    made.context("cannot create the root")
}

/// The root of a folder, which is made if the folder has none.
fn kept_root(dir: &Path, now: Time) -> Result<CertAndKey> {
    let make = |missing: usize| {
        let tags = (0..missing).map(|_| Ok(hex::encode(&host::random::<TAG_BYTES>()?)));
        tags.map(|tag: Result<String>| new_root(&tag?, KEPT_ROOT_YEARS, now)).collect()
    };
    kept_roots::of(dir, 1, make)?.pop().context("no root was made")
}

/// Whether `root` signed this certificate.
fn is_signed_by(certificate: &[u8], root: &str) -> Result<bool> {
    let above = pem::read_certificates(root).context(ROOT)?.into_iter().next().unwrap_or_default();
    let (below, above) = (Parts::read(certificate).context(ISSUER)?, Parts::read(&above).context(ROOT)?);
    Ok(ceremony::is_issued_by(&below, &above))
}

/// Issues the server's certificate below an intermediate of its own.
///
/// The issuer's ledger has every serial that the issuer signed, and would not have this one.
fn server_certificate(root: &CertAndKey, called: ServerNames<'_>, now: Time) -> Result<CertAndKey> {
    let ca = ceremony::create_intermediate(root, "Selvedge dev server CA (NOT TRUSTED)", now, SERVER_CA_YEARS)?;
    let mut names = vec!["localhost"];
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for host in [&called.listen.host, called.base.host()].into_iter().chain(called.further) {
        match host {
            Host::Ip(ip) if !ip.is_unspecified() && !addresses.contains(ip) => addresses.push(*ip),
            Host::Name(name) if !names.contains(&name.as_str()) => names.push(name.as_str()),
            Host::Ip(_) | Host::Name(_) => {}
        }
    }
    Ok(ceremony::create_server_leaf(&ca, &names, &addresses, now, SERVER_DAYS)?)
}
