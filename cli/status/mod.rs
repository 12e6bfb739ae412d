//! `status`: the state of an authority, and what has to be renewed when.

mod ask;
mod crl;
pub mod facts;
mod judge;
mod show;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use selvedge::pki::pem;
use selvedge::values::Time;
use selvedge::values::x509::Parts;
use url::Url;

pub use ask::authority;
pub use selvedge::ca::health::issuers::ROOT_CRL_LEAD;

use crate::ceremony::ROOT;
use crate::common::ca_paths::CaPaths;
use crate::common::files::read_pem;
use crate::common::host::{now, print, say};
use crate::common::worker_config::{EXAMPLE_BASE_URL, WorkerConfig};
use crate::common::x509::display_name;
use crate::common::{peer, web};
use crate::operator::{KnownTarget, OperatorStatus, RunningDev, Target, no_target};
use facts::{Authority, Facts, Root};
use judge::judge;
use selvedge::ca::health::finding::Severity;

/// Exit code when something is due or wrong.
const DUE: u8 = 1;
/// Exit code when the state is unknown.
const UNKNOWN: u8 = 2;

/// Options of `status`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The authority's URL, or the variable SELVEDGE_URL. [default: a running `dev`, else BASE_URL in wrangler.toml]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The state folder of `dev`.
    #[arg(long, value_name = "DIR", default_value = ".selvedge")]
    state: PathBuf,
    /// A root certificate to trust for https, in place of those that browsers trust.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    /// A file with the admin token, or the variable SELVEDGE_TOKEN. [default: that of `dev`, or the CA's admin.tokens
    /// where the URL is BASE_URL] With a token the operator's status is added.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: CaPaths,
}

/// Prints the state. Exit codes: 0 nothing is due, 1 something is due or wrong, 2 the state is unknown.
pub fn run(options: &Options) -> ExitCode {
    match report(options) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(DUE),
        Err(error) => {
            say(format!("unknown: {error:#}"));
            ExitCode::from(UNKNOWN)
        }
    }
}

/// Prints the report; whether something is due or wrong.
fn report(options: &Options) -> Result<bool> {
    let said = Target::given_url(options.url.as_deref());
    let dev = if said.is_none() { RunningDev::running(&options.state)? } else { None };
    let explicit_url = said.is_some();
    let url = match (said, &dev) {
        (Some(url), _) => web::safe_url(&url).map(|_| url)?,
        (None, Some(dev)) => dev.url.clone(),
        (None, None) => base_url(&options.place.wrangler)?,
    };
    let trusted_root = options.root.clone().or_else(|| dev.as_ref().map(|dev| dev.root.clone()));
    let address = dev.as_ref().and_then(|dev| dev.address);
    let token_file = options.token_file.clone().or_else(|| dev.map(|dev| dev.token_file));
    let trusted = trusted_root.as_deref().map(read_pem).transpose()?;
    let agent = web::agent(trusted.as_deref(), address)?;
    let root = root(&options.place.ca.join(ROOT))?;
    let mut authority = ask::authority(&agent, &url)?;
    // An authority on this machine is a trial: its root's CRL is published elsewhere.
    let here = Url::parse(&url).is_ok_and(|url| web::is_loopback(&url));
    let published = root.as_ref().filter(|_| !here);
    if let Authority::Works(overview) = &mut authority {
        for issuer in &mut overview.issuers {
            issuer.fetched = ask::current_crl(&agent, issuer);
            issuer.elsewhere = ask::other_crls(&agent, issuer, published.map(|root| root.der.as_slice()));
        }
    }
    let operator = match &authority {
        Authority::Works(_) => {
            let token_file = token_file.as_deref();
            let known = KnownTarget { url: &url, explicit_url, token_file, paths: &options.place };
            OperatorStatus::fetch(&known, trusted_root, address)?
        }
        Authority::Refuses(_) => None,
    };
    let endpoint = endpoint(&url, address);
    let (facts, now) = (Facts { url, root, authority, endpoint, operator }, now()?);
    let findings = judge(&facts, now);
    if options.json {
        let text = serde_json::to_string_pretty(&show::json(&facts, &findings, now))?;
        print(&format!("{text}\n"));
    } else {
        print(&show::table(&facts, &findings, now));
    }
    Ok(findings.iter().any(|finding| finding.severity != Severity::Note))
}

/// The TLS certificate at an https URL, with its host. Faults are ignored, since the authority answered already.
fn endpoint(url: &str, address: Option<SocketAddr>) -> Option<(String, (Time, Time))> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https")?;
    let leaf = peer::certificate(&url, address).ok()?;
    let parts = Parts::read(&leaf).ok()?;
    Some((url.host_str()?.to_owned(), (parts.not_before, parts.not_after)))
}

fn base_url(settings: &Path) -> Result<String> {
    let config =
        WorkerConfig::read(settings).context("give the authority's URL with --url, or as BASE_URL in wrangler.toml")?;
    if config.var("BASE_URL") == Some(EXAMPLE_BASE_URL) {
        return Err(
            no_target().context(format!("BASE_URL in {} is the example, {EXAMPLE_BASE_URL}", settings.display()))
        );
    }
    let url = config.var("BASE_URL").map(str::to_owned);
    url.with_context(|| format!("{} has no BASE_URL; give the authority's URL with --url", settings.display()))
}

fn root(file: &Path) -> Result<Option<Root>> {
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let unreadable = || format!("{} is not a root certificate", file.display());
    let ders = pem::read_certificates(&text).with_context(unreadable)?;
    let der = ders.first().with_context(unreadable)?;
    let parts = Parts::read(der).with_context(unreadable)?;
    Ok(Some(Root { name: display_name(parts.subject), not_after: parts.not_after, der: der.clone() }))
}
