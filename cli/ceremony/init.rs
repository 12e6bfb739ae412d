//! `init`: creates a root, the first issuer and the settings of the Worker.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
use selvedge::values::{SigAlg, Time, b64, encrypted_key};
use zeroize::Zeroizing;

use super::access::{self, Accounts};
use super::folder::{
    CaFolder, FIRST, LOG_KEY, NONCE_KEY, NewFile, ROOT, ROOT_KEY, issuer_file, public_settings, setting,
};
use super::log_key::Logging;
use super::names::{Algorithm, Jurisdiction, Permits, base_url, ca_name, issuer_name};
use super::passphrase::{Passphrase, open_key};
use super::root_crl::ROOT_CRL;
use super::tokens::{ADMIN_TOKENS, OPERATOR, Tokens};
use super::{report, root_crl};
use crate::common::ca_paths::CaPaths;
use crate::common::config_edit::ConfigEdit;
use crate::common::host::say;
use crate::common::{files, host};

/// Longest variable or secret of a Worker, in bytes.
const MAX_VARIABLE_BYTES: usize = 5_000;

/// Options of `init`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The CA's URL for clients, as https://ca.example.org. It can never change: account URLs begin with it.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    base_url: String,
    #[command(flatten)]
    place: CaPaths,
    /// The name in the CA's certificates: "NAME Root" and "NAME Issuing CA". [default: the host of --base-url]
    #[arg(long, value_parser = ca_name)]
    name: Option<String>,
    /// The algorithm of the root's key.
    #[arg(long, value_name = "ALGORITHM", default_value = "p384", conflicts_with = "root_certificate")]
    root_algorithm: Algorithm,
    /// The root's lifetime in years.
    #[arg(
        long,
        value_name = "YEARS",
        default_value_t = 20,
        value_parser = crate::common::number::range::<u32, 1, 50>,
        conflicts_with = "root_certificate"
    )]
    root_years: u32,
    /// The issuer's lifetime in years.
    #[arg(long, value_name = "YEARS", default_value_t = 5, value_parser = crate::common::number::range::<u32, 1, 30>)]
    issuer_years: u32,
    #[command(flatten)]
    permits: Permits,
    /// Who may make accounts. [default: ask on the terminal; with --passphrase-file or without a terminal: as
    /// wrangler.toml says]
    #[arg(long, value_name = "WHO")]
    accounts: Option<Accounts>,
    /// Where Cloudflare may keep the CA's data and run its objects. It can never change. [default: anywhere]
    #[arg(long, value_name = "WHERE")]
    jurisdiction: Option<Jurisdiction>,
    #[command(flatten)]
    logging: Logging,
    /// An existing root (PEM), instead of a new one.
    #[arg(long, value_name = "FILE", requires = "root_key")]
    root_certificate: Option<PathBuf>,
    /// The private key of that root (PKCS#8, PEM). It is not copied.
    #[arg(long, value_name = "FILE", requires = "root_certificate")]
    root_key: Option<PathBuf>,
    /// The CRL of that root (PEM), if it has one: its entries are kept.
    #[arg(long, value_name = "FILE", requires = "root_certificate")]
    root_crl: Option<PathBuf>,
    /// A file with the passphrase of the root's key [default: ask on the terminal].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Creates and writes everything, and prints the next steps.
pub fn run(options: &Options) -> Result<()> {
    let now = host::now()?;
    let mut settings = ConfigEdit::read(&options.place.wrangler)?;
    settings.refuse_any(&public_settings())?;
    let folder = CaFolder::open(&options.place.ca)?;
    let constraints = options.permits.constraints()?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => options.base_url.trim_start_matches("https://").to_owned(),
    };
    let (root, root_key) = make_root(options, &folder, &name, now)?;
    let accounts = match (options.accounts, &options.passphrase_file) {
        (None, None) => Accounts::ask()?,
        (given, _) => given,
    };
    settings.set("BASE_URL", &options.base_url, "The CA's URL for clients; it can never change.")?;
    settings.lead_to_worker(&options.base_url)?;
    if let Some(accounts) = accounts {
        accounts.set(&mut settings)?;
    }
    if let Some(jurisdiction) = options.jurisdiction {
        let comment = "Where Cloudflare keeps the CA's data; it can never change.";
        settings.set("JURISDICTION", jurisdiction.name(), comment)?;
    }
    let root = root.with_crl_url(&root_crl::url(&settings)?);
    let common_name = issuer_name(&name, FIRST);
    let plan = IssuerPlan {
        common_name: &common_name,
        algorithm: SigAlg::Es256,
        constraints: &constraints,
        years: options.issuer_years,
    };
    let issuer = root.create_issuer(plan, now).context("cannot create the issuer")?;
    let key = Zeroizing::new(issuer.key);
    let mut made = vec![
        NewFile::public(ROOT, root.certificate()),
        NewFile::public(issuer_file(FIRST, "pem"), &issuer.certificate),
        NewFile::secret(issuer_file(FIRST, "key"), key),
        NewFile::secret(NONCE_KEY, new_nonce_key()?),
        NewFile::secret(ADMIN_TOKENS, Tokens::first(OPERATOR)?.text()),
    ];
    made.extend(root_key.map(|pem| NewFile::secret(ROOT_KEY, pem)));
    made.extend(options.logging.key_file()?);
    let before = options.root_crl.as_deref().map(|file| root_crl::of_file(file, root.certificate())).transpose()?;
    let list = root_crl::sign(&root, before.as_ref(), None, now, issuer_end(&issuer.certificate)?)?;
    made.push(root_crl::set(&mut settings, &list)?);
    set_issuer(&mut settings, FIRST, &issuer.certificate, None)?;
    set_root(&mut settings, root.certificate())?;
    folder.write(&made, Some(&settings))?;
    let created = Created { issuer: &issuer.certificate, constraints: &constraints, root_crl: &list };
    let shown = text(options, &folder, &settings, root.certificate(), &created)?;
    host::print(&shown);
    Ok(())
}

/// The root, and the encrypted key of a new one.
fn make_root(options: &Options, folder: &CaFolder, name: &str, now: Time) -> Result<(Root, Option<String>)> {
    let passphrase_file = options.passphrase_file.as_deref();
    // Before the passphrase prompt.
    let (chain, key) = (issuer_file(FIRST, "pem"), issuer_file(FIRST, "key"));
    folder.refuse_existing(&[ROOT, ROOT_CRL, ROOT_KEY, &chain, &key, NONCE_KEY, LOG_KEY, ADMIN_TOKENS])?;
    if let (Some(certificate), Some(key_file)) = (&options.root_certificate, &options.root_key) {
        let pem = files::read_pem(certificate).context("the root's certificate")?;
        let key = open_key(key_file, passphrase_file)?;
        let root = Root::read(&pem, key, now)
            .with_context(|| format!("{} with {} cannot be the root", certificate.display(), key_file.display()))?;
        return Ok((root, None));
    }
    let passphrase = Passphrase::new("the root's key", passphrase_file)?;
    let root = Root::create(options.root_algorithm.alg(), &format!("{name} Root"), now, options.root_years);
    let root = root.context("cannot create the root")?;
    let encrypted = encrypted_key::encrypt(root.key(), passphrase.expose(), host::random()?, host::random()?);
    Ok((root, Some(encrypted.context("cannot encrypt the root's key")?)))
}

/// The expiry of an issuer, until which the root's CRL is valid. The next issuer brings the next CRL.
pub fn issuer_end(chain: &str) -> Result<Time> {
    Ok(Issuer::from_pem_chain(chain).context("the new issuer")?.not_after())
}

/// A new key of replay nonces: 32 random bytes.
///
/// # Errors
/// When this machine has no random bytes.
pub fn new_nonce_key() -> Result<Zeroizing<String>> {
    Ok(Zeroizing::new(b64::encode(&*Zeroizing::new(host::random::<32>()?))))
}

/// Sets the chain of an issuer and when it takes over.
pub fn set_issuer(settings: &mut ConfigEdit, slot: u8, chain: &str, from: Option<Time>) -> Result<()> {
    let comment = "The issuer chain that clients get after their certificate, without the root (`selvedge init`).";
    let name = setting("ISSUER_CHAIN", slot);
    if chain.len() > MAX_VARIABLE_BYTES {
        say(format!(
            "{name} is {} bytes long, but Cloudflare's limit is {MAX_VARIABLE_BYTES}: it cannot be deployed. Certificates with \
             ECDSA keys are a third as long; leave out those that clients already have",
            chain.len()
        ));
    }
    settings.set(&name, chain, comment)?;
    if let Some(from) = from {
        settings.set(&setting("ISSUER_ACTIVE_FROM", slot), &from.rfc3339(), "When this issuer takes over.")?;
    }
    Ok(())
}

/// Sets the root.
pub fn set_root(settings: &mut ConfigEdit, root: &str) -> Result<()> {
    settings.set("ROOT_CERTIFICATE", root, "The root certificate, which clients have to trust.")
}

/// The created issuer, for the output.
#[derive(Clone, Copy)]
pub struct Created<'a> {
    /// Its chain, PEM.
    pub issuer: &'a str,
    /// Its name constraints.
    pub constraints: &'a Constraints,
    /// The new CRL of the root, PEM.
    pub root_crl: &'a str,
}

fn text(
    options: &Options,
    folder: &CaFolder,
    settings: &ConfigEdit,
    root: &str,
    created: &Created<'_>,
) -> Result<String> {
    let Created { issuer, constraints, root_crl: list } = *created;
    let mut out = String::from("The CA was created.\n\n");
    let _ = writeln!(out, "  root      {}\n            {}", folder.path(ROOT).display(), report::certificate(root)?);
    let file = folder.path(&issuer_file(FIRST, "pem"));
    let _ = writeln!(out, "  issuer    {}\n            {}", file.display(), report::certificate(issuer)?);
    let _ = writeln!(out, "            permits {}", report::constraints(constraints));
    root_crl::summary(&mut out, folder, settings, list)?;
    let _ = writeln!(out, "            and BASE_URL, ISSUER_CHAIN, ROOT_CERTIFICATE");
    let _ = writeln!(
        out,
        "  tokens    {}: one token, {OPERATOR}, for the operations API (`eab`, `certs`, `policy`)",
        folder.path(ADMIN_TOKENS).display()
    );
    if options.root_key.is_none() {
        let key = folder.path(ROOT_KEY);
        let _ = writeln!(
            out,
            "\n{} is the root's key, encrypted. Take it offline now: copy it to two media that are kept apart, the\n\
             passphrase kept elsewhere, and delete it here. Only the next issuer needs it (`selvedge issuer new`).\n\
             Clients that trust the CA need {}.",
            key.display(),
            folder.path(ROOT).display()
        );
    }
    let _ = writeln!(
        out,
        "\nKeep {} out of version control, and a copy of it in a safe place: a secret cannot be read back.",
        options.place.ca.display()
    );
    let _ = writeln!(out, "\nTo try it on this machine:\n\n{}", report::try_here(&options.place.ca));
    let _ = write!(out, "To deploy it to Cloudflare:\n\n{}", report::deploy());
    out.push_str(&access::notice(settings)?);
    Ok(out)
}
