//! The running CA: front, workerd and certificate, until a signal asks to stop.

use std::net::SocketAddr;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use super::certificate::{Certificate, current};
use super::door::Door;
use super::front::{Front, Health, Way};
use super::issued::host;
use super::options::Options;
use super::published::{Facts, Published};
use super::settings::{SCHEME_HEADER, Settings};
use super::signals::{Asked, Signals};
use super::supervisor::Supervisor;
use super::urls::Listeners;
use super::{journal, pair};
use crate::common::host::{now, say};
use crate::runtime::capnp::Served;
use crate::runtime::program::Program;
use crate::runtime::state::{Readers, SERVE, State};
use crate::runtime::workerd::{Listeners as Inherited, Output, Workerd};
use crate::tools;

/// workerd's configuration, in the state folder.
const CONFIG: &str = "workerd.capnp";
/// workerd's socket, in the state folder.
const SOCKET: &str = "workerd.sock";
/// Longest path of a socket, over all systems.
const MAX_SOCKET_PATH: usize = 100;
/// How long open requests may take at the end.
const PATIENCE: Duration = Duration::from_secs(15);

/// The parts of a CA that is about to start.
pub struct Parts<'a> {
    pub options: &'a Options,
    pub settings: Settings,
    pub state: State,
    pub program: Program,
}

/// Serves until a signal asks to stop.
pub async fn serve(parts: Parts<'_>, listeners: Listeners) -> Result<()> {
    let Parts { options, settings, state, program } = parts;
    let mut signals = Signals::watch()?;
    let base = settings.base.clone();
    let name = host(&base);
    write_config(&settings, &state, &program)?;
    let directory = format!("{}/directory", base.origin().ascii_serialization());
    let settings = Arc::new(Mutex::new(Arc::new(settings)));
    let door = Door::open(&state, &name, now()?).await?;
    let certificate = Certificate::of(options, Arc::clone(&settings), &state, door.key.clone())?;
    let (main, status) = (listening(listeners.main)?, listening(listeners.status)?);
    let facts = facts(&directory, &main, &status)?;
    let published = Published::new(&state, facts.clone());
    let socket = state.path(SOCKET);
    let supervisor = Supervisor {
        program: program.workerd.clone(),
        config: state.path(CONFIG),
        listeners: Inherited { main: unix_socket(&socket)?.into(), plain: None, lock: Some(state.lock()?) },
        output: Arc::new(Output::own()),
        directory,
        door: door.key,
        published: &published,
        up: watch::Sender::new(false),
        restart: Notify::new(),
    };
    let authority = base.as_str().trim_start_matches("https://").trim_end_matches('/').to_owned();
    let presented = (!options.tls.plain_http).then(|| Arc::clone(&certificate.presented));
    let front = Front::new(socket, authority, Health::new(state.dir().to_path_buf(), presented.clone()));
    tokio::spawn(Arc::clone(&front).accept(door.listener, Way { tls: Some(door.tls), scheme: "https" }));
    let main_tls = presented.map(pair::tls).transpose()?;
    let mut slot = None;
    let ended = {
        let mut kept = pin!(supervisor.keep(&mut slot));
        let mut life = pin!(async {
            let _ = supervisor.up.subscribe().wait_for(|up| *up).await;
            certificate.first().await?;
            tokio::spawn(Arc::clone(&front).accept(main, Way { tls: main_tls, scheme: "https" }));
            tokio::spawn(Arc::clone(&front).accept(status, Way { tls: None, scheme: "http" }));
            announce(&facts, options)?;
            published.update(|facts| facts.serves = true);
            certificate.keep(&name).await;
            Ok(())
        });
        loop {
            tokio::select! {
                ended = &mut kept => break ended,
                ended = &mut life => break ended,
                asked = signals.next() => match asked {
                    Asked::Stop => break Ok(()),
                    Asked::Reopen => journal::reopen(options.log_file.as_deref()),
                    Asked::Restart if reload(options, &settings, &state, &program) => supervisor.restart.notify_one(),
                    Asked::Restart => {}
                },
            }
        }
    };
    stop(&front, slot, ended.is_ok()).await;
    state.remove(SERVE.running)?;
    ended
}

/// Answers open requests and ends workerd.
async fn stop(front: &Front, workerd: Option<Workerd>, asked: bool) {
    if asked {
        say("stopping: open requests are answered first");
    }
    front.close(PATIENCE).await;
    if let Some(workerd) = workerd {
        workerd.drain().await;
    }
}

/// The facts before workerd runs.
fn facts(directory: &str, main: &TcpListener, status: &TcpListener) -> Result<Facts> {
    Ok(Facts {
        directory: directory.to_owned(),
        listen: address(main)?.to_string(),
        status_listen: address(status)?.to_string(),
        pid: std::process::id(),
        workerd_pid: None,
        serves: false,
    })
}

/// Says what is served where, and directs the output to the log file.
fn announce(facts: &Facts, options: &Options) -> Result<()> {
    if let Some(file) = &options.log_file {
        say(format!("the CA is up; its log is {}", file.display()));
        journal::open(file)?;
    }
    let version = tools::version().trim_end().replace('\n', ", ");
    say(format!(
        "{version}: {} is served at {}, CRLs and issuer certificates at {}",
        facts.directory, facts.listen, facts.status_listen
    ));
    Ok(())
}

/// Reads the settings again; whether workerd is to start with them.
fn reload(options: &Options, settings: &Mutex<Arc<Settings>>, state: &State, program: &Program) -> bool {
    let read = || -> Result<Option<Settings>> {
        let Some(new) = Settings::read(options, now()?)? else { return Ok(None) };
        let old = current(settings);
        if (&new.base, &new.worker.name) != (&old.base, &old.worker.name) {
            bail!("BASE_URL and the Worker's name cannot change while it runs, or ever for this state folder");
        }
        if options.tls.tls_from_ca && old.is_closed() && !new.is_closed() {
            bail!(
                "CLOSED was removed: stop `serve` and start it again, so that the CA issues its certificate for https"
            );
        }
        let program = Program { worker: new.worker.clone(), ..program.clone() };
        write_config(&new, state, &program)?;
        Ok(Some(new))
    };
    match read() {
        Ok(Some(new)) => {
            *settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            return true;
        }
        Ok(None) => say("the settings stay as they are, for the reasons above"),
        Err(error) => say(format!("the settings stay as they are: {error:#}")),
    }
    false
}

/// Writes workerd's configuration, which has secrets of `--secret`.
fn write_config(settings: &Settings, state: &State, program: &Program) -> Result<()> {
    let served = Served {
        worker: &settings.worker,
        modules: &program.modules,
        bindings: &settings.bindings,
        objects: &state.objects(),
        written_by: "serve",
        keypair: None,
        scheme_header: Some(SCHEME_HEADER),
        plain: false,
    };
    state.write(CONFIG, &served.config()?, Readers::Owner)
}

/// workerd's socket, that of an earlier run replaced.
fn unix_socket(path: &Path) -> Result<UnixListener> {
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        bail!(
            "the path of the state folder is too long for a socket in it ({}): choose a shorter one with --state",
            path.display()
        );
    }
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).with_context(|| format!("cannot make the socket {}", path.display()))
}

fn listening(listener: std::net::TcpListener) -> Result<TcpListener> {
    listener.set_nonblocking(true).context("cannot read from the listening socket")?;
    TcpListener::from_std(listener).context("cannot read from the listening socket")
}

fn address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().context("cannot read the listening address")
}
