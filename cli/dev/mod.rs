//! `dev`: the whole authority on this machine, in one command.
//!
//! It runs the very module that deploys to Cloudflare Workers on workerd, the same runtime, and adds what a
//! machine at a desk lacks: a disposable root and intermediate, a certificate for the server itself, names
//! that resolve to this machine and DNS records that tests can set. All of it lies in the state folder and
//! goes with it. Nothing stands between the clients and workerd: TLS is workerd's too.

mod admin;
mod banner;
mod bound;
mod capnp;
mod databases;
mod dns;
mod kept;
mod listen;
mod management;
mod pki;
mod ready;
mod state;
#[cfg(test)]
mod tests;
mod workerd;
mod wrangler;
mod zone;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use crate::tools::{Built, Toolbox, interrupt};
use crate::{host, keys};
use banner::{Names, Ports, Running};
use capnp::{Binding, Served};
pub use capnp::{Module, ModuleKind};
use dns::Resolver;
use kept::Kept;
use listen::Listen;
use management::{DOH_PATH, Sockets};
use pki::Authority;
use state::{RUNNING, Readers, State};
use workerd::Workerd;
use wrangler::Var;
pub use wrangler::Wrangler;

/// The Worker's log of requests and errors, in the state folder.
const LOG: &str = "workerd.log";
/// workerd's configuration, in the state folder.
const CONFIG: &str = "workerd.capnp";
/// A Ctrl-C reaches workerd and us at the same time: how long after workerd's end it may arrive here.
const TOGETHER: Duration = Duration::from_millis(250);

/// What `dev` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where the server listens. With port 0 it takes any that is free.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:14000")]
    listen: Listen,
    /// The folder that holds the disposable CA and all accounts and certificates; DIR/root.pem is what clients
    /// have to trust.
    #[arg(long, value_name = "DIR", default_value = ".selvedge")]
    state: PathBuf,
    /// The folder of a CA that is kept, made by `init`: its issuers sign, in place of the disposable one. DIR/root.pem is
    /// what those trust who trust its certificates; the server itself is still below the root of the state folder.
    #[arg(long, value_name = "DIR")]
    ca: Option<PathBuf>,
    /// The port at which http-01 challenges are looked for.
    #[arg(long, value_name = "PORT", default_value_t = 5002)]
    http01_port: u16,
    /// The port at which tls-alpn-01 challenges are looked for.
    #[arg(long, value_name = "PORT", default_value_t = 5001)]
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
    /// TERMS_OF_SERVICE. May be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Refuses this share of good nonces, as a CA with several data centres may, to see what clients make of it. The
    /// nonce in the refusal is taken.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=50))]
    refuse_nonces: u8,
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
            wrangler: Wrangler::parse(&text)?.without(&keys::public_settings()),
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
    keys::leave_no_core()?;
    let state = State::open(&options.state)?;
    drop(options.listen.bind()?);
    let now = host::now()?;
    let authority = Authority::of(&state, &options.listen, now)?;
    let kept = options.ca.as_deref().map(|dir| Kept::read(dir, now)).transpose()?;
    admin::make(&state)?;
    databases::check(&state.objects())?;
    let program = prepare()?;
    // One thread: it starts workerd, and workerd is to die with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let ended = runtime.block_on(serve(options, &state, (&authority, kept.as_ref()), &program));
    // A look-up that the system takes its time for is not waited for.
    runtime.shutdown_background();
    ended
}

/// Starts everything, waits for a reason to stop, and stops everything.
async fn serve(
    options: &Options,
    state: &State,
    (authority, kept): (&Authority, Option<&Kept>),
    program: &Program,
) -> Result<()> {
    let mut stop = Stop::watch()?;
    if interrupt::requested() {
        return Ok(());
    }
    let listener = options.listen.bind()?;
    let listen = options.listen.at(&listener)?;
    let sockets = Sockets::bind(listen.loopback(), listen.port.checked_add(1)).await?;
    let origin = listen.origin(if options.plain_http { "http" } else { "https" });
    // Verifiers fetch CRLs and issuer certificates by plain http, also where clients have to use https.
    let plain = if options.plain_http { None } else { Some(listen.plain_beside()?) };
    let running = Running {
        directory: format!("{origin}/directory"),
        root: state.path(pki::ROOT).display().to_string(),
        admin_token: state.path(admin::TOKEN).display().to_string(),
        issued_below: kept.map(|kept| kept.root.clone()),
        status: plain.as_ref().map_or_else(|| origin.clone(), |plain| plain.origin("http")),
        management: format!("http://{}", sockets.address),
        dns: sockets.address.to_string(),
        pid: std::process::id(),
        workerd_pid: None,
        workerd_log: state.path(LOG).display().to_string(),
    };
    let bindings = bindings(options, (state, kept), (&origin, &running.status, &running.management))?;
    let plain = plain.map(|plain| plain.to_string());
    let served = Served {
        wrangler: &program.wrangler,
        modules: &program.modules,
        bindings: &bindings,
        objects: &state.objects(),
        keypair: (!options.plain_http).then_some(&authority.keypair),
        plain: plain.as_deref(),
    };
    // What was set may be a secret.
    state.write(CONFIG, &served.config()?, Readers::Owner)?;
    let management = sockets.serve(Arc::new(Resolver::new(dns::ask_system)));
    let mut workerd = Workerd::start(&program.workerd, &state.path(CONFIG), listener, &state.path(LOG))?;
    let ended = tokio::select! {
        ended = work(&mut workerd, running, options, state, authority) => ended,
        ended = management => ended,
        () = stop.asked() => Ok(()),
    };
    // Ctrl-C reaches the whole process group: workerd's end may be seen before the signal.
    let asked = ended.is_err() && tokio::time::timeout(TOGETHER, stop.asked()).await.is_ok();
    let damaged = workerd.found_damage();
    workerd.stop().await;
    state.remove(RUNNING)?;
    match ended {
        Err(_) if asked => Ok(()),
        Err(error) if damaged => {
            Err(error.context(format!("a database is damaged: {}", databases::advice(&state.objects()))))
        }
        ended => ended,
    }
}

/// Waits until the server is up, says so, and then waits for an end that should not come.
async fn work(
    workerd: &mut Workerd,
    mut running: Running,
    options: &Options,
    state: &State,
    authority: &Authority,
) -> Result<()> {
    running.workerd_pid = workerd.pid();
    tokio::select! {
        // Its end explains more than the connection that broke by it.
        biased;
        error = workerd.ended() => return Err(error),
        up = ready::wait(&running.directory, &authority.root) => up?,
    }
    workerd.be_heard();
    let names = options.resolver.as_ref().map_or(Names::Ours, |url| Names::Of(url.as_str()));
    let ports = Ports { http01: options.http01_port, tls_alpn: options.tls_alpn_port };
    host::print(&banner::text(&running, ports, names, &state.path("clients")));
    state.write(RUNNING, &serde_json::to_string_pretty(&running)?, Readers::Everyone)?;
    Err(workerd.ended().await)
}

/// What the Worker is told beyond its `wrangler.toml`.
fn bindings(
    options: &Options,
    (state, kept): (&State, Option<&Kept>),
    (origin, status, management): (&str, &str, &str),
) -> Result<BTreeMap<String, Binding>> {
    let own_resolver = || format!("{management}{DOH_PATH}");
    let resolver = options.resolver.as_ref().map_or_else(own_resolver, Url::to_string);
    let vars = [
        ("BASE_URL", origin.to_owned()),
        ("STATUS_URL", status.to_owned()),
        ("MODE", "dev".to_owned()),
        ("HTTP01_PORT", options.http01_port.to_string()),
        ("TLS_ALPN_PORT", options.tls_alpn_port.to_string()),
        ("RESOLVER_URL", resolver),
        ("ALLOW_PRIVATE", "true".to_owned()),
        // A test machine is not to wait; `--set` puts others in their place.
        ("RATE_LIMITS", "off".to_owned()),
        ("VALIDATION_SECONDS", "5".to_owned()),
        ("VALIDATION_RETRY_SECONDS", "1".to_owned()),
        ("CRL_GATHERING_SECONDS", "0".to_owned()),
        ("REFUSE_NONCES", options.refuse_nonces.to_string()),
    ];
    let disposable = [
        ("ISSUER_KEY", pki::ISSUER_KEY),
        ("ISSUER_CHAIN", pki::ISSUER),
        ("ROOT_CERTIFICATE", pki::ROOT),
        ("NONCE_KEY", pki::NONCE_KEY),
    ];
    let disposable = disposable.map(|(name, file)| (name.to_owned(), Binding::File(state.path(file))));
    let mut keys = kept.map_or_else(|| disposable.into(), |kept| kept.bindings.clone());
    keys.insert("ADMIN_TOKENS".to_owned(), Binding::File(state.path(admin::TOKENS)));
    let vars = vars.into_iter().map(|(name, value)| (name.to_owned(), Binding::Var(Var::Text(value))));
    let set = options.set.iter().map(|(name, value)| (name.clone(), Binding::Var(Var::Text(value.clone()))));
    let mut all: BTreeMap<String, Binding> = vars.chain(keys).collect();
    if options.key_binding {
        bound::bind_keys(&mut all)?;
    }
    all.extend(set);
    Ok(all)
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a variable is set as NAME=VALUE")?;
    let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || !name.bytes().all(letter) {
        return Err(format!("{name:?} is no name of a variable: they are upper-case letters, digits and _"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn resolver_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let usable = matches!(url.scheme(), "https" | "http") && url.has_host();
    usable.then_some(url).ok_or_else(|| "a DNS-over-HTTPS resolver is an https URL".to_owned())
}

/// The signals that ask to stop.
struct Stop([Signal; 3]);

impl Stop {
    /// From now on they no longer end the process by themselves.
    fn watch() -> Result<Self> {
        let watch = |kind| signal(kind).context("cannot watch for Ctrl-C");
        Ok(Self([watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?, watch(SignalKind::hangup())?]))
    }

    /// Waits for one of them.
    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
