//! `acceptance`: walks through an issuance and a revocation, and says what was found.
//!
//! It makes an external account key that is good for one name and for an hour, and leaves nothing that is usable: the
//! certificate is revoked, the account deactivated, the key disabled. The audit record keeps both operations of the key.

pub mod published;
mod report;
mod walk;

use std::time::Duration;

use anyhow::Result;
use selvedge::values::identifier::DnsName;

use super::client::Client;
use super::target::Target;
use report::Report;

/// Options of `acceptance`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The name of the certificate. Nothing has to answer there. [default: below a name that the issuer permits, else
    /// selvedge-acceptance.test]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<DnsName>,
    /// How long the CRL may take to list the revocation, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = crate::common::number::range::<u64, 1, 3600>)]
    patience: u64,
}

/// Reads the name of a certificate.
///
/// # Errors
/// When it is a wildcard, or not a DNS name.
pub fn name(text: &str) -> Result<DnsName, String> {
    let name = DnsName::parse(text).map_err(|fault| format!("{text:?} {fault}"))?;
    if name.is_wildcard() { Err(format!("{text:?} is a wildcard; give one name")) } else { Ok(name) }
}

/// Walks through everything; `false` when a step failed.
///
/// # Errors
/// When no authority or no token is known.
pub fn run(at: &Target, options: &Options) -> Result<bool> {
    let client = Client::open(at)?;
    let mut report = Report::new(at.json);
    let walk =
        walk::Walk { client: &client, name: options.name.as_ref(), patience: Duration::from_secs(options.patience) };
    walk.run(&mut report);
    report.end()
}
