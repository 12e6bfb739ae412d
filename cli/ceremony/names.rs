//! Names in options: the CA's own, and the permitted names of an issuer.

use anyhow::{Context, Result};
use selvedge::pki::ceremony::{Constraints, IpRange};
use selvedge::values::identifier::DnsName;
use selvedge::values::x509::Parts;
use selvedge::values::{SigAlg, Time};
use url::Url;
use x509_cert::der::Decode;
use x509_cert::name::Name;

use super::folder::FIRST;

/// The options for an issuer's name constraints.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Permits {
    /// A DNS name to permit, with all names below it; one or several. Everything else is excluded: IP addresses need
    /// `--permit-ip`.
    #[arg(long = "permit-dns", value_name = "NAME", num_args = 1.., value_parser = suffix)]
    dns: Vec<DnsName>,
    /// A range of IP addresses to permit, as 10.0.0.0/8; one or several. Everything else is excluded: DNS names need
    /// `--permit-dns`.
    #[arg(long = "permit-ip", value_name = "RANGE", num_args = 1..)]
    ip: Vec<IpRange>,
    /// With --permit-dns: permit any IP address. Some verifiers fail at constraints on addresses (docs/VERIFIERS.md).
    #[arg(long, requires = "dns", conflicts_with = "ip")]
    permit_any_ip: bool,
    /// No constraints, whatever the present issuer has.
    #[arg(long, conflicts_with_all = ["dns", "ip"])]
    no_permit: bool,
}

impl Permits {
    /// The constraints; empty without options.
    ///
    /// # Errors
    /// For a wildcard.
    pub fn constraints(&self) -> Result<Constraints> {
        let constraints = Constraints::new(&self.dns, &self.ip)?;
        Ok(if self.permit_any_ip { constraints.with_any_ip() } else { constraints })
    }

    /// The constraints, or without options those of this certificate (DER).
    ///
    /// # Errors
    /// When the certificate's have a form that cannot be repeated.
    pub fn or_those_of(&self, certificate: &[u8]) -> Result<Constraints> {
        let given = self.constraints()?;
        if !given.is_none() || self.no_permit {
            return Ok(given);
        }
        Constraints::of(&Parts::read(certificate).context("the present issuer's certificate")?)
            .context("the present issuer's constraints cannot be repeated; give them with --permit-dns and --permit-ip")
    }
}

fn suffix(text: &str) -> Result<DnsName, String> {
    let name = DnsName::parse(text).map_err(|fault| format!("{text:?} {fault}"))?;
    if name.is_wildcard() {
        return Err(format!("{text:?}: a permitted name covers all names below it; write {}", name.base()));
    }
    Ok(name)
}

/// A jurisdiction of Cloudflare's Durable Objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Jurisdiction {
    /// The European Union.
    Eu,
    /// Data centres with FedRAMP authorisation.
    Fedramp,
    /// The United States.
    Us,
}

impl Jurisdiction {
    /// The value of JURISDICTION.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eu => "eu",
            Self::Fedramp => "fedramp",
            Self::Us => "us",
        }
    }
}

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Algorithm {
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-256.
    P256,
}

impl Algorithm {
    /// The signature algorithm.
    pub fn alg(self) -> SigAlg {
        match self {
            Self::P384 => SigAlg::Es384,
            Self::P256 => SigAlg::Es256,
        }
    }
}

/// Parses the CA's URL: scheme and host, as the Worker requires it.
///
/// # Errors
/// What to write instead.
pub fn base_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}; write it as https://ca.example.org"))?;
    if url.scheme() != "https" || !url.has_host() {
        return Err("clients need https; write it as https://ca.example.org".to_owned());
    }
    let origin = url.origin().ascii_serialization();
    if origin != text {
        return Err(format!("expected scheme and host, without a slash at the end; write {origin}"));
    }
    Ok(origin)
}

/// Parses an RFC 3339 time.
///
/// # Errors
/// What to write instead.
pub fn instant(text: &str) -> Result<Time, String> {
    Time::parse_rfc3339(text).ok_or_else(|| format!("{text:?} is not a time; write it as 2027-01-31T00:00:00Z"))
}

/// Checks the name of a CA.
///
/// # Errors
/// What to write instead.
pub fn ca_name(text: &str) -> Result<String, String> {
    if text.trim() != text || text.is_empty() || text.chars().any(char::is_control) {
        return Err("expected a name for the CA, as \"Example\"".to_owned());
    }
    Ok(text.to_owned())
}

/// The common name of an issuer, unique within the CA.
pub fn issuer_name(name: &str, slot: u8) -> String {
    if slot == FIRST { format!("{name} Issuing CA") } else { format!("{name} Issuing CA {slot}") }
}

/// The common name of the issuer that follows the one of this certificate (DER).
///
/// # Errors
/// When the certificate has no common name.
pub fn next_name(certificate: &[u8], slot: u8) -> Result<String> {
    let present =
        common_name(certificate)?.context("the present issuer has no common name; give one with --name NAME")?;
    let base = match present.rsplit_once(' ') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => base,
        _ => &present,
    };
    Ok(format!("{base} {slot}"))
}

/// The common name of a certificate (DER).
///
/// # Errors
/// When it cannot be read.
pub fn common_name(certificate: &[u8]) -> Result<Option<String>> {
    let parts = Parts::read(certificate).context("a certificate is unreadable")?;
    let name = Name::from_der(parts.subject).context("a certificate's name is unreadable")?;
    let called = name.common_name().context("a certificate's name is unreadable")?;
    Ok(called.map(|text| text.value().into_owned()))
}
