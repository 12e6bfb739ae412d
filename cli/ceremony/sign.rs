//! `issuer sign`: signs an issuer's request with the root, on the machine that has its key.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::{IssuerRequest, Root};

use super::passphrase::open_key;
use super::report;
use crate::common::files::{Readers, Staged};
use crate::common::invocation::companion;
use crate::common::shell::quoted;
use crate::common::{files, host};

/// Options of `issuer sign`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The request of `issuer request`; for a renewal, the same as before.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The root (PEM).
    #[arg(long, value_name = "FILE")]
    root_certificate: PathBuf,
    /// The root's private key (PKCS#8, PEM).
    #[arg(long, value_name = "FILE")]
    root_key: PathBuf,
    /// The file to write the certificate to.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The issuer's lifetime in years, from now.
    #[arg(long, value_name = "YEARS", default_value_t = 5, value_parser = crate::common::number::range::<u32, 1, 30>)]
    years: u32,
    /// The URL of the root's CRL in the certificate. It is `http://HOST/crl/root.crl` of the CA that gets the issuer.
    #[arg(long, value_name = "URL", value_parser = list_url)]
    crl_url: Option<String>,
    /// A file with the passphrase of the root's key [default: ask on the terminal].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Signs the request, writes the certificate and prints the next steps.
pub fn run(options: &Options) -> Result<()> {
    let now = host::now()?;
    if options.out.exists() {
        bail!("{} already exists and is not overwritten; choose another file with --out", options.out.display());
    }
    let request = IssuerRequest::read(&files::read_pem(&options.request)?)
        .with_context(|| format!("{} is not a request that can be signed", options.request.display()))?;
    let root_pem = files::read_pem(&options.root_certificate)?;
    let key = open_key(&options.root_key, options.passphrase_file.as_deref())?;
    let (certificate, key_file) = (options.root_certificate.display(), options.root_key.display());
    let root = Root::read(&root_pem, key, now).with_context(|| format!("{certificate} with {key_file}"))?;
    let root = match &options.crl_url {
        Some(url) => root.with_crl_url(url),
        None => root,
    };
    let signed = root.sign_request(&request, now, options.years).context("cannot sign the request")?;
    Staged::write(&options.out, &signed, Readers::Everyone)?.commit()?;
    let mut out = String::from("The request is signed.\n\n");
    let _ = writeln!(out, "  issuer    {}\n            {}", options.out.display(), report::certificate(&signed)?);
    let _ = writeln!(out, "            permits {}", report::constraints(request.constraints()));
    let _ = writeln!(
        out,
        "\nOn the machine where the request was made, with both certificates (and --takes-over for every issuer but the\n\
         first):\n\n  {} issuer import --certificate {} --root {}",
        companion(),
        quoted(&options.out),
        quoted(&options.root_certificate)
    );
    host::print(&out);
    Ok(())
}

fn list_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if url.scheme() == "http" && url.as_str() == text => Ok(text.to_owned()),
        _ => Err("verifiers fetch CRLs by plain http; write it as http://ca.example.org/crl/root.crl".to_owned()),
    }
}
