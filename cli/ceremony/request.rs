//! `issuer request`: creates a key and its request, for a company's CA to sign.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::{Constraints, create_issuer_csr, new_key};
use selvedge::values::SigAlg;
use zeroize::Zeroizing;

use super::folder::{CaFolder, FIRST, NONCE_KEY, NewFile, issuer_file};
use super::init::new_nonce_key;
use super::log_key::Logging;
use super::names::{Permits, ca_name, issuer_name};
use super::report;
use crate::common::ca_paths::CaPaths;
use crate::common::host;
use crate::common::invocation::companion;
use crate::common::shell::quoted;

/// Options of `issuer request`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: CaPaths,
    /// The issuer's name: "NAME Issuing CA", from the second on with its number.
    #[arg(long, value_parser = ca_name)]
    name: String,
    #[command(flatten)]
    permits: Permits,
    #[command(flatten)]
    logging: Logging,
}

/// Creates and writes both, and prints the next steps.
pub fn run(options: &Options) -> Result<()> {
    let folder = CaFolder::open(&options.place.ca)?;
    if let Some(pending) = folder.pending()? {
        let (request, key) = (issuer_file(pending.number, "csr"), issuer_file(pending.number, "key"));
        bail!(
            "the request {} is still pending: import its certificate with `selvedge issuer import`, or delete the \
             request and its key {}",
            folder.path(&request).display(),
            folder.path(&key).display()
        );
    }
    let slot = folder.free_slot()?;
    let constraints = match folder.slots()?.iter().max_by_key(|slot| slot.from) {
        Some(present) => options.permits.or_those_of(&present.certificate()?)?,
        None => options.permits.constraints()?,
    };
    let key = new_key(SigAlg::Es256)?;
    let request = create_issuer_csr(&key, &issuer_name(&options.name, slot), &constraints);
    let request = request.context("cannot create the request")?;
    let pem = Zeroizing::new(key.to_pkcs8_pem()?);
    let mut files =
        vec![NewFile::secret(issuer_file(slot, "key"), pem), NewFile::public(issuer_file(slot, "csr"), &request)];
    if !folder.has(NONCE_KEY) {
        files.push(NewFile::secret(NONCE_KEY, new_nonce_key()?));
        files.extend(options.logging.key_file()?);
    }
    folder.write(&files, None)?;
    host::print(&text(options, &folder, slot, &constraints));
    Ok(())
}

fn text(options: &Options, folder: &CaFolder, slot: u8, constraints: &Constraints) -> String {
    let file = folder.path(&issuer_file(slot, "csr"));
    let mut out = String::from("The request was created.\n\n");
    let _ = writeln!(out, "  request   {}  (for the company's CA)", file.display());
    let _ = writeln!(out, "            to permit {}", report::constraints(constraints));
    let _ = writeln!(out, "  key       {}  (stays here)", folder.path(&issuer_file(slot, "key")).display());
    let _ = writeln!(
        out,
        "\nHave the request signed as it is: a CA certificate with pathLen 0, keyCertSign and cRLSign, and exactly these\n\
         name constraints, critical. With the certificate, the ones above it and the root, all PEM:\n"
    );
    let ca = quoted(&options.place.ca);
    let takes_over = if slot == FIRST { "" } else { " --takes-over 2027-01-31T00:00:00Z" };
    let _ = writeln!(
        out,
        "  {} issuer import --ca {ca} --certificate chain.pem --root company-root.pem{takes_over}",
        companion()
    );
    out
}
