//! `witness serve`: runs a witness on this machine's workerd.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use selvedge::ca::config::witness::KEY;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use url::Url;

use super::folder::Folder;
use crate::common::host;
use crate::common::web;
use crate::runtime::base::local;
use crate::runtime::capnp::{Binding, Served};
use crate::runtime::databases;
use crate::runtime::listen::Listen;
use crate::runtime::program::Program;
use crate::runtime::state::{Owner, Readers, State};
use crate::runtime::workerd::{Listeners, Output, Workerd};
use crate::tools::Toolbox;

/// The state folder.
const STATE: Owner = Owner { command: "witness serve", running: "witness.json" };
/// workerd's configuration, in the state folder.
const CONFIG: &str = "workerd.capnp";
/// workerd's output, in the state folder.
const LOG: &str = "workerd.log";
/// Number of attempts to reach it after its start, and the time between them.
const PATIENCE: (u32, Duration) = (600, Duration::from_millis(50));

/// Options of `witness serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder of the witness.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The address to listen at, by plain http. A server that ends TLS belongs in front of it.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:14100")]
    listen: Listen,
    /// The state folder. A witness that loses it must get a new key.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// The published facts, in the state folder.
#[derive(Serialize)]
struct Running<'a> {
    url: &'a str,
    vkey: String,
    pid: u32,
    workerd_pid: Option<u32>,
}

/// Serves until a signal asks to stop.
pub fn run(options: &Options, toolbox: &Toolbox) -> Result<()> {
    let folder = Folder::read(&options.dir)?;
    let state = State::open_as(&options.state.clone().unwrap_or_else(|| options.dir.join("state")), STATE)?;
    databases::check(&state.objects())?;
    let worker = folder.config.clone().runtime()?;
    let program = if toolbox.is_checkout() {
        Program { worker, ..Program::build_plain(toolbox)? }
    } else {
        Program::deployed(toolbox, worker)?
    };
    // One thread: workerd dies with the thread that started it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(serve(options, &folder, &state, &program))
}

async fn serve(options: &Options, folder: &Folder, state: &State, program: &Program) -> Result<()> {
    let mut stop = [watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?];
    let main = options.listen.bind()?;
    let address = local(main.local_addr().context("cannot read the listening address")?);
    let key = folder.key_file.canonicalize().context("cannot find the key")?;
    let bindings = BTreeMap::from([(KEY.to_owned(), Binding::File(key))]);
    let served = Served {
        worker: &program.worker,
        modules: &program.modules,
        bindings: &bindings,
        objects: &state.objects(),
        written_by: STATE.command,
        keypair: None,
        scheme_header: None,
        plain: false,
    };
    state.write(CONFIG, &served.config()?, Readers::Owner)?;
    let listeners = Listeners { main: main.into(), plain: None, lock: Some(state.lock()?) };
    let output = Arc::new(Output::open(&state.path(LOG))?);
    let mut workerd = Workerd::start(&program.workerd, &state.path(CONFIG), &listeners, Arc::clone(&output))?;
    let url = format!("http://{address}/witness");
    let pid = workerd.pid();
    let work = async {
        ready(&url, address, &folder.settings.vkey.to_string()).await?;
        output.forward_output();
        let vkey = folder.settings.vkey.to_string();
        let running = Running { url: &url, vkey: vkey.clone(), pid: std::process::id(), workerd_pid: pid };
        state.write(STATE.running, &serde_json::to_string_pretty(&running)?, Readers::Everyone)?;
        host::print(&format!("The witness is at {url}, and its verifier key is\n\n  {vkey}\n"));
        std::future::pending::<Result<()>>().await
    };
    let [interrupt, terminate] = &mut stop;
    let ended = tokio::select! {
        // Its exit explains more than the broken connection.
        biased;
        error = workerd.ended() => Err(error),
        ended = work => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    workerd.stop().await;
    state.remove(STATE.running)?;
    ended
}

fn watch(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("cannot watch for Ctrl-C")
}

/// Waits until the witness shows its key.
async fn ready(url: &str, address: SocketAddr, vkey: &str) -> Result<()> {
    let url = Url::parse(url).context("cannot name the witness")?;
    for _ in 0..PATIENCE.0 {
        let asked = url.clone();
        let answer = tokio::task::spawn_blocking(move || web::get(&web::agent(None, Some(address))?, &asked)).await?;
        match answer {
            Ok(answer) if answer.status == 200 && answer.body.trim_ascii() == vkey.as_bytes() => return Ok(()),
            Ok(answer) => bail!("the witness does not start: {}", web::clean(&String::from_utf8_lossy(&answer.body))),
            Err(_) => tokio::time::sleep(PATIENCE.1).await,
        }
    }
    bail!("{url} did not answer in time");
}
