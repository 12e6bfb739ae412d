//! The options of `serve`.

use std::path::PathBuf;

use selvedge::ca::config::names::known;

use crate::common::ca_paths::CaPaths;
use crate::runtime::listen::Listen;

/// Options of `serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    pub place: CaPaths,
    /// The folder of all accounts, certificates and revocations. It is that of one CA for ever.
    #[arg(long, value_name = "DIR", default_value = "state")]
    pub state: PathBuf,
    /// The address for ACME clients and operators. [default: all IPv4 addresses, at the port of BASE_URL; with
    /// --plain-http 127.0.0.1:14000]
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<Listen>,
    /// The address for verifiers, who fetch CRLs and issuer certificates by plain http. [default: all IPv4 addresses, at
    /// the port of STATUS_URL; with --plain-http 127.0.0.1:14002]
    #[arg(long, value_name = "HOST:PORT")]
    pub status_listen: Option<Listen>,
    #[command(flatten)]
    pub tls: Tls,
    #[command(flatten)]
    pub key: TlsKey,
    /// A header with the client's address, which a proxy before this server sets or overwrites. [default: the address of
    /// the connection; with --plain-http none]
    #[arg(long, value_name = "HEADER", value_parser = header)]
    pub client_address_header: Option<String>,
    /// A secret of the Worker, as METRICS_TOKEN or WEBHOOK_SECRET, in a file. Only you may be able to read it. Those of
    /// the CA's folder need no option. Repeatable.
    #[arg(long, value_name = "NAME=FILE", value_parser = secret)]
    pub secret: Vec<(String, PathBuf)>,
    /// A file for all output once the server is up. SIGUSR1 opens it again, for logrotate. [default: standard output
    /// and standard error]
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// How long a certificate of --tls-from-ca is used before it is renewed, in seconds. For tests.
    #[arg(long, value_name = "SECONDS", hide = true, value_parser = crate::common::number::range::<u64, 1, 31_536_000>)]
    pub endpoint_certificate_use: Option<u64>,
}

/// The source of the certificate for https.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct Tls {
    /// The certificate chain for https, PEM, with the key of --tls-key. Both are loaded again when they change.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Have the CA itself issue the certificate for the host of BASE_URL, and renew it.
    #[arg(long)]
    pub tls_from_ca: bool,
    /// Serve http, for a proxy on this machine or its network that ends TLS. BASE_URL remains https.
    #[arg(long)]
    pub plain_http: bool,
}

/// The other half of `--tls-cert`.
#[derive(Clone, Debug, clap::Args)]
pub struct TlsKey {
    /// The key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// Parses the name of a header.
fn header(text: &str) -> Result<String, String> {
    let usable = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    usable.then(|| text.to_owned()).ok_or_else(|| format!("{text:?} is not the name of a header, as X-Forwarded-For"))
}

/// Parses `NAME=FILE`.
fn secret(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or("write it as NAME=FILE")?;
    known(name).map_err(|near| {
        format!("unknown setting {name:?}; similar names: {} (docs/CONFIGURATION.md has all)", near.join(", "))
    })?;
    Ok((name.to_owned(), file.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_header_or_secret_is_refused() {
        assert_eq!(header("X-Forwarded-For"), Ok("X-Forwarded-For".to_owned()));
        assert!(header("X Forwarded").unwrap_err().contains("X-Forwarded-For") && header("").is_err());
        assert_eq!(secret("EAB_KEYS=a=b"), Ok(("EAB_KEYS".to_owned(), "a=b".into())));
        assert!(secret("EAB_KEY=x").unwrap_err().contains("EAB_KEYS"));
        assert!(secret("EAB_KEYS").is_err() && secret("EAB_KEYS=").is_err());
    }
}
