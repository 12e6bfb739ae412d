//! The root's CRL: signed with the root, with every issuer, on revocation (`issuer revoke`) and on renewal (`issuer crl`).

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use futures_util::FutureExt;
use selvedge::ca::config::issuers;
use selvedge::ca::config::root_list::RootList;
use selvedge::pki::Issuer;
use selvedge::pki::ceremony::Root;
use selvedge::pki::crl::read::{ReceivedCrl, ReceivedCrlEntry};
use selvedge::pki::pem;
use selvedge::values::Time;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::x509::Parts;

use super::folder::{CaFolder, NewFile, ROOT, ROOT_KEY, issuer_file};
use super::passphrase::open_key;
use super::report;
use crate::common::ca_paths::CaPaths;
use crate::common::config_edit::ConfigEdit;
use crate::common::invocation::companion;
use crate::common::{files, host};

/// The root's CRL.
pub const ROOT_CRL: &str = "root.crl";
/// The setting for it.
const SETTING: &str = "ROOT_CRL";
/// Its path below the CA's URL for verifiers.
const PATH: &str = "/crl/root.crl";

/// The options for the root's key.
#[derive(Clone, Debug, clap::Args)]
pub struct Key {
    /// The root's private key [default: DIR/root.key].
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// A file with the passphrase of the root's key [default: ask on the terminal].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Key {
    /// Opens the root of a folder with its key.
    fn open(&self, folder: &CaFolder, now: Time) -> Result<Root> {
        let key_file = self.root_key.clone().unwrap_or_else(|| folder.path(ROOT_KEY));
        let root = folder.require(ROOT)?;
        let key = open_key(&key_file, self.passphrase_file.as_deref())?;
        Root::read(&root, key, now)
            .with_context(|| format!("{} with {}", folder.path(ROOT).display(), key_file.display()))
    }
}

/// The reasons to revoke an intermediate (RFC 5280 §5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Reason {
    /// Its key was or may be compromised.
    Compromised,
    /// It was replaced.
    Superseded,
    /// It is not needed any more.
    Ended,
}

impl Reason {
    fn code(self) -> u8 {
        match self {
            Self::Compromised => 2,
            Self::Superseded => 4,
            Self::Ended => 5,
        }
    }
}

/// Options of `issuer revoke`.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "which", required = true, multiple = false, args = ["issuer", "certificate"])]
pub struct RevokeOptions {
    #[command(flatten)]
    place: CaPaths,
    /// The number of the issuer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=9))]
    issuer: Option<u8>,
    /// The certificate of an intermediate that the root signed (PEM), if not in the folder.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The reason.
    #[arg(long, value_enum)]
    reason: Reason,
    #[command(flatten)]
    key: Key,
}

/// Options of `issuer crl`.
#[derive(Clone, Debug, clap::Args)]
pub struct CrlOptions {
    #[command(flatten)]
    place: CaPaths,
    /// Years for which the CRL is valid [default: until the last issuer expires].
    #[arg(long, value_name = "YEARS", value_parser = clap::value_parser!(u32).range(1..=50), conflicts_with = "take_in")]
    years: Option<u32>,
    /// A CRL of the root (PEM) that was signed on another machine, to publish here.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root_key", "passphrase_file"])]
    take_in: Option<PathBuf>,
    #[command(flatten)]
    key: Key,
}

/// The URL of the root's CRL, which each new intermediate names.
///
/// # Errors
/// When the settings have neither STATUS_URL nor BASE_URL.
pub fn url(settings: &ConfigEdit) -> Result<String> {
    if let Some(status) = settings.get("STATUS_URL")? {
        return Ok(format!("{}{PATH}", status.trim_end_matches('/')));
    }
    let base = settings.get("BASE_URL")?.with_context(|| {
        format!("{} has no BASE_URL, below which the root's CRL is published", settings.path().display())
    })?;
    let rest = base.strip_prefix("https://").unwrap_or(base);
    Ok(format!("http://{}{PATH}", rest.trim_end_matches('/')))
}

/// The current CRL.
///
/// # Errors
/// When it cannot be read, or is not the root's.
pub fn present(folder: &CaFolder, root_pem: &str) -> Result<Option<ReceivedCrl>> {
    let Some(text) = folder.read(ROOT_CRL)? else { return Ok(None) };
    let shown = || folder.path(ROOT_CRL).display().to_string();
    checked(&text, root_pem).map(|list| Some(list.list().clone())).with_context(shown)
}

/// The CRL in a file.
///
/// # Errors
/// As [`present`].
pub fn of_file(file: &Path, root_pem: &str) -> Result<ReceivedCrl> {
    checked(&files::read_pem(file)?, root_pem)
        .map(|list| list.list().clone())
        .with_context(|| file.display().to_string())
}

/// Parses a CRL and checks that this root signed it.
fn checked(text: &str, root_pem: &str) -> Result<RootList> {
    let root = issuers::Root::read(root_pem).map_err(|what| anyhow!(what))?;
    let list = RootList::parse(text, Some(&root)).map_err(|what| anyhow!("the CRL cannot be used: {what}"))?;
    // Native verification is ready at once.
    match list.is_by(&root, &NativeCrypto).now_or_never() {
        Some(Ok(true)) => Ok(list),
        _ => bail!("the CRL is not signed by the key of the root {}", root.name()),
    }
}

/// Signs the CRL that follows `before`.
///
/// # Errors
/// When it cannot be signed.
pub fn sign(
    root: &Root,
    before: Option<&ReceivedCrl>,
    revoked: Option<ReceivedCrlEntry>,
    now: Time,
    until: Time,
) -> Result<String> {
    // Not valid for less time than the one before: verifiers keep that one.
    let until = before.map_or(until, |before| before.next_update.max(until));
    root.create_crl(before, revoked, now, until).context("cannot sign the root's CRL")
}

/// Writes a CRL into the settings; returns its file.
///
/// # Errors
/// When the settings cannot hold it.
pub fn set(settings: &mut ConfigEdit, list: &str) -> Result<NewFile> {
    settings.set(
        SETTING,
        list,
        "The root's CRL: which issuers are revoked (`selvedge issuer revoke`, `issuer crl`).",
    )?;
    Ok(NewFile::public(ROOT_CRL, list).replacing())
}

/// When the last issuer expires.
fn last_end(folder: &CaFolder) -> Result<Option<Time>> {
    let ends = folder.slots()?.into_iter().map(|slot| {
        let issuer = Issuer::from_pem_chain(&slot.chain).with_context(|| issuer_file(slot.number, "pem"))?;
        Ok(issuer.not_after())
    });
    Ok(ends.collect::<Result<Vec<_>>>()?.into_iter().max())
}

/// Revokes an intermediate.
pub fn revoke(options: &RevokeOptions) -> Result<()> {
    let now = host::now()?;
    let folder = CaFolder::existing(&options.place.ca)?;
    let mut settings = ConfigEdit::read(&options.place.wrangler)?;
    let root_pem = folder.require(ROOT)?;
    let before = present(&folder, &root_pem)?;
    let chain = match (options.issuer, &options.certificate) {
        (Some(number), _) => folder.require(&issuer_file(number, "pem"))?,
        (None, Some(file)) => files::read_pem(file)?,
        (None, None) => bail!("select the intermediate with --issuer N or --certificate FILE"),
    };
    let (serial, shown) = below_root(&chain, &root_pem)?;
    if let Some(entry) = before.as_ref().and_then(|before| before.entry(&serial)) {
        bail!("{shown} was already revoked at {}; `selvedge deploy` publishes the CRL", entry.at.rfc3339());
    }
    let root = options.key.open(&folder, now)?;
    let listed = ReceivedCrlEntry { serial, at: now, reason: Some(options.reason.code()) };
    let until = last_end(&folder)?.unwrap_or(root.not_after());
    let list = sign(&root, before.as_ref(), Some(listed), now, until)?;
    let file = set(&mut settings, &list)?;
    folder.write(&[file], Some(&settings))?;
    let mut out = format!("The intermediate is revoked:\n\n  {shown}\n\n");
    summary(&mut out, &folder, &settings, &list)?;
    let _ = writeln!(
        out,
        "\nVerifiers that check it refuse every certificate of this issuer once they have the new CRL. If it still \
         signs,\ncreate another first (`selvedge issuer new --takes-over`, a few minutes ahead). Then:\n\n  {} \
         deploy",
        companion()
    );
    host::print(&out);
    Ok(())
}

/// The serial number and description of the certificate in the chain that the root issued.
fn below_root(chain: &str, root_pem: &str) -> Result<(Vec<u8>, String)> {
    let root = issuers::Root::read(root_pem).map_err(|what| anyhow!(what))?;
    let ders = pem::read_certificates(chain)?;
    for der in &ders {
        let parts = Parts::read(der)?;
        if parts.issuer == root.subject() && parts.subject != root.subject() {
            if !selvedge::pki::ceremony::is_signed_by(parts.tbs, &parts.algorithm, parts.signature, root.spki_der()) {
                bail!("the certificate names {} as its issuer, but is not signed by its key", root.name());
            }
            return Ok((parts.serial.to_vec(), report::certificate(&pem::write_certificate(der)?)?));
        }
    }
    bail!("none of its certificates was issued by {}; its own issuer has to revoke it", root.name())
}

/// Renews the CRL, or imports one that was signed elsewhere.
pub fn renew(options: &CrlOptions) -> Result<()> {
    let now = host::now()?;
    let folder = CaFolder::existing(&options.place.ca)?;
    let mut settings = ConfigEdit::read(&options.place.wrangler)?;
    let root_pem = folder.require(ROOT)?;
    let before = present(&folder, &root_pem)?;
    let list = match &options.take_in {
        Some(file) => {
            let text = files::read_pem(file)?;
            let taken = checked(&text, &root_pem).with_context(|| file.display().to_string())?;
            check_newer(taken.list(), before.as_ref(), now)?;
            pem::write(pem::CRL, &taken.list().der)?
        }
        None => {
            let root = options.key.open(&folder, now)?;
            let until = match options.years {
                Some(years) => end_after(years, before.as_ref(), now)?,
                None => last_end(&folder)?.unwrap_or(root.not_after()),
            };
            sign(&root, before.as_ref(), None, now, until)?
        }
    };
    let file = set(&mut settings, &list)?;
    folder.write(&[file], Some(&settings))?;
    let mut out = String::from("The root's CRL was renewed.\n\n");
    summary(&mut out, &folder, &settings, &list)?;
    let _ = writeln!(out, "\nTo publish it:\n\n  {} deploy", companion());
    host::print(&out);
    Ok(())
}

/// The end of a CRL that is valid for so many years.
///
/// # Errors
/// When the current CRL is valid for longer: verifiers keep that one.
fn end_after(years: u32, before: Option<&ReceivedCrl>, now: Time) -> Result<Time> {
    let until = now.plus(core::time::Duration::from_secs(u64::from(years) * 365 * 24 * 3600));
    match before.map(|before| before.next_update).filter(|present| *present > until) {
        Some(present) => bail!(
            "--years {years} ends at {}, before the present CRL, which is valid until {}; omit --years, or give more",
            until.rfc3339(),
            present.rfc3339()
        ),
        None => Ok(until),
    }
}

/// Checks that an imported CRL is valid and not older than the current one.
fn check_newer(taken: &ReceivedCrl, before: Option<&ReceivedCrl>, now: Time) -> Result<()> {
    if taken.next_update <= now {
        bail!("the CRL expired at {}; sign another", taken.next_update.rfc3339());
    }
    if let Some(missing) =
        before.and_then(|before| before.entries.iter().find(|one| taken.entry(&one.serial).is_none()))
    {
        bail!(
            "the CRL lacks a certificate that is on the present one (revoked at {}): it is older",
            missing.at.rfc3339()
        );
    }
    Ok(())
}

/// Appends a description of a CRL.
///
/// # Errors
/// When it cannot be read.
pub fn summary(out: &mut String, folder: &CaFolder, settings: &ConfigEdit, list: &str) -> Result<()> {
    let read = ReceivedCrl::read(&pem::read_crl(list)?)?;
    let _ = writeln!(
        out,
        "  root CRL  {}\n            number {}, {} revoked, valid until {}\n  settings  {}: {SETTING}",
        folder.path(ROOT_CRL).display(),
        read.number_text(),
        read.entries.len(),
        read.next_update.rfc3339(),
        settings.path().display()
    );
    Ok(())
}
