//! The disposable CA in the state folder: a root, the intermediate that signs for clients, and the server's
//! own certificate, which is made anew at each start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use selvedge::pki::ceremony::{self, CertAndKey};
use selvedge::pki::{Issuer, pem};
use selvedge::values::x509::Parts;
use selvedge::values::{Time, b64};

use super::base::Base;
use super::capnp::Keypair;
use super::listen::{Host, Listen};
use super::state::{Readers, State};
use crate::common::host;

/// The root certificate, which clients have to trust.
pub const ROOT: &str = "root.pem";
/// The certificate of the issuer, which clients get below theirs.
pub const ISSUER: &str = "intermediate.pem";
/// The issuer's private key.
pub const ISSUER_KEY: &str = "intermediate.key";
/// What protects replay nonces.
pub const NONCE_KEY: &str = "nonce.key";
const ROOT_KEY: &str = "root.key";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server.key";
/// The name under which the files above are written together.
const SET: &str = "new-ca";

/// Years that the root lives: longer than anybody keeps a disposable state folder.
const ROOT_YEARS: u32 = 10;
/// Years that the intermediate lives.
const ISSUER_YEARS: u32 = 5;
/// Years that the server's intermediate lives: as few as there are, it is thrown away at the end.
const SERVER_CA_YEARS: u32 = 1;
/// Days that the server's certificate lives; a `dev` that runs longer makes another in time.
const SERVER_DAYS: u32 = 90;
/// After how much of that it does.
pub const SERVER_RENEWAL: Duration = Duration::from_secs(60 * 86_400);
/// Random bytes in the names of the CA, by which two of them are told apart in a trust store.
const TAG_BYTES: usize = 4;

/// The CA of the state folder, checked, and the certificate to serve with.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The root, with its key.
    pub root: CertAndKey,
    /// The certificate of the server itself.
    pub keypair: Keypair,
}

/// What the server is called: the host of its URL, and where it listens.
#[derive(Clone, Copy, Debug)]
pub struct ServerNames<'a> {
    /// Its URL.
    pub base: &'a Base,
    /// Where it listens.
    pub listen: &'a Listen,
}

/// The files that make up the CA.
struct Files {
    root: CertAndKey,
    issuer: CertAndKey,
    nonce_key: String,
}

impl Authority {
    /// The CA that is in the state folder, or a new one where there is none, with a new server certificate.
    ///
    /// # Errors
    /// When what is there is incomplete or damaged: nothing is replaced then. And when files cannot be written.
    pub fn of(state: &State, names: ServerNames<'_>, now: Time) -> Result<Self> {
        state.set(SET).finish()?;
        let files = match Files::read(state)? {
            Some(files) => files,
            None => Files::create(state, now)?,
        };
        files.check(now).map_err(|found| unusable(state, &found))?;
        let keypair = Keypair { key: state.path(SERVER_KEY), chain: state.path(SERVER) };
        let authority = Self { root: files.root, keypair };
        authority.certify_server(state, names, now)?;
        Ok(authority)
    }

    /// Makes another certificate for the server, in the place of the one before.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn certify_server(&self, state: &State, names: ServerNames<'_>, now: Time) -> Result<()> {
        let server = server_certificate(&self.root, names, now).context("cannot make the server's certificate")?;
        state.write(SERVER_KEY, &server.key, Readers::Owner)?;
        state.write(SERVER, &server.certificate, Readers::Everyone)
    }
}

/// What was found, and what to do about it.
fn unusable(state: &State, found: &Error) -> Error {
    anyhow!(
        "the CA in {folder} cannot be used: {found:#}. Restore its files from a copy, or delete {folder} to start \
         with a new CA",
        folder = state.dir().display()
    )
}

impl Files {
    /// Reads them; `None` when not one of them exists.
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

    /// Makes a new CA, whole or not at all.
    fn create(state: &State, now: Time) -> Result<Self> {
        let tag = host::random::<TAG_BYTES>()?.map(|byte| format!("{byte:02x}")).concat();
        let root = ceremony::create_root(&format!("Selvedge dev root {tag} (NOT TRUSTED)"), now, ROOT_YEARS);
        let root = root.context("cannot make the root")?;
        let name = format!("Selvedge dev intermediate {tag} (NOT TRUSTED)");
        let issuer = ceremony::create_intermediate(&root, &name, now, ISSUER_YEARS);
        let issuer = issuer.context("cannot make the intermediate")?;
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

    /// Checks that the files are what they are called, and belong together.
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
        if b64::decode(self.nonce_key.trim_end()).is_none_or(|key| key.len() != 32) {
            bail!("{NONCE_KEY} is not 32 bytes of unpadded base64url");
        }
        Ok(())
    }
}

/// Whether `root`, a CA made here, signed this certificate.
fn is_signed_by(certificate: &[u8], root: &str) -> Result<bool> {
    let above = pem::read_certificates(root).context(ROOT)?.into_iter().next().unwrap_or_default();
    let (below, above) = (Parts::read(certificate).context(ISSUER)?, Parts::read(&above).context(ROOT)?);
    Ok(ceremony::is_issued_by(&below, &above))
}

/// A certificate for the server, below an intermediate that exists for it alone: the issuer's ledger knows
/// every serial that the issuer ever signed, and this one would not be in it.
fn server_certificate(root: &CertAndKey, called: ServerNames<'_>, now: Time) -> Result<CertAndKey> {
    let ca = ceremony::create_intermediate(root, "Selvedge dev server CA (NOT TRUSTED)", now, SERVER_CA_YEARS)?;
    let mut names = vec!["localhost"];
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    for host in [&called.listen.host, called.base.host()] {
        match host {
            Host::Ip(ip) if !ip.is_unspecified() && !addresses.contains(ip) => addresses.push(*ip),
            Host::Name(name) if !names.contains(&name.as_str()) => names.push(name.as_str()),
            Host::Ip(_) | Host::Name(_) => {}
        }
    }
    Ok(ceremony::create_server_leaf(&ca, &names, &addresses, now, SERVER_DAYS)?)
}
