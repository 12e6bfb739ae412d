//! The options of `dev`.

use std::path::PathBuf;

use anyhow::Result;
use url::Url;

use super::assignment::{Assignment, assignment};
use super::base::{self, Base};
use super::listen::Listen;
use super::pki;
use crate::common::number;

/// What `dev` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the server listens. With port 0 it takes any that is free.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:14000")]
    pub listen: Listen,
    /// Where clients reach the server, as https://ca.lan:14000, when that is another address than the one it listens at: it
    /// is then known by that one only.
    #[arg(long, value_name = "URL", value_parser = base::parse)]
    pub base_url: Option<Base>,
    /// The folder that holds the disposable CA and all accounts and certificates; DIR/root.pem is what clients
    /// have to trust.
    #[arg(long, value_name = "DIR", default_value = ".selvedge")]
    pub state: PathBuf,
    /// The folder of a CA that is kept, made by `init`, to try out: issuers of the same names, kinds of keys and constraints
    /// sign, with throw-away keys below the root of the state folder.
    #[arg(long, value_name = "DIR")]
    pub ca: Option<PathBuf>,
    /// Sign with the keys of --ca themselves. What is issued is good for all who trust that CA, and stands in no record of
    /// it; and here every program of this machine can set DNS records.
    #[arg(long, requires = "ca")]
    pub sign_with_real_keys: bool,
    /// The port at which http-01 challenges are looked for.
    #[arg(long, value_name = "PORT", default_value_t = 5002, value_parser = number::port)]
    pub http01_port: u16,
    /// The port at which tls-alpn-01 challenges are looked for.
    #[arg(long, value_name = "PORT", default_value_t = 5001, value_parser = number::port)]
    pub tls_alpn_port: u16,
    /// A DNS-over-HTTPS resolver to ask for names, instead of answering them here.
    #[arg(long, value_name = "URL", value_parser = resolver_url)]
    pub resolver: Option<Url>,
    /// Serve http instead of https. Some clients refuse that.
    #[arg(long)]
    pub plain_http: bool,
    /// Bind the issuers' keys as Cloudflare's `secret_key` does: the Worker has them sign and can never read them.
    #[arg(long)]
    pub key_binding: bool,
    /// Sets a variable or secret of the Worker, in place of what wrangler.toml and `dev` say: POLICY, say, or
    /// TERMS_OF_SERVICE. NAME=@FILE takes what is in a file, so that a secret is on no command line; a value that begins
    /// with @ is written @@. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<Assignment>,
    /// Refuses this share of good nonces, as a CA with several data centres may, to see what clients make of it. The
    /// nonce in the refusal is taken.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = number::range::<u8, 0, 50>)]
    pub refuse_nonces: u8,
    /// How long the server's own certificate is used before another is made, in seconds. For tests.
    #[arg(long, value_name = "SECONDS", hide = true, default_value_t = pki::SERVER_RENEWAL.as_secs(), value_parser = number::range::<u64, 1, 5_184_000>)]
    pub server_certificate_use: u64,
}

fn resolver_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let usable = matches!(url.scheme(), "https" | "http") && url.has_host();
    usable.then_some(url).ok_or_else(|| "a DNS-over-HTTPS resolver is an https URL".to_owned())
}
