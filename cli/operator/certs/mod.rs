//! `certs`: the inventory of issued certificates.

mod certificate;
mod import;
mod list;
mod replace;
mod revoke;
mod selection;

use std::path::PathBuf;

use anyhow::{Result, bail};
use certificate::{PATH, details, serial};

use super::client::Client;
use super::target::Target;
use crate::common::files::{Readers, Staged};
use crate::common::host;
use crate::common::host::{print, say};

/// The commands for certificates.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List certificates, the first to expire first.
    #[command(
        after_help = "Example: certificates that expire within a month (`renewed` with a successor):\n  selvedge certs \
                            list --status valid --ends-within 30d\nAs a table for other programs: selvedge certs list \
                            --all --csv > all.csv"
    )]
    List(Box<list::Options>),
    /// Show a certificate.
    #[command(after_help = "Example: selvedge certs show 0a1b2c (or 0A:1B:2C, as OpenSSL writes it)")]
    Show {
        /// The serial number in hexadecimal.
        #[arg(value_parser = serial)]
        serial: String,
    },
    /// Download a certificate with its chain (PEM).
    #[command(after_help = "Example: selvedge certs download 0a1b2c --out www.pem")]
    Download {
        /// The serial number in hexadecimal.
        #[arg(value_parser = serial)]
        serial: String,
        /// The file to write, which must not exist [default: standard output].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take certificates of another program, such as step-ca or Vault, into the inventory.
    #[command(
        after_help = "Example: certificates in a folder, and the CRL of the CA that issued them:\n  selvedge certs import \
                            export/ issuer.pem --crl old.crl --dry-run\nWhat Vault or OpenBao has: vault read \
                            -format=json pki/cert/SERIAL > export/SERIAL.json"
    )]
    Import(import::Options),
    /// Revoke one certificate or many, permanently: verifiers that check the CRL refuse them.
    #[command(
        after_help = "Example: a stolen key:\n  selvedge certs revoke 0a1b2c --reason keyCompromise\nAll certificates \
                            of an account, or of a stolen host:\n  selvedge certs revoke --account ID\n  selvedge \
                            certs revoke --name '*.db7.example.org' --reason keyCompromise"
    )]
    Revoke(Box<revoke::Options>),
    /// Have clients renew certificates early, by renewal information (ARI). Nothing is revoked.
    #[command(
        after_help = "Example: all certificates of the first issuer, because its key may be compromised:\n  selvedge \
                            certs replace --issuer 0123456789abcdef --reason \"issuer key lost\""
    )]
    Replace(Box<replace::Options>),
    /// List the replacements.
    #[command(after_help = "Example: selvedge certs replacements")]
    Replacements,
    /// Withdraw a replacement.
    #[command(after_help = "Example: selvedge certs withdraw ID (`certs replacements` lists them)")]
    Withdraw {
        /// The id of the replacement.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// Runs the command; `false` gives exit code 1.
pub fn run(at: &Target, command: &Command) -> Result<bool> {
    let client = Client::open(at)?;
    let now = host::now()?;
    match command {
        Command::List(options) => list::run(&client, at, options, now)?,
        Command::Show { serial } => client.get(&[PATH, serial], &[])?.show(at, |found| details(found, now)),
        Command::Download { serial, out } => download(&client, serial, out.as_ref())?,
        Command::Import(options) => import::run(&client, at, options)?,
        Command::Revoke(options) => revoke::run(&client, at, options, now)?,
        Command::Replace(options) => replace::run(&client, at, options)?,
        Command::Replacements => replace::list(&client, at)?,
        Command::Withdraw { id } => replace::withdraw(&client, at, id)?,
    }
    Ok(true)
}

fn download(client: &Client, serial: &str, out: Option<&PathBuf>) -> Result<()> {
    if let Some(out) = out.filter(|out| out.exists()) {
        bail!("{} already exists and is not overwritten; choose another file with --out", out.display());
    }
    let pem = client.text(&[PATH, serial, "pem"], &[])?;
    // Only PEM is printed or written, without control characters.
    if !pem.starts_with("-----BEGIN CERTIFICATE-----") || pem.chars().any(|c| c.is_control() && !"\r\n".contains(c)) {
        bail!("the authority's response is not a PEM certificate");
    }
    match out {
        None => print(&pem),
        Some(out) => {
            Staged::write(out, &pem, Readers::Everyone)?.commit()?;
            say(format!("wrote {}", out.display()));
        }
    }
    Ok(())
}
