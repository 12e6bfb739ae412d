//! The options of `dev`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use selvedge::values::identifier::DnsName;
use url::Url;

use super::assignment::{Assignment, assignment};
use super::pki;
use crate::common::number;
use crate::runtime::base::{self, Base};
use crate::runtime::listen::{Host, Listen};

/// Options of `dev`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The address to listen at. Port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:14000")]
    pub listen: Listen,
    /// The server's URL for clients, as https://ca.lan:14000, if other than its listening address. The server then
    /// answers under that URL only.
    #[arg(long, value_name = "URL", value_parser = base::parse)]
    pub base_url: Option<Base>,
    /// The folder of the disposable CA and of all accounts and certificates. Clients have to trust DIR/root.pem.
    #[arg(long, value_name = "DIR", default_value = ".selvedge")]
    pub state: PathBuf,
    /// The Worker's settings. [default: a CA's wrangler.toml in this folder, else the companion's own]
    #[arg(long, value_name = "FILE")]
    pub wrangler: Option<PathBuf>,
    /// The folder of a persistent CA (see `init`) to try out. Stand-in issuers with the same names, kinds of keys and
    /// constraints sign, with throw-away keys below the root of the state folder.
    #[arg(long, value_name = "DIR")]
    pub ca: Option<PathBuf>,
    /// Sign with the real keys of --ca. The certificates are trusted like that CA's, but missing in its records; and every
    /// program of this machine can set DNS records here.
    #[arg(long, requires = "ca")]
    pub sign_with_real_keys: bool,
    /// The port for http-01 challenges.
    #[arg(long, value_name = "PORT", default_value_t = 5002, value_parser = number::port)]
    pub http01_port: u16,
    /// The port for tls-alpn-01 challenges.
    #[arg(long, value_name = "PORT", default_value_t = 5001, value_parser = number::port)]
    pub tls_alpn_port: u16,
    /// A DNS-over-HTTPS resolver for all names, instead of the built-in one.
    #[arg(long, value_name = "URL", value_parser = resolver_url)]
    pub resolver: Option<Url>,
    /// Serve http instead of https. Some clients refuse that.
    #[arg(long)]
    pub plain_http: bool,
    /// Bind the issuers' keys like Cloudflare's `secret_key`. The Worker signs with them and cannot read them.
    #[arg(long)]
    pub key_binding: bool,
    /// Keep everything in memory, for this run only. No folder is left, and no write waits for a disk.
    #[arg(long, conflicts_with = "state")]
    pub ephemeral: bool,
    /// A folder with the root of the disposable CA: root-0.pem and root-0.key. They are made if missing, and stay, so that
    /// clients trust one root in all runs.
    #[arg(long, value_name = "DIR")]
    pub root_dir: Option<PathBuf>,
    /// Run another CA in this process, with its own state and a free port. Repeatable. DNS records hold for all CAs.
    #[arg(long, value_name = "NAME", value_parser = another)]
    pub another: Vec<String>,
    /// A file to write all addresses to, as JSON, once all CAs answer.
    #[arg(long, value_name = "FILE")]
    pub addresses: Option<PathBuf>,
    /// A further name or address of the server's own certificate. Repeatable.
    #[arg(long, value_name = "NAME", value_parser = host)]
    pub certificate_name: Vec<Host>,
    /// Accept every challenge that a client answers, without a look-up.
    #[arg(long)]
    pub always_valid: bool,
    /// Issue without challenges: every name is pre-authorized.
    #[arg(long)]
    pub preauthorized: bool,
    /// Set a variable or secret of the Worker, as POLICY or TERMS_OF_SERVICE. It replaces that of wrangler.toml or
    /// `dev`. NAME=@FILE reads a file, so that a secret is on no command line; write @@ for a leading @. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<Assignment>,
    /// Refuse this share of valid nonces, to test clients. A CA with several data centres may refuse some. The nonce in
    /// the refusal is accepted.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = number::range::<u8, 0, 50>)]
    pub refuse_nonces: u8,
    /// Log certificates in a transparency log, with a key of the state folder. With real keys, that of --ca is used.
    #[arg(long)]
    pub log: bool,
    /// Let `selvedge faults` make the server fail on purpose, to test clients.
    #[arg(long)]
    pub faults: bool,
    /// How long the server's own certificate is used before it is renewed, in seconds. For tests.
    #[arg(long, value_name = "SECONDS", hide = true, default_value_t = pki::SERVER_RENEWAL.as_secs(), value_parser = number::range::<u64, 1, 5_184_000>)]
    pub server_certificate_use: u64,
}

impl Options {
    /// The options of another CA: its own folder and a free port.
    pub fn of_another(&self, name: &str, state: &Path) -> Self {
        let listen = Listen { host: self.listen.host.clone(), port: 0 };
        let root_dir = self.root_dir.as_deref().map(|dir| dir.join(name));
        Self { listen, base_url: None, state: state.join(OTHERS).join(name), root_dir, ..self.clone() }
    }
}

/// Longest name of another CA.
const MAX_NAME: usize = 40;
/// The folder of other CAs in the state folder.
const OTHERS: &str = "others";

/// Reads `--another`.
fn another(text: &str) -> Result<String, String> {
    let usable = !text.is_empty() && text.len() <= MAX_NAME;
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if usable && plain {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is not 1 to {MAX_NAME} of a to z, 0 to 9 and -; it is the name of a folder and in --addresses"
    ))
}

/// Reads `--certificate-name`.
fn host(text: &str) -> Result<Host, String> {
    match text.parse::<IpAddr>() {
        Ok(ip) => Ok(Host::Ip(ip)),
        Err(_) => DnsName::parse(text).map(Host::Name).map_err(|fault| format!("the name {text:?} {fault}")),
    }
}

fn resolver_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let usable = matches!(url.scheme(), "https" | "http") && url.has_host();
    usable.then_some(url).ok_or_else(|| "a DNS-over-HTTPS resolver is an https URL".to_owned())
}
