//! `pebble`: the authority with the command line, files and addresses of Pebble.
//!
//! The Worker runs on workerd as in `dev`, with Pebble's paths; TLS, the management interface and DNS are here.

mod authority;
mod bridge;
mod config;
mod front;
mod management;
mod minica;
mod upstream;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Error, Result, bail};
use serde_json::json;
use tokio::net::TcpListener;

use self::bridge::Source;
use self::config::{Config, Environment, USUAL_FILE};
use self::front::Front;
use self::management::Management;
use self::worker::{Parts, Worker};
use crate::common::files::{Readers, Staged};
use crate::common::go_flags::{Flag, Kind, Values};
use crate::common::host;
use crate::common::stop::stopped;
use crate::common::tls::TlsListener;
use crate::common::{go_log, sockets};
use crate::runtime::program::Program;
use crate::tools::{Toolbox, version};

/// The name of the program.
pub const PROGRAM: &str = "pebble";
/// The beginning of its log lines.
const LOG_PREFIX: &str = "Pebble ";

const FLAGS: [Flag; 7] = [
    Flag { name: "config", kind: Kind::Text(USUAL_FILE), help: "Pebble's configuration, a JSON file." },
    Flag { name: "strict", kind: Kind::Switch, help: "Accepted; this server is always strict." },
    Flag {
        name: "dnsserver",
        kind: Kind::Text(""),
        help: "The DNS server for validation, HOST:PORT. Empty: this machine's.",
    },
    Flag { name: "version", kind: Kind::Switch, help: "Print the version." },
    Flag { name: "preauthorized", kind: Kind::Switch, help: "Issue without challenges." },
    Flag {
        name: "root-dir",
        kind: Kind::Text(""),
        help: "A folder in which the roots stay from run to run. Empty: new roots.",
    },
    Flag {
        name: "addresses",
        kind: Kind::Text(""),
        help: "A file to write all addresses to, as JSON, once the server answers.",
    },
];

/// Runs the server until a signal asks to stop.
///
/// # Errors
/// When it cannot be started, or ends by itself.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let values = match Values::read(PROGRAM, &FLAGS, arguments) {
        Ok(values) => values,
        Err(stopped) => return Ok(stopped.print()),
    };
    if values.is_on("version") {
        host::print(&version());
        return Ok(ExitCode::SUCCESS);
    }
    started(&values).map(|()| ExitCode::SUCCESS)
}

fn started(values: &Values) -> Result<()> {
    if let Some(more) = values.rest.first() {
        bail!("unexpected argument {more:?}; flags begin with a dash, as -config FILE");
    }
    host::disable_core_dumps()?;
    log("Starting Pebble ACME server");
    let config = Config::read(values.text("config"))?;
    let environment = Environment::read(|name| std::env::var(name).ok());
    // workerd dies with the thread that starts it: this one.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    let ended = runtime.block_on(serve(values, &config, &environment));
    runtime.shutdown_background();
    ended
}

async fn serve(values: &Values, config: &Config, environment: &Environment) -> Result<()> {
    // Bound first: harnesses wait for a connection, and connections wait for the Worker.
    let acme = sockets::bind_tcp(&config.listen).await?;
    let managed = match config.management.as_str() {
        "" => None,
        address => Some(sockets::bind_tcp(address).await?),
    };
    let now = host::now()?;
    let tls = minica::server_config(config, now)?;
    let (ecdsa, environment_of_ca) = (config.is_ecdsa(), *environment);
    let root_dir = Some(values.text("root-dir")).filter(|dir| !dir.is_empty()).map(std::path::PathBuf::from);
    let making =
        tokio::task::spawn_blocking(move || authority::create(ecdsa, &environment_of_ca, root_dir.as_deref(), now));
    let program = tokio::task::spawn_blocking(|| Program::build_plain(&Toolbox::locate()?)).await??;
    let authority = making.await??;
    let (resolver, bridge) = resolver(values.text("dnsserver")).await?;
    let at = acme.local_addr().context("cannot read the listening address")?;
    let base = format!("https://{}", config.authority(at.port()));
    let preauthorized = values.is_on("preauthorized");
    let parts = Parts { config, environment, authority: &authority, base: &base, resolver: &resolver, preauthorized };
    let mut worker = Worker::start(&parts, &program)?;
    tokio::select! {
        ready = worker.ready() => ready?,
        () = stopped() => return Ok(()),
    }
    let Worker { mut workerd, upstream, .. } = worker;
    let front = Arc::new(Front {
        upstream,
        base,
        sleep: environment.sleep,
        retry_after: config.retry_after,
        identities: config.identities(),
        renewals: Mutex::default(),
    });
    let management = Arc::new(Management { authority, front: Arc::clone(&front) });
    let mut addresses = BTreeMap::from([("acme", at.to_string())]);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(bridge);
    log(format!("Listening on: {}", config.listen));
    log(format!("ACME directory available at: https://{}/dir", config.listen));
    match managed {
        Some(listener) => {
            let at = listener.local_addr().context("cannot read the listening address")?;
            addresses.insert("management", at.to_string());
            log(format!("Management interface listening on: {}", config.management));
            log(format!("Root CA certificate available at: https://{}/roots/0", config.management));
            tasks.spawn(management::serve(TlsListener::new(listener, tls.clone()), management));
        }
        None => log("Management interface is disabled"),
    }
    tasks.spawn(front::serve(TlsListener::new(acme, tls), front));
    write_addresses(values.text("addresses"), &addresses)?;
    let ended = tokio::select! {
        error = workerd.ended() => Err(error),
        Some(ended) = tasks.join_next() => ended.map_err(Error::from).flatten(),
        () = stopped() => Ok(()),
    };
    log("Shutting down");
    workerd.stop().await;
    ended
}

/// The URL of DNS over HTTPS for the Worker, and its server.
async fn resolver(dns_server: &str) -> Result<(String, impl Future<Output = Result<()>> + Send + use<>)> {
    let source = if dns_server.is_empty() { Source::System } else { Source::Server(dns_server.to_owned()) };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen on this machine")?;
    let at = listener.local_addr().context("cannot read the listening address")?;
    Ok((format!("http://{at}{}", bridge::PATH), bridge::serve(listener, source)))
}

/// Writes all addresses to a file, if one is named.
fn write_addresses(file: &str, addresses: &BTreeMap<&str, String>) -> Result<()> {
    if file.is_empty() {
        return Ok(());
    }
    Staged::write(Path::new(file), &json!(addresses).to_string(), Readers::Everyone)?.commit()
}

fn log(text: impl AsRef<str>) {
    go_log::line(LOG_PREFIX, text);
}
