//! Runs the server: start, readiness, certificate renewal, stop.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use super::banner::{Names, Ports, Running};
use super::faults::{self, FaultCalls};
use super::kept::{KeptCa, Keys};
use super::management::{DOH_PATH, Sockets};
use super::options::Options;
use super::pki::{Authority, ServerNames};
use super::sample::Sample;
use super::several::{Place, Shared};
use super::{admin_token, banner, log_key, pki};
use crate::common::host;
use crate::common::host::say;
use crate::common::secret::Secret;
use crate::common::shell::quoted;
use crate::common::worker_config::Var;
use crate::runtime::capnp::{Binding, Served};
use crate::runtime::clock::sleep;
use crate::runtime::program::Program;
use crate::runtime::state::{RUNNING, Readers, State};
use crate::runtime::workerd::{Listeners, Output, Workerd};
use crate::runtime::{base, databases, key_binding, ready};
use crate::tools::interrupt;

/// The Worker's log of requests and errors, in the state folder.
const LOG: &str = "workerd.log";
/// workerd's configuration, in the state folder.
const CONFIG: &str = "workerd.capnp";
/// How long after workerd's end a Ctrl-C, which both get, may arrive here.
const SIGNAL_DELAY: Duration = Duration::from_millis(250);
/// Delay before a failed renewal is tried again.
const RETRY_DELAY: Duration = Duration::from_secs(3600);

/// The state of a running server.
struct Serving<'a> {
    options: &'a Options,
    state: &'a State,
    authority: &'a Authority,
    names: ServerNames<'a>,
    workerd: PathBuf,
    listeners: Listeners,
    output: Arc<Output>,
    shared: &'a Shared,
    name: Option<&'a str>,
    /// Whether it answers.
    ready: Arc<AtomicBool>,
    /// Its address on this machine.
    local: SocketAddr,
    sample: Sample,
}

/// The origins of the server.
#[derive(Clone, Debug)]
pub struct Origins {
    /// Of the CA, as `BASE_URL`.
    pub base: String,
    /// Of CRLs and issuer certificates, by plain http.
    pub status: String,
    /// Of the management address.
    pub management: String,
}

/// Starts everything, waits for a reason to stop, and stops everything.
pub async fn serve(place: &Place, program: &Program, shared: &Shared) -> Result<()> {
    let Place { name, options, state, authority, kept } = place;
    let (kept, ready) = (kept.as_ref(), Arc::new(AtomicBool::new(false)));
    let stop = Stop::watch()?;
    if interrupt::requested() {
        return Ok(());
    }
    let main = options.listen.bind()?;
    let listen = options.listen.at(&main)?;
    let local = base::local(main.local_addr().context("cannot read the listening address")?);
    let base = base::Base::of(options.base_url.as_ref(), &listen, options.plain_http)?;
    let sockets = Sockets::bind(listen.loopback(), listen.port.checked_add(1)).await?;
    // Verifiers fetch CRLs and issuer certificates by plain http, even if clients use https.
    let plain = if options.plain_http { None } else { Some(listen.plain_beside()?) };
    let status = plain.as_ref().map_or_else(|| base.origin().to_owned(), |(plain, _)| base.plain(plain.port));
    let origins = Origins { base: base.origin().to_owned(), status, management: format!("http://{}", sockets.address) };
    let dns = sockets.address.to_string();
    let running = Running { dns, faults: options.faults, ..running(state, &origins, local, kept) };
    let mut bindings = bindings(options, state, kept, &origins)?;
    if let (true, None) = (options.faults, kept) {
        let expired = authority.expired_issuer()?;
        bindings.entry("EXPIRED_ISSUERS".to_owned()).or_insert(Binding::Var(Var::Text(expired)));
    }
    let served = Served {
        worker: &program.worker,
        modules: &program.modules,
        bindings: &bindings,
        objects: &state.objects(),
        keypair: (!options.plain_http).then_some(&authority.keypair),
        written_by: "dev",
        scheme_header: None,
        plain: plain.is_some(),
    };
    // Values of --set may be secrets.
    state.write(CONFIG, &served.config()?, Readers::Owner)?;
    let faults = fault_calls(place, &origins, local)?;
    let management = sockets.serve(Arc::clone(&shared.resolver), Arc::clone(&ready), faults);
    let serving = Serving {
        options,
        state,
        authority,
        names: ServerNames { base: &base, listen: &listen, further: &options.certificate_name },
        workerd: program.workerd.clone(),
        listeners: Listeners { main: main.into(), plain: plain.map(|(_, it)| it.into()), lock: Some(state.lock()?) },
        output: Arc::new(Output::open(&state.path(LOG))?),
        shared,
        name: name.as_deref(),
        ready,
        local,
        sample: Sample::of(&bindings, &program.worker, kept),
    };
    until_the_end(&serving, running, kept, management, stop).await
}

/// Works until a reason to stop, and stops everything.
async fn until_the_end(
    serving: &Serving<'_>,
    running: Running,
    kept: Option<&KeptCa>,
    management: impl Future<Output = Result<()>>,
    mut stop: Stop,
) -> Result<()> {
    let state = serving.state;
    let mut workerd = None;
    let ended = {
        let work = serving.work(&mut workerd, running, kept);
        tokio::select! {
            ended = work => ended,
            ended = management => ended,
            () = stop.asked() => Ok(()),
            () = serving.shared.one_ended() => Ok(()),
        }
    };
    // Ctrl-C reaches the whole process group: workerd's end may be seen before the signal.
    let asked = ended.is_err() && tokio::time::timeout(SIGNAL_DELAY, stop.asked()).await.is_ok();
    let damaged = serving.output.found_damage();
    if let Some(workerd) = workerd {
        workerd.stop().await;
    }
    state.remove(RUNNING)?;
    match ended {
        Err(_) if asked => Ok(()),
        Err(error) if damaged => Err(damaged_database(error, state)),
        ended => ended,
    }
}

/// The calls for faults at the management address, with the token of the state folder.
fn fault_calls(place: &Place, origins: &Origins, local: SocketAddr) -> Result<faults::Shared> {
    let Place { options, state, authority, .. } = place;
    if !options.faults {
        return Ok(None);
    }
    let token = state.read(admin_token::TOKEN)?.context("the admin token is missing")?;
    let token = Secret::new(token.trim().to_owned());
    Ok(Some(Arc::new(FaultCalls::new(&origins.base, local, &authority.root.certificate, token)?)))
}

/// Adds the advice about a damaged database to an error.
fn damaged_database(error: Error, state: &State) -> Error {
    error.context(format!("a database is damaged: {}", databases::advice(&state.objects())))
}

/// The published facts of the server.
fn running(state: &State, origins: &Origins, local: SocketAddr, kept: Option<&KeptCa>) -> Running {
    Running {
        directory: format!("{}/directory", origins.base),
        address: local.to_string(),
        root: state.path(pki::ROOT).display().to_string(),
        admin_token: state.path(admin_token::TOKEN).display().to_string(),
        issued_below: kept.filter(|kept| kept.keys == Keys::Real).map(|kept| kept.root.clone()),
        status: origins.status.clone(),
        management: origins.management.clone(),
        dns: String::new(),
        faults: false,
        pid: std::process::id(),
        workerd_pid: None,
        workerd_log: state.path(LOG).display().to_string(),
    }
}

impl Serving<'_> {
    /// Starts workerd, prints the banner, and restarts it for each new certificate; returns on failure.
    async fn work(&self, slot: &mut Option<Workerd>, mut running: Running, kept: Option<&KeptCa>) -> Result<()> {
        let mut said = false;
        loop {
            let workerd = slot.insert(self.start()?);
            running.workerd_pid = workerd.pid();
            tokio::select! {
                // Its exit explains more than the broken connection.
                biased;
                error = workerd.ended() => return Err(error),
                up = ready::wait(&running.directory, self.local, &self.authority.root.certificate) => up.map_err(|error| self.located(error))?,
            }
            if !said {
                self.output.forward_output();
                host::print(&self.banner(&running, kept));
                said = true;
            }
            self.ready.store(true, Ordering::Relaxed);
            self.state.write(RUNNING, &serde_json::to_string_pretty(&running)?, Readers::Owner)?;
            self.shared.answers(self.name, &running)?;
            tokio::select! {
                biased;
                error = workerd.ended() => return Err(error),
                () = self.until_certified() => {}
            }
            // The next process reads the new certificate. Meanwhile connections wait.
            if let Some(workerd) = slot.take() {
                workerd.drain().await;
            }
        }
    }

    fn start(&self) -> Result<Workerd> {
        Workerd::start(&self.workerd, &self.state.path(CONFIG), &self.listeners, Arc::clone(&self.output))
    }

    fn located(&self, error: Error) -> Error {
        let error = format!("{error:#}");
        Error::msg(format!("{error}\n(its log is {})", self.state.path(LOG).display()))
    }

    fn banner(&self, running: &Running, kept: Option<&KeptCa>) -> String {
        if let Some(name) = self.name {
            return banner::of_another(name, running);
        }
        let names = self.options.resolver.as_ref().map_or(Names::Dev, |url| Names::Resolver(url.as_str()));
        let ports = Ports { http01: self.options.http01_port, tls_alpn: self.options.tls_alpn_port };
        let mut text = banner::text(running, ports, names, &self.state.path("clients"), &self.sample);
        if let Some(kept) = kept {
            text.insert_str(0, &format!("{}\n\n", kept.notice()));
        }
        if self.names.listen.is_everywhere() && self.options.base_url.is_none() {
            text.push_str(
                "\nIt listens at all addresses of this machine but answers only under the URL above: set the URL for \
                 other machines with --base-url.\n",
            );
        }
        if self.options.ephemeral {
            let _ = writeln!(
                text,
                "\nIt is in memory only; commands of operators find it by --state {}",
                quoted(self.state.dir())
            );
        }
        text
    }

    /// Waits until the server's certificate is due, and renews it.
    async fn until_certified(&self) {
        if self.options.plain_http {
            return std::future::pending().await;
        }
        let mut wait = Duration::from_secs(self.options.server_certificate_use);
        loop {
            let Some(now) = sleep(wait).await else { continue };
            match self.authority.certify_server(self.state, self.names, now) {
                Ok(()) => return,
                Err(error) => {
                    say(format!("cannot renew the server's certificate, trying again later: {error:#}"));
                    wait = RETRY_DELAY;
                }
            }
        }
    }
}

/// The Worker's bindings in addition to `wrangler.toml`.
pub fn bindings(
    options: &Options,
    state: &State,
    kept: Option<&KeptCa>,
    origins: &Origins,
) -> Result<BTreeMap<String, Binding>> {
    let own_resolver = || format!("{}{DOH_PATH}", origins.management);
    let resolver = options.resolver.as_ref().map_or_else(own_resolver, Url::to_string);
    let vars = [
        ("BASE_URL", origins.base.clone()),
        ("STATUS_URL", origins.status.clone()),
        ("MODE", "dev".to_owned()),
        ("HTTP01_PORT", options.http01_port.to_string()),
        ("TLS_ALPN_PORT", options.tls_alpn_port.to_string()),
        ("RESOLVER_URL", resolver),
        ("ALLOW_PRIVATE", "true".to_owned()),
        // No waiting on a test machine; `--set` overrides them.
        ("RATE_LIMITS", "off".to_owned()),
        ("VALIDATION_SECONDS", "5".to_owned()),
        ("VALIDATION_RETRY_SECONDS", "1".to_owned()),
        ("CRL_GATHERING_SECONDS", "0".to_owned()),
        ("REFUSE_NONCES", options.refuse_nonces.to_string()),
    ];
    let modes = [
        (options.faults, "FAULTS", "true"),
        (options.always_valid, "ALWAYS_VALID", "true"),
        (options.preauthorized, "POLICY", r#"{"preauthorized":["*"]}"#),
    ];
    let modes = modes.into_iter().filter(|(on, ..)| *on).map(|(_, name, value)| (name, value.to_owned()));
    let disposable = [
        ("ISSUER_KEY", pki::ISSUER_KEY),
        ("ISSUER_CHAIN", pki::ISSUER),
        ("ROOT_CERTIFICATE", pki::ROOT),
        ("NONCE_KEY", pki::NONCE_KEY),
    ];
    let disposable = disposable.map(|(name, file)| (name.to_owned(), Binding::File(state.path(file))));
    let mut keys = kept.map_or_else(|| disposable.into(), |kept| kept.bindings.clone());
    keys.insert("ADMIN_TOKENS".to_owned(), Binding::File(state.path(admin_token::TOKENS)));
    if options.log {
        keys.entry("LOG_KEY".to_owned()).or_insert_with(|| Binding::File(state.path(log_key::LOG_KEY)));
    }
    let vars = vars.into_iter().chain(modes).map(|(name, value)| (name.to_owned(), Binding::Var(Var::Text(value))));
    let set = options.set.iter().map(|(name, value)| (name.clone(), Binding::Var(Var::Text(value.clone()))));
    let mut all: BTreeMap<String, Binding> = vars.chain(keys).collect();
    if options.key_binding {
        key_binding::bind_keys(&mut all)?;
    }
    all.extend(set);
    Ok(all)
}

/// The signals that ask to stop.
struct Stop([Signal; 3]);

impl Stop {
    /// Installs handlers, so that the signals no longer end the process.
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
