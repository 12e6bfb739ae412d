//! `dev`: the whole authority on this machine, in one command.
//!
//! It runs the very module that deploys to Cloudflare Workers on workerd, the same runtime, and adds what a
//! machine at a desk lacks: a disposable root and intermediate, a certificate for the server itself, names
//! that resolve to this machine and DNS records that tests can set. All of it lies in the state folder and
//! goes with it. Nothing stands between the clients and workerd: TLS is workerd's too.

mod admin;
mod assigned;
mod banner;
mod base;
mod bound;
mod capnp;
mod databases;
mod dns;
mod kept;
mod listen;
mod management;
mod pki;
mod ready;
mod sample;
mod serving;
mod state;
#[cfg(test)]
mod tests;
mod workerd;
mod wrangler;
mod zone;

use std::path::PathBuf;

use anyhow::{Context, Result};
use url::Url;

use crate::ceremony;
use crate::common::host::say;
use crate::common::{host, number};
use crate::tools::{Built, Toolbox};
use assigned::{Assignment, assignment};
use base::Base;
pub use capnp::{Module, ModuleKind};
use kept::Kept;
use listen::Listen;
use pki::{Authority, ServerNames};
use state::State;
pub use wrangler::Wrangler;

/// What `dev` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the server listens. With port 0 it takes any that is free.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:14000")]
    listen: Listen,
    /// Where clients reach the server, as https://ca.lan:14000, when that is another address than the one it listens at: it
    /// is then known by that one only.
    #[arg(long, value_name = "URL", value_parser = base::parse)]
    base_url: Option<Base>,
    /// The folder that holds the disposable CA and all accounts and certificates; DIR/root.pem is what clients
    /// have to trust.
    #[arg(long, value_name = "DIR", default_value = ".selvedge")]
    state: PathBuf,
    /// The folder of a CA that is kept, made by `init`, to try out: issuers of the same names, kinds of keys and constraints
    /// sign, with throw-away keys below the root of the state folder.
    #[arg(long, value_name = "DIR")]
    ca: Option<PathBuf>,
    /// Sign with the keys of --ca themselves. What is issued is good for all who trust that CA, and stands in no record of
    /// it; and here every program of this machine can set DNS records.
    #[arg(long, requires = "ca")]
    sign_with_real_keys: bool,
    /// The port at which http-01 challenges are looked for.
    #[arg(long, value_name = "PORT", default_value_t = 5002, value_parser = number::port)]
    http01_port: u16,
    /// The port at which tls-alpn-01 challenges are looked for.
    #[arg(long, value_name = "PORT", default_value_t = 5001, value_parser = number::port)]
    tls_alpn_port: u16,
    /// A DNS-over-HTTPS resolver to ask for names, instead of answering them here.
    #[arg(long, value_name = "URL", value_parser = resolver_url)]
    resolver: Option<Url>,
    /// Serve http instead of https. Some clients refuse that.
    #[arg(long)]
    plain_http: bool,
    /// Bind the issuers' keys as Cloudflare's `secret_key` does: the Worker has them sign and can never read them.
    #[arg(long)]
    key_binding: bool,
    /// Sets a variable or secret of the Worker, in place of what wrangler.toml and `dev` say: POLICY, say, or
    /// TERMS_OF_SERVICE. NAME=@FILE takes what is in a file, so that a secret is on no command line; a value that begins
    /// with @ is written @@. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<Assignment>,
    /// Refuses this share of good nonces, as a CA with several data centres may, to see what clients make of it. The
    /// nonce in the refusal is taken.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = number::range::<u8, 0, 50>)]
    refuse_nonces: u8,
    /// How long the server's own certificate is used before another is made, in seconds. For tests.
    #[arg(long, value_name = "SECONDS", hide = true, default_value_t = pki::SERVER_RENEWAL.as_secs(), value_parser = number::range::<u64, 1, 5_184_000>)]
    server_certificate_use: u64,
}

/// The programs and files that make up the server.
#[derive(Clone, Debug)]
pub struct Program {
    /// The workerd binary.
    pub workerd: PathBuf,
    /// The Worker's modules, the entry first.
    pub modules: Vec<Module>,
    /// What the Worker's `wrangler.toml` says.
    pub wrangler: Wrangler,
}

impl Program {
    /// The real one: the tools made sure of, the wasm built from the sources as they are.
    ///
    /// # Errors
    /// When a tool cannot be had, or the sources do not compile.
    pub fn build(toolbox: &Toolbox) -> Result<Self> {
        toolbox.ensure_npm_runtime()?;
        let Built { js, wasm, .. } = toolbox.build_wasm()?;
        let file = toolbox.root().join("wrangler.toml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let module = |name: &str, kind, path| Module { name: name.to_owned(), kind, path };
        Ok(Self {
            workerd: toolbox.workerd()?,
            modules: vec![module("index.js", ModuleKind::Es, js), module("index_bg.wasm", ModuleKind::Wasm, wasm)],
            // They are of the CA that is deployed.
            wrangler: Wrangler::parse(&text)?.without(&ceremony::public_settings()),
        })
    }
}

/// Runs the server until it is told to stop.
///
/// `prepare` may take minutes; what can be refused without it is refused before it is called.
///
/// # Errors
/// When the server cannot be started, or ends by itself. Nothing that was started is left then.
pub fn run(options: &Options, prepare: impl FnOnce() -> Result<Program>) -> Result<()> {
    host::leave_no_core()?;
    let base = Base::of(options.base_url.as_ref(), &options.listen, options.plain_http)?;
    let state = State::open(&options.state)?;
    drop(options.listen.bind()?);
    let now = host::now()?;
    let authority = Authority::of(&state, ServerNames { base: &base, listen: &options.listen }, now)?;
    let kept = options.ca.as_deref().map(|dir| Kept::read(dir, now)).transpose()?;
    let kept = match kept {
        Some(kept) if !options.sign_with_real_keys => Some(kept.stand_in(&state, &authority.root)?),
        kept => kept,
    };
    admin::make(&state)?;
    databases::check(&state.objects())?;
    let program = prepare()?;
    for (name, near) in assigned::unknown(program.wrangler.vars.keys()) {
        say(format!("wrangler.toml sets {name}, which nothing reads; {near}"));
    }
    // One thread: it starts workerd, and workerd is to die with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let ended = runtime.block_on(serving::serve(options, &state, (&authority, kept.as_ref()), &program));
    // A look-up that the system takes its time for is not waited for.
    runtime.shutdown_background();
    ended
}

fn resolver_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let usable = matches!(url.scheme(), "https" | "http") && url.has_host();
    usable.then_some(url).ok_or_else(|| "a DNS-over-HTTPS resolver is an https URL".to_owned())
}
