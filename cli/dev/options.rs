//! The options of `dev`.

use std::path::PathBuf;

use anyhow::Result;
use url::Url;

use super::assignment::{Assignment, assignment};
use super::pki;
use crate::common::number;
use crate::runtime::base::{self, Base};
use crate::runtime::listen::Listen;

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
    /// Set a variable or secret of the Worker, as POLICY or TERMS_OF_SERVICE. It replaces that of wrangler.toml or
    /// `dev`. NAME=@FILE reads a file, so that a secret is on no command line; write @@ for a leading @. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<Assignment>,
    /// Refuse this share of valid nonces, to test clients. A CA with several data centres may refuse some. The nonce in
    /// the refusal is accepted.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = number::range::<u8, 0, 50>)]
    pub refuse_nonces: u8,
    /// Let `selvedge faults` make the server fail on purpose, to test clients.
    #[arg(long)]
    pub faults: bool,
    /// How long the server's own certificate is used before it is renewed, in seconds. For tests.
    #[arg(long, value_name = "SECONDS", hide = true, default_value_t = pki::SERVER_RENEWAL.as_secs(), value_parser = number::range::<u64, 1, 5_184_000>)]
    pub server_certificate_use: u64,
}

fn resolver_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let usable = matches!(url.scheme(), "https" | "http") && url.has_host();
    usable.then_some(url).ok_or_else(|| "a DNS-over-HTTPS resolver is an https URL".to_owned())
}
