//! `issuer import`: checks and stores the certificate that a company's CA issued for a request.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::{IssuerRequest, ReturnedChain};
use selvedge::pki::pem;
use selvedge::values::Time;
use selvedge::values::native_crypto::NativeKey;
use zeroize::Zeroizing;

use super::folder::{CaFolder, FIRST, NewFile, Pending, ROOT, issuer_file, setting};
use super::init::{set_issuer, set_root};
use super::names::{base_url, instant};
use super::new::{check_reach, check_takeover};
use super::report;
use crate::common::ca_paths::CaPaths;
use crate::common::config_edit::ConfigEdit;
use crate::common::host::say;
use crate::common::{files, host};

/// Options of `issuer import`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// The certificate of the request, then those above it (PEM). The root may be the last.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The company's root (PEM), unless it is in the chain or was given before.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// When the issuer takes over, as 2027-01-31T00:00:00Z; for every issuer but the first.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    takes_over: Option<Time>,
    /// The CA's URL for clients, as https://ca.example.org; sets BASE_URL.
    #[arg(long, value_name = "URL", value_parser = base_url)]
    base_url: Option<String>,
}

/// Checks and writes the certificate, and prints the next steps.
pub fn run(options: &Options) -> Result<()> {
    let now = host::now()?;
    let folder = CaFolder::existing(&options.place.ca)?;
    let mut settings = ConfigEdit::read(&options.place.wrangler)?;
    let Some(pending) = folder.pending()? else {
        bail!("{} has no pending request; create one with `selvedge issuer request`", options.place.ca.display());
    };
    let slot = pending.number;
    settings.refuse_any(&[setting("ISSUER_CHAIN", slot), setting("ISSUER_ACTIVE_FROM", slot)])?;
    check_when(options, &folder, slot, now)?;
    let (root_before, root) = root(options, &folder)?;
    let (spki, request) = request(&folder, &pending)?;
    let chain = files::read_pem(&options.certificate)?;
    let returned = ReturnedChain::check(&chain, root.as_deref(), &spki, request.constraints(), now)
        .with_context(|| format!("{} was refused", options.certificate.display()))?;
    let mut made = vec![NewFile::public(issuer_file(slot, "pem"), &returned.chain)];
    if let Some(from) = options.takes_over {
        check_reach(&returned.chain, from)?;
        made.push(NewFile::public(issuer_file(slot, "from"), format!("{}\n", from.rfc3339())));
    }
    if !root_before {
        made.push(NewFile::public(ROOT, &returned.root));
    }
    set_issuer(&mut settings, slot, &returned.chain, options.takes_over)?;
    if slot == FIRST || settings.get("ROOT_CERTIFICATE")?.is_none() {
        set_root(&mut settings, &returned.root)?;
    }
    if let Some(url) = &options.base_url {
        settings.set("BASE_URL", url, "The CA's URL for clients; it can never change.")?;
    }
    folder.write(&made, Some(&settings))?;
    host::print(&text(options, &folder, &settings, slot, &returned)?);
    for warning in &returned.warnings {
        say(warning);
    }
    Ok(())
}

/// Checks --takes-over: required for every issuer but the first.
fn check_when(options: &Options, folder: &CaFolder, slot: u8, now: Time) -> Result<()> {
    match options.takes_over {
        None if slot == FIRST => Ok(()),
        Some(_) if slot == FIRST => bail!("the first issuer is active at once; omit --takes-over"),
        None => bail!("an issuer already exists; pass the time of the takeover with --takes-over"),
        Some(from) => check_takeover(&folder.slots()?, from, now),
    }
}

/// Whether the folder has a root, and the root where the chain has to end.
fn root(options: &Options, folder: &CaFolder) -> Result<(bool, Option<String>)> {
    let before = folder.read(ROOT)?;
    let given = options.root.as_deref().map(files::read_pem).transpose()?;
    if let (Some(before), Some(given)) = (&before, &given) {
        let ders = |text: &str| pem::read_certificates(text).context("a root's file");
        if ders(before)? != ders(given)? {
            bail!(
                "{} differs from the root passed with --root, and a CA has one root; use another folder (--ca DIR) and \
                 other settings (--wrangler FILE) for another CA",
                folder.path(ROOT).display()
            );
        }
    }
    Ok((before.is_some(), before.or(given)))
}

/// The public key of the request's private key, and the request.
fn request(folder: &CaFolder, pending: &Pending) -> Result<(Vec<u8>, IssuerRequest)> {
    let (key_file, csr_file) = (issuer_file(pending.number, "key"), issuer_file(pending.number, "csr"));
    let key = Zeroizing::new(folder.require(&key_file)?);
    let key = NativeKey::from_pkcs8_pem(&key).with_context(|| folder.path(&key_file).display().to_string())?;
    let request =
        IssuerRequest::read(&pending.request).with_context(|| folder.path(&csr_file).display().to_string())?;
    let spki = key.spki_der()?;
    if request.spki_der() != spki {
        bail!(
            "the request {} does not match the key {}: one of them was replaced; delete both and create a new request",
            folder.path(&csr_file).display(),
            folder.path(&key_file).display()
        );
    }
    Ok((spki, request))
}

fn text(
    options: &Options,
    folder: &CaFolder,
    settings: &ConfigEdit,
    slot: u8,
    returned: &ReturnedChain,
) -> Result<String> {
    let mut out = String::from("The issuer was imported.\n\n");
    let _ = writeln!(
        out,
        "  root      {}\n            {}",
        folder.path(ROOT).display(),
        report::certificate(&returned.root)?
    );
    let file = folder.path(&issuer_file(slot, "pem"));
    let _ = writeln!(out, "  issuer    {}\n            {}", file.display(), report::certificate(&returned.chain)?);
    let _ = writeln!(out, "            the whole chain is valid until {}", returned.not_after.rfc3339());
    let _ = writeln!(out, "  settings  {}: {}", settings.path().display(), setting("ISSUER_CHAIN", slot));
    if slot == FIRST && options.base_url.is_none() {
        let _ = writeln!(out, "\nSet BASE_URL there to the CA's URL for clients.");
    }
    let _ = writeln!(out, "\nTo try it on this machine:\n\n{}", report::try_here(&options.place.ca));
    let _ = write!(out, "To deploy it to Cloudflare:\n\n{}", report::deploy());
    Ok(out)
}
